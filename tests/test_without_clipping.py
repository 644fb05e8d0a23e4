"""Living without clipping: laws L9 and L18 to L22, the coder's tree, searches, the recorded layers."""

import heapq
import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from small_problems import assert_close

from app.figures.clipping import clipping_figure
from app.figures.huffman import tree_figure
from app.figures.outlier_row import outlier_figure
from app.figures.scale_search import search_figure
from lattice_core import ORDERS, PRESETS, absolute_bound, clipping_laws, random_problem
from lattice_core.gaussian_reference import loss_of_components, rate_of_components
from lattice_core.huffman_tree import entropy, mean_length, merges
from lattice_core.integer_grid import IntegerGrid, bits_needed
from lattice_core.outlier_row import outliers_keep_the_bound, outliers_keep_the_sum
from lattice_core.recorded_clipping_study import excess_rate, recorded_clipping_study
from lattice_core.rotation import common_scale
from lattice_core.scale_search import least_factor
from lattice_core.toy_row import OUTLIER_BITS, SIZE, ToyRun, toy_run, toy_search
from lattice_core.wrong_worlds import forgetful_ssqr_row

BITING = PRESETS["clipping_bites"].problem
LAYERS = recorded_clipping_study().layers
EVERY_LAYER = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.layer[13:])
WORDS = {0: "0", 1: "10", 2: "110", 3: "111"}


def cheapest(counts: dict[int, int]) -> int:
    """Bits that a Huffman code of these counts takes, by its own definition; no words are made."""
    heap, total = list(counts.values()), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


