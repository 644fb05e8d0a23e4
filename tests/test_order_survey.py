"""The survey of all layers: what `compare_orders` finds layer by layer, and its recorded form."""

from dataclasses import replace

import pytest

from lattice_core import ORDERS

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from test_language_model import tiny_model  # noqa: E402

from lattice_core.language_model import (  # noqa: E402
    InputReduction,
    OrderSurvey,
    collect_hessians,
    linear_layers,
    order_survey,
    recorded_survey,
    survey_orders,
    survey_reductions,
)
from lattice_core.layers import order_comparison, order_laws  # noqa: E402
from lattice_core.layers.hessian import damp  # noqa: E402
from lattice_core.layers.order_comparison import compare_orders  # noqa: E402
from lattice_core.layers.reduction import reduced_pivot_sum  # noqa: E402

SETTING = {"bits": 2, "group_size": 5, "scale_rule": "absmax", "damping": 0.1}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def loaded():
    return tiny_model()


@pytest.fixture(scope="module")
def hessians(loaded):
    tokens = torch.arange(90) * 7 % 50
    return collect_hessians(loaded, tokens, layers=list(linear_layers(loaded.model)), window=30)


@pytest.fixture(scope="module")
def layers(loaded, hessians):
    return list(survey_orders(loaded, hessians, **SETTING))


def test_survey_is_the_comparison_of_each_layer_in_forward_order(loaded, hessians, layers) -> None:
    assert [(layer.block, layer.linear) for layer in layers] == [
        (block, linear) for block in (0, 1) for linear in LINEARS
    ]
    for layer in layers:
        weight = linear_layers(loaded.model)[layer.layer].weight
        alone = compare_orders(weight, hessians[layer.layer], **SETTING)
        for ours, theirs in zip(layer.results, alone.results, strict=True):
            # Seconds are of another run.
            assert replace(ours, seconds=0) == replace(theirs, seconds=0)
        assert (layer.rows, layer.columns) == tuple(weight.shape)
        assert layer.pivot_floor == alone.pivot_floor
        gaps = [abs(p.log_determinant - alone.log_determinant) for p in alone.profiles]
        assert layer.determinant_gap == max(gaps)
        assert layer.seconds > 0


def test_layers_with_one_input_are_factorized_once(loaded, hessians, monkeypatch) -> None:
    factorized = []
    factorize = order_comparison.factorize
    monkeypatch.setattr(
        order_comparison, "factorize", lambda *x: factorized.append(len(x[0])) or factorize(*x)
    )
    assert len(list(survey_orders(loaded, hessians, **SETTING))) == 14
    inputs = {id(hessian) for hessian in hessians.values()}
    assert len(inputs) == 8
    assert len(factorized) == len(inputs) * len(ORDERS)


def test_layers_that_are_done_are_skipped(loaded, hessians, layers) -> None:
    done = [layer.layer for layer in layers[:9]]
    rest = list(survey_orders(loaded, hessians, skip=done, **SETTING))
    assert [layer.layer for layer in rest] == [layer.layer for layer in layers[9:]]
    assert [r.loss for r in rest[0].results] == [r.loss for r in layers[9].results]


def test_survey_ends_between_two_layers_once_it_is_cancelled(loaded, hessians) -> None:
    asked = iter([False, False, False, True])
    found = list(survey_orders(loaded, hessians, cancel=lambda: next(asked), **SETTING))
    assert [layer.linear for layer in found] == LINEARS[:3]


def test_error_names_the_layer(loaded, hessians) -> None:
    name = "model.layers.0.self_attn.o_proj"
    broken = hessians | {name: torch.full_like(hessians[name], torch.nan)}
    survey = survey_orders(loaded, broken, **SETTING)
    for _ in range(3):
        next(survey)
    with pytest.raises(ValueError, match=rf"{name}: hessian holds nan"):
        next(survey)


