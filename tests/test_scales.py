"""Scales of a layer, against the plain formulas, group by group."""

import numpy as np
import pytest
from small_problems import assert_close

torch = pytest.importorskip("torch")

from lattice_core.layers import expand_scales, weight_scales  # noqa: E402
from lattice_core.layers import scales as scales_module  # noqa: E402

BITS = (1, 2, 3, 4, 8)


def groups_of(weight: np.ndarray, group_size: int) -> list[list[np.ndarray]]:
    starts = range(0, weight.shape[1], group_size)
    return [[row[start : start + group_size] for start in starts] for row in weight]


def rounding_error(group: np.ndarray, scale: float, bits: int) -> float:
    codes = np.clip(np.round(group / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return float(((group - scale * codes) ** 2).sum())


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("columns", "group_size"), [(1, 64), (7, 3), (130, 64), (576, 128)])
def test_absmax_is_the_published_formula_in_each_group(bits, columns, group_size, rng) -> None:
    weight = rng.standard_normal((5, columns))
    ours = weight_scales(torch.tensor(weight), bits=bits, rule="absmax", group_size=group_size)
    desired = [
        [np.abs(group).max() / (2 ** (bits - 1) - 0.5) for group in row]
        for row in groups_of(weight, group_size)
    ]
    assert_close(ours.numpy(), desired)


def test_absmax_clips_nothing_when_rounding_to_nearest(rng) -> None:
    weight = torch.tensor(rng.standard_normal((20, 130)))
    compact = weight_scales(weight, bits=3, rule="absmax", group_size=64)
    centers = weight / expand_scales(compact, group_size=64, columns=130)
    assert ((centers - centers.round().clamp(-4, 3)).abs() <= 0.5 + 1e-12).all()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("columns", "group_size"), [(1, 64), (7, 3), (130, 64)])
def test_mse_has_the_least_error_of_the_31_factors(bits, columns, group_size, rng) -> None:
    weight = rng.standard_normal((5, columns))
    ours = weight_scales(torch.tensor(weight), bits=bits, rule="mse", group_size=group_size)
    for row, row_groups in zip(ours.numpy(), groups_of(weight, group_size), strict=True):
        for scale, group in zip(row, row_groups, strict=True):
            unit = np.abs(group).max() / max(2 ** (bits - 1) - 1, 1)
            factors = np.linspace(0.4, 1.0, 31)
            assert np.isclose(scale / unit, factors, rtol=1e-12).any()
            least = min(rounding_error(group, factor * unit, bits) for factor in factors)
            assert_close(rounding_error(group, scale, bits), least)


def test_mse_does_not_depend_on_how_many_weights_are_searched_at_once(rng, monkeypatch) -> None:
    weight = torch.tensor(rng.standard_normal((9, 130)))
    at_once = weight_scales(weight, bits=3, group_size=64)
    monkeypatch.setattr(scales_module, "SEARCH_CHUNK", 300)
    torch.testing.assert_close(weight_scales(weight, bits=3, group_size=64), at_once)


@pytest.mark.parametrize("rule", ["absmax", "mse"])
def test_coarser_granularities_are_larger_groups(rule, rng) -> None:
    weight = torch.tensor(rng.standard_normal((5, 63)))
    by_row = weight_scales(weight, bits=3, rule=rule, granularity="row")
    torch.testing.assert_close(by_row, weight_scales(weight, bits=3, rule=rule, group_size=63))
    scalar = weight_scales(weight, bits=3, rule=rule, granularity="scalar")
    flat = weight_scales(weight.reshape(1, -1), bits=3, rule=rule, granularity="row")
    torch.testing.assert_close(scalar, flat)
    assert by_row.shape == (5, 1)
    assert scalar.shape == (1, 1)


@pytest.mark.parametrize("rule", ["absmax", "mse"])
def test_all_zero_group_has_scale_one(rule, rng) -> None:
    weight = torch.tensor(rng.standard_normal((2, 6)))
    weight[0, 3:] = 0
    scales = weight_scales(weight, bits=3, rule=rule, group_size=3)
    assert scales[0, 1] == 1
    assert (scales[[0, 1, 1], [0, 0, 1]] != 1).all()


def test_scales_spread_over_consecutive_columns_with_a_short_last_group() -> None:
    compact = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    full = expand_scales(compact, group_size=3, columns=7)
    assert full.tolist() == [[1, 1, 1, 2, 2, 2, 3], [4, 4, 4, 5, 5, 5, 6]]
    assert expand_scales(compact[:, :1], group_size=7, columns=3).tolist() == [[1] * 3, [4] * 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 0}, "bits is 0"),
        ({"bits": 9}, "bits is 9"),
        ({"bits": 2.5}, "bits is 2.5"),
        ({"group_size": 0}, "group_size is 0"),
        ({"rule": "best"}, "absmax, mse"),
        ({"granularity": "column"}, "scalar, row or group"),
        ({"weight": torch.ones(3)}, r"\(r, c\)"),
        ({"weight": torch.tensor([[1.0, torch.nan]])}, r"nan at \(0, 1\)"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, message) -> None:
    given = {"weight": torch.ones(2, 3), "bits": 3} | arguments
    with pytest.raises(ValueError, match=message):
        weight_scales(given.pop("weight"), **given)