def words_in_figure(figure) -> dict[int, str]:
    """Each code's word as the last frame spells it along its branches."""
    traces = {trace.name: trace for trace in figure.frames[-1].data}
    branches, bits = traces["branches"], traces["bits"]
    above = {}
    for i in range(0, len(branches.x), 3):
        start = (branches.x[i], branches.y[i])
        above[branches.x[i + 1], branches.y[i + 1]] = (start, bits.text[i // 3])
    found = {}
    leaves, labels = traces["codes"], traces["code and count"]
    named = dict(zip(labels.x, labels.text, strict=True))  # no two leaves stand above each other
    for x, y in zip(leaves.x, leaves.y, strict=True):
        word, place, text = "", (x, y), named[x]
        while place in above:
            place, bit = above[place]
            word = bit.replace("<b>", "").replace("</b>", "").strip("\N{NO-BREAK SPACE}") + word
        code = text.split("</b>")[0].removeprefix("<b>").replace("−", "-")
        found[int(code)] = word
    return found


@EVERY_LAYER
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_law_18_recorded_words_are_huffmans(layer, bits) -> None:
    coded = layer.coded(bits)
    assert round(coded.mean_length * sum(coded.counts)) == cheapest(coded.count_of)
    assert coded.entropy <= coded.mean_length < coded.entropy + 1
    assert 0 <= 8 * coded.huffman_stream_bytes - cheapest(coded.count_of) < 8
    assert clipping_laws.words_are_short(coded.count_of, coded.word_of, "these").holds


@EVERY_LAYER
def test_each_merge_takes_the_two_rarest(layer) -> None:
    coded = layer.coded(2)
    left = sorted(coded.counts)
    for merge in merges(coded.count_of, coded.word_of):
        assert sorted([merge.left.count, merge.right.count]) == left[:2]
        left = sorted([*left[2:], merge.parent.count])
    assert left == [sum(coded.counts)]


def test_words_of_no_huffman_code_are_refused() -> None:
    with pytest.raises(ValueError, match="rarer than one"):
        merges({0: 1, 1: 9, 2: 9, 3: 9}, WORDS)
    with pytest.raises(ValueError, match="no whole tree"):
        merges({0: 5, 1: 2}, {0: "0", 1: "10"})
    counts = {0: 9, 1: 5, 2: 2, 3: 1}
    assert clipping_laws.words_are_short(counts, WORDS, "these").holds
    wasteful = {code: word + "00" for code, word in WORDS.items()}
    assert not clipping_laws.words_are_short(counts, wasteful, "these").holds
    assert_close(mean_length({0: 1, 1: 1}, {0: "0", 1: "1"}), entropy({0: 1, 1: 1}))


def test_law_9_a_code_is_clipped_where_it_is_more_than_half_away() -> None:
    check = clipping_laws.clipped_is_far(BITING)
    assert check.holds
    assert check.left.tolist() == check.right.tolist() == [0, 1]
    rng = np.random.default_rng(0)
    for seed in range(20):
        problem = random_problem(4, seed)
        problem = replace(problem, bits=int(rng.integers(1, 4)), scales=(0.5,) * 4)
        assert clipping_laws.clipped_is_far(problem).holds
        kept = clipping_laws.kept_codes_are_bounded(problem)
        assert kept.holds
        assert not kept.void


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.5])
def test_law_9_half_way_to_a_code_that_the_grid_lacks_is_not_clipped(scale) -> None:
    problem = replace(BITING, scales=(scale, scale), weights=(1.2 * scale, 3.5 * scale), bits=3)
    assert problem.babai.steps[0].center == pytest.approx(3.5)
    check = clipping_laws.clipped_is_far(problem)
    assert check.holds
    assert check.left.tolist() == check.right.tolist() == [0, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_law_20_spacing_attains_the_floor_in_every_order(order) -> None:
    problem = replace(random_problem(5, 1), order=order)
    spaced = clipping_laws.spacings_by_pivots(problem)
    assert clipping_laws.spacing_makes_edges_equal(problem).holds
    assert clipping_laws.spacing_attains_the_floor(problem).holds
    assert_close(np.prod(spaced), np.prod(problem.scales))
    hessian, order = problem.damped_hessian, problem.order_indices
    ratio = [absolute_bound(hessian, s, order) for s in (common_scale(problem), spaced)]
    squares = np.linalg.cholesky(hessian[np.ix_(*2 * (order[::-1],))])
    # The same loss takes half a bit for each doubling of the bound.
    assert_close(0.5 * np.log2(ratio[0] / ratio[1]), excess_rate(np.diag(squares) ** 2))


@EVERY_LAYER
def test_law_20_stored_spacings_are_equal_to_an_eighth_of_an_octave(layer) -> None:
    assert np.abs(np.log2(layer.spaced_edges)).max() <= 1 / 8 + 0.01
    assert excess_rate(layer.spaced_edges) < 0.002 < layer.excess_rate


@EVERY_LAYER
def test_law_21_curve_and_distance_invert_each_other(layer) -> None:
    for run in layer.runs:
        rate = layer.reference_rate(run)
        assert_close(loss_of_components(layer.components, rate), layer.loss_a_coordinate(run))
        np.testing.assert_allclose(
            layer.reference_losses(np.array([rate]))[0], run.relative_loss, rtol=2e-4
        )
    assert rate_of_components(layer.components, 1e9) == 0


@EVERY_LAYER
def test_recorded_searches_end_at_the_methods_scale(layer) -> None:
    for run in layer.runs:
        if run.method in ("rtn", "gptq"):
            assert run.trials == ()
            assert run.clipped_fraction > 0
            continue
        reached = run.outlier_rate if run.method == "ssqr" else run.bits_per_weight
        taken = [trial for trial in run.trials if trial.factor == run.factor and not trial.sample]
        assert run.trials[-1].enough == run.factor
        assert_close(taken[-1].measured, reached)
        assert run.clipped_fraction == 0
        assert run.loss <= run.bound


def test_least_factor_finds_the_edge_of_a_step() -> None:
    class Run:
        def __init__(self, factor: float) -> None:
            self.factor, self.outlier_rate = factor, 0.3 if factor < 0.7 else 0.004

    run, trials = least_factor(Run, 0.01)
    assert 0.7 <= run.factor <= 0.7 * (1 + 1 / 256)
    assert trials[-1].enough == run.factor
    for before, after in pairwise(trials):
        assert before.too_small <= after.too_small <= 0.7 <= after.enough <= before.enough
        if before.too_small and before.enough < math.inf:
            assert_close(after.factor**2, before.too_small * before.enough)


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_law_19_on_the_toy_row(bits, most) -> None:
    run, _ = toy_search(bits, most)
    assert run.trace.outliers <= most
    assert_close(run.bits_per_weight, bits + OUTLIER_BITS * run.trace.outliers / SIZE)
    for check in (outliers_keep_the_sum, outliers_keep_the_bound):
        assert check(run.row, run.trace).holds
    wrong = toy_run(bits, run.row.factor, forgetful_ssqr_row)
    # The last outlier's error goes nowhere if nothing is settled after it.
    forgets = any(step.outlier for step in wrong.trace.steps[:-1])
    assert outliers_keep_the_sum(wrong.row, wrong.trace).holds != forgets


def test_bits_needed_is_the_smallest_grid() -> None:
    for low, high in ((0, 0), (-1, 0), (-2, 1), (-3, 0), (0, 2), (-8, 7), (-9, 7)):
        grid = IntegerGrid(bits_needed([low, high]))
        assert grid.low <= low <= high <= grid.high
        if grid.bits > 1:
            smaller = IntegerGrid(grid.bits - 1)
            assert not smaller.low <= low <= high <= smaller.high


@pytest.mark.parametrize("bits", [None, 2])
@pytest.mark.parametrize("name", ["clipping_bites", "real_two_inputs", "three_inputs"])
def test_clipping_figure_has_a_frame_a_step_and_both_losses(name, bits) -> None:
    problem = replace(PRESETS[name].problem, bits=bits)
    figure = clipping_figure(problem)
    assert len(figure.frames) == problem.size + 2
    last = {trace.name: trace for trace in figure.frames[-1].data}
    kept = replace(problem, bits=None)
    for trace, shown in (("error on the grid", problem), ("error, kept", kept)):
        assert_close(max(last[trace].x[-6:-1]), shown.babai.squared_distance)
    if problem.size == 2:
        assert ("answer, kept" in last) == problem.babai.clipped


def test_search_and_row_figures_say_what_is_taken() -> None:
    run, trials = toy_search(2, 2)
    figure = search_figure(trials, 2 / SIZE, curve=None, share=True, start="start", end="end")
    assert len(figure.frames) == len(trials) + 2
    taken = next(trace for trace in figure.frames[-1].data if trace.name == "taken")
    assert_close([taken.x[0], taken.y[0]], [run.row.factor, run.outlier_rate])
    rows = outlier_figure(run)
    aside = next(trace for trace in rows.frames[-1].data if trace.name == "outlier aside")
    assert len(aside.x) == run.trace.outliers
    assert all(not run.row.grid.low - 0.5 <= y <= run.row.grid.high + 0.5 for y in aside.y)


@pytest.fixture(scope="module")
def toy():
    """The toy layer, by the methods and the coder themselves."""
    pytest.importorskip("torch")
    from lattice_core.layers.toy_coding import toy_coding

    return toy_coding(2.25)


class TestWithTorch:
    """The methods and the coder themselves."""

    def test_law_18_the_table_is_the_coders_and_the_tree_is_the_table(self, toy) -> None:
        from lattice_core.layers.coding import encode_codes

        text = "".join(toy.words[code] for code in toy.codes.ravel().tolist())
        stream = np.packbits(np.array(list(text), dtype=np.uint8)).tobytes()
        assert stream == encode_codes(toy.codes, "huffman").stream
        assert len(stream) == toy.stream_bytes
        assert words_in_figure(tree_figure(toy.counts, toy.words)) == toy.words
        assert len(merges(toy.counts, toy.words)) == len(toy.words) - 1

    def test_one_code_alone_has_an_empty_word(self, toy) -> None:
        from lattice_core.layers.coding import encode_codes
        from lattice_core.layers.coding.huffman import code_words

        assert code_words(encode_codes(np.full((3, 4), -2), "huffman")) == {-2: ""}
        assert clipping_laws.words_are_short({-2: 12}, {-2: ""}, "these").holds

    def test_search_on_the_toy_layer_ends_at_the_scale(self, toy) -> None:
        whole = [trial for trial in toy.trials if not trial.sample]
        assert whole
        assert len(whole) < len(toy.trials)
        assert toy.trials[-1].enough == toy.factor
        for k, trial in enumerate(whole, start=1):
            fit = [each.factor for each in whole[:k] if each.measured <= 2.25]
            too_large = [each.factor for each in whole[:k] if each.measured > 2.25]
            assert trial.enough == min(fit, default=math.inf)
            assert trial.too_small == max(too_large, default=0.0)
        at = {trial.factor: trial.measured for trial in whole}
        assert_close(at[toy.factor], toy.bits_per_weight)
        assert_close(8 * (toy.stream_bytes + toy.side_bytes) / toy.codes.size, at[toy.factor])
        middle = len(toy.curve_sizes) // 2
        assert_close(toy.curve_factors[middle], toy.factor)
        assert_close(toy.curve_sizes[middle], toy.bits_per_weight)
        assert clipping_laws.codes_come_back(toy.codes, toy.decoded, "Huffman").holds
        assert not clipping_laws.codes_come_back(toy.codes, toy.decoded + 1, "Huffman").holds
        assert clipping_laws.refitting_helps(*toy.refitted).holds

    @pytest.mark.parametrize(("bits", "most"), [(2, 2), (3, 3), (4, 1)])
    def test_law_19_toy_row_is_the_methods_own(self, bits, most) -> None:
        torch = pytest.importorskip("torch")
        from lattice_core.layers import quantize_layer

        run, trials = toy_search(bits, most)
        ours = quantize_layer(
            torch.from_numpy(run.row.weights)[None],
            torch.from_numpy(run.row.damped_hessian),
            "ssqr",
            bits,
            group_size=None,
            order="back_to_front",
            damping=0.0,
            scale_rule="absmax",
            outlier_rate=most / SIZE,
        )
        assert ours.trials == trials
        np.testing.assert_array_equal(ours.codes[0], run.trace.codes)
        assert_close(ours.dequantize()[0], run.trace.values)
        assert_close(ours.loss, run.loss)

    def test_a_layer_is_recorded_as_it_is_read(self) -> None:
        torch = pytest.importorskip("torch")
        from lattice_core.language_model.clipping_study import study_layer
        from lattice_core.recorded_clipping_study import layer_from_record
        from lattice_core.toy_layer import toy_layer

        made_up = toy_layer()
        entry = study_layer(
            "toy", torch.from_numpy(made_up.weights), torch.from_numpy(made_up.hessian)
        )
        layer = layer_from_record(json.loads(json.dumps(entry)))
        assert len(layer.runs) == 18
        middle = layer.size_curve(3)
        assert_close(middle.factors[8], layer.run("hptq", 3).factor)
        assert_close(middle.measured[8], layer.run("hptq", 3).bits_per_weight)
        assert (np.diff(layer.outlier_curve(3).measured) <= 0.01).all()
        assert sum(layer.coded(2).counts) == made_up.weights.size


def test_run_of_the_toy_row_says_its_rate() -> None:
    run = toy_run(3, 0.4)
    assert isinstance(run, ToyRun)
    assert_close(run.outlier_rate, run.trace.outliers / SIZE)