def test_reductions_are_those_of_each_input(hessians) -> None:
    reductions = list(survey_reductions(hessians, damping=0.1))
    assert len(reductions) == 8 * len(order_survey.REDUCED_FROM)
    assert reductions[0].layers == tuple(f"model.layers.0.self_attn.{n}_proj" for n in "qkv")
    for found in reductions:
        alone = reduced_pivot_sum(damp(hessians[found.layers[0]], 0.1), found.order)
        assert (found.pivot_sum, found.swaps) == (alone.pivot_sum, alone.swaps)


def test_reductions_leave_out_wide_inputs_and_what_is_done_and_can_be_cancelled(
    hessians, monkeypatch
) -> None:
    monkeypatch.setattr(order_survey, "WIDEST", 12)  # down_proj has 20 inputs
    whole = list(survey_reductions(hessians))
    assert {layer.rpartition(".")[2] for r in whole for layer in r.layers} == set(LINEARS[:-1])
    done = [(r.layers[0], r.order) for r in whole[:5]]
    rest = list(survey_reductions(hessians, skip=done))
    assert [(r.layers, r.order) for r in rest] == [(r.layers, r.order) for r in whole[5:]]
    assert not list(survey_reductions(hessians, cancel=lambda: True))


class Lazy(dict):
    """A mapping that makes its tensors when asked, as one that reads a file does."""

    def __getitem__(self, name):
        return super().__getitem__(name).clone()


def test_mapping_that_makes_its_tensors_shares_none_and_loses_none(hessians) -> None:
    found = list(survey_reductions(Lazy(hessians), orders=["min_pivot"]))
    assert [name for reduction in found for name in reduction.layers] == list(hessians)


def test_input_whose_reduction_fails_is_left_out_with_a_warning(hessians, monkeypatch) -> None:
    failing = iter([True])

    def reduce(*arguments, **options):
        if next(failing, False):
            raise ValueError("float64 cannot vouch for it.")
        return reduced_pivot_sum(*arguments, **options)

    monkeypatch.setattr(order_survey, "reduced_pivot_sum", reduce)
    with pytest.warns(UserWarning, match=r"layers\.0.*q_proj from back_to_front: float64 cannot"):
        found = list(survey_reductions(hessians))
    monkeypatch.undo()
    assert len(found) == len(list(survey_reductions(hessians))) - 1


def test_laws_hold_on_all_layers(layers) -> None:
    for check in (
        order_laws.kept_rows_are_bounded(*layers),
        order_laws.determinants_are_order_free(*layers),
        order_laws.no_order_beats_the_floor(*layers),
    ):
        assert check.holds
    rows = sum(layer.rows for layer in layers)
    assert f"{4 * rows:,} rows" in order_laws.kept_rows_are_bounded(*layers).statement
    assert f"of {4 * rows:,} rows" in order_laws.clipping_voids_the_bound(*layers).void


@pytest.mark.parametrize(
    ("law", "change"),
    [
        (order_laws.determinants_are_order_free, {"determinant_gap": 1.0}),
        (order_laws.no_order_beats_the_floor, {"pivot_floor": 1e9}),
    ],
)
def test_law_fails_where_one_layer_breaks_it(law, change, layers) -> None:
    assert not law(*layers[:3], replace(layers[3], **change), *layers[4:]).holds


def whole_survey(layers) -> OrderSurvey:
    return OrderSurvey(
        model="tiny",
        model_sha256="0" * 64,
        text="numbers",
        text_sha256="0" * 64,
        tokens=90,
        window=30,
        seed=None,
        **SETTING,
        layers=tuple(layers),
        reductions=(InputReduction((layers[0].layer, layers[1].layer), "min_pivot", 1.5, 3, 0.25),),
        hessian_seconds=None,
        date="2026-01-17",
        command="none",
        versions={"python": "3"},
        cores=2,
    )


def test_survey_is_read_as_it_was_written_to_six_digits(layers) -> None:
    written = whole_survey(layers)
    read = OrderSurvey.from_json(written.to_json())
    assert read.to_json() == written.to_json()
    assert replace(read, layers=written.layers) == written
    for ours, theirs in zip(read.layers, written.layers, strict=True):
        assert (ours.layer, ours.rows, ours.bits) == (theirs.layer, theirs.rows, theirs.bits)
        for mine, whole in zip(ours.results, theirs.results, strict=True):
            assert (mine.order, mine.overflow) == (whole.order, whole.overflow)
            assert mine.loss == pytest.approx(whole.loss, rel=1e-5)
            assert mine.relative_bound == pytest.approx(whole.relative_bound, rel=2e-5)
            assert mine.rows_over_bound == whole.rows_over_bound
    assert read.reductions_by_layer[layers[1].layer]["min_pivot"].swaps == 3


def test_records_are_flat_and_name_their_layer(layers) -> None:
    records = [record for layer in layers for record in layer.as_records()]
    assert len(records) == 14 * 8
    assert {(r["block"], r["linear"], r["order"], r["overflow"]) for r in records} == {
        (block, linear, order, overflow)
        for block in (0, 1)
        for linear in LINEARS
        for order in ORDERS
        for overflow in ("keep", "clip")
    }
    for record in records:
        assert all(isinstance(value, str | int | float) for value in record.values())


# The recorded run


@pytest.fixture(scope="module")
def recorded() -> OrderSurvey:
    return recorded_survey()


def test_recorded_run_has_every_layer_in_every_order(recorded) -> None:
    assert [(layer.block, layer.linear) for layer in recorded.layers] == [
        (block, linear) for block in range(30) for linear in LINEARS
    ]
    for layer in recorded.layers:
        assert [(r.overflow, r.order) for r in layer.results] == [
            (overflow, order) for overflow in ("keep", "clip") for order in ORDERS
        ]
    reduced = {layer for reduction in recorded.reductions for layer in reduction.layers}
    assert reduced == {layer.layer for layer in recorded.layers if layer.columns == 576}
    assert len(recorded.reductions) == 90 * len(order_survey.REDUCED_FROM)


def test_recorded_run_is_as_the_program_writes_it_and_small(recorded) -> None:
    path = order_survey.FILE
    assert path.read_text(encoding="utf-8") == recorded.to_json() + "\n"
    assert path.stat().st_size < 150_000
    assert recorded.command.startswith("python -m lattice_core.language_model.order_survey")
    assert len(recorded.text_sha256) == 64
    assert {"python", "torch"} <= recorded.versions.keys()
    assert recorded.hessian_seconds


def test_recorded_run_obeys_the_laws(recorded) -> None:
    for check in (
        order_laws.kept_rows_are_bounded(*recorded.layers),
        order_laws.determinants_are_order_free(*recorded.layers),
        order_laws.no_order_beats_the_floor(*recorded.layers),
    ):
        assert check.holds
    for layer in recorded.layers:
        kept = layer.with_overflow("keep")
        assert all(0 < r.loss <= r.bound for r in kept)
        assert all(r.clipped_fraction == 0 and r.rows_over_bound == 0 for r in kept)
        for keep, clip in zip(kept, layer.with_overflow("clip"), strict=True):
            assert (keep.pivot_sum, keep.bound) == (clip.pivot_sum, clip.bound)
            assert 0 <= clip.clipped_fraction < 0.2
            assert clip.code_bits == recorded.bits <= keep.code_bits
    for reduction in recorded.reductions:
        first = next(la for la in recorded.layers if la.layer == reduction.layers[0])
        # LLL keeps the lattice and so the floor (law L13).
        assert reduction.pivot_sum >= first.pivot_floor * (1 - 1e-5)
        started = first.result(reduction.order, "keep").pivot_sum
        assert reduction.pivot_sum <= started * (1 + 1e-5)
        if reduction.order == "min_pivot":  # little is left to do there (law L12, measured)
            assert reduction.pivot_sum > 0.99 * started
