"""Grids inferred from a quantized weight's numbers: planted ones are found, others refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lattice_core.layers import expand_scales  # noqa: E402
from lattice_core.layers.given_grid import given_grid  # noqa: E402
from lattice_core.layers.implied_grid import implied_grid  # noqa: E402


def planted(rng, rows, columns, size, bits, *, low=None):
    """Codes that use the whole grid, and scales by group of `size` columns (``None``: by row)."""
    low = -(2 ** (bits - 1)) if low is None else low
    codes = torch.tensor(rng.integers(low, low + 2**bits, (rows, columns)))
    groups = 1 if size is None else -(-columns // size)
    scales = torch.tensor(rng.uniform(0.01, 0.02, (rows, groups)))
    full = expand_scales(scales, group_size=size or columns, columns=columns)
    return codes, full.expand(rows, columns)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("columns", "size"), [(63, None), (130, None), (192, 64), (256, 32), (384, 128), (512, 256)]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_planted_grid_is_found(bits, columns, size, dtype, rng) -> None:
    codes, scales = planted(rng, 7, columns, size, bits)
    found = implied_grid((codes * scales).to(dtype))
    torch.testing.assert_close(found.codes, codes)
    torch.testing.assert_close(
        found.scales, scales, atol=0, rtol=1e-3 if dtype == torch.float16 else 1e-6
    )
    assert (found.bits, found.group_size) == (bits, size)
    assert found.granularity == ("row" if size is None else "group")
    assert found.is_symmetric
    assert found.scale_count == 7 * (1 if size is None else columns // size)
    assert found.residual <= 2 * found.uncertainty  # the number is rounded, and the scale


def test_bfloat16_holds_grids_of_up_to_four_bits(rng) -> None:
    codes, scales = planted(rng, 7, 130, None, 4)
    torch.testing.assert_close(implied_grid((codes * scales).bfloat16()).codes, codes)
    codes, scales = planted(rng, 7, 130, None, 8)
    with pytest.raises(ValueError, match="is on no grid that can be told"):
        implied_grid((codes * scales).bfloat16())


def test_numbers_rounded_to_float16_are_known_in_any_dtype(rng) -> None:
    codes, scales = planted(rng, 7, 130, None, 4)
    rounded = (codes * scales).half()
    for dtype in (torch.float32, torch.float64):
        torch.testing.assert_close(implied_grid(rounded.to(dtype)).codes, codes)


def test_scales_stored_in_16_bits_are_found_to_the_bit(rng) -> None:
    codes, scales = planted(rng, 7, 128, 64, 4)
    stored = scales.half()
    found = implied_grid(stored * codes)
    torch.testing.assert_close(found.scales, stored.double(), rtol=0, atol=0)


def test_one_scale_for_the_layer_and_codes_beyond_eight_bits(rng) -> None:
    codes = torch.tensor(rng.integers(-400, 401, (7, 63)))
    found = implied_grid(0.013 * codes)
    torch.testing.assert_close(found.codes, codes)
    assert (found.granularity, found.scale_count, found.bits) == ("layer", 1, 10)


def test_one_scale_for_each_column(rng) -> None:
    codes = torch.tensor(rng.integers(-8, 8, (63, 130)))
    scales = torch.tensor(rng.uniform(0.01, 0.3, 130))
    found = implied_grid((codes * scales).float())
    torch.testing.assert_close(found.codes, codes)
    assert (found.granularity, found.scale_count) == ("column", 130)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_whole_zero_points_only_move_the_admissible_codes(dtype, rng) -> None:
    # Groups of 64 whose grids begin at −3, −12, 0 …, each used to both its ends.
    lows = torch.tensor(rng.integers(-15, 1, (7, 3)))
    codes = torch.tensor(rng.integers(0, 16, (7, 192)))
    codes[:, ::64], codes[:, 1::64] = 0, 15
    full_low = lows.repeat_interleave(64, dim=1)
    scales = torch.tensor(rng.uniform(0.01, 0.02, (7, 3))).repeat_interleave(64, dim=1)
    found = implied_grid((scales * (codes + full_low)).to(dtype))
    torch.testing.assert_close(found.codes, codes + full_low)
    torch.testing.assert_close(found.low, full_low)
    torch.testing.assert_close(found.high, full_low + 15)
    assert (found.bits, found.group_size) == (4, 64)
    assert not found.is_symmetric
    assert not found.has_offsets


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_grid_that_does_not_contain_zero_has_an_offset(dtype, rng) -> None:
    # As in Q4_1: d · code + m in groups of 32.
    codes = torch.tensor(rng.integers(0, 16, (7, 96)))
    codes[:, ::32], codes[:, 1::32] = 0, 15
    scales = torch.tensor(rng.uniform(0.01, 0.02, (7, 3))).repeat_interleave(32, dim=1)
    offsets = torch.tensor(rng.uniform(-0.2, -0.1, (7, 3))).repeat_interleave(32, dim=1)
    found = implied_grid((scales * codes + offsets).to(dtype))
    torch.testing.assert_close(found.codes, codes)
    tolerance = 2e-4 if dtype == torch.float16 else 1e-6
    torch.testing.assert_close(found.offsets, offsets, rtol=0, atol=tolerance)
    assert found.has_offsets
    assert (found.bits, found.group_size) == (4, 32)
    # Scale and offset, 16 bits each, for each of 21 groups.
    assert found.bits_per_weight == 4 + 32 * 21 / (7 * 96)


def test_weight_settles_a_common_factor_of_a_short_group(rng) -> None:
    codes, scales = planted(rng, 40, 130, 64, 4)
    codes = codes.clamp(-6, 6)  # the grid goes further than any other group
    codes[:, 128:] = torch.tensor([2, -8])
    weight = scales * torch.tensor(rng.uniform(-7.5, 7.5, (40, 130)))
    weight[:, 0] = weight[:, 64] = weight[:, 128] = 7.5 * scales[:, 0]
    weight[:, 64], weight[:, 128] = 7.5 * scales[:, 64], 7.5 * scales[:, 128]
    alone = implied_grid(codes * scales)
    torch.testing.assert_close(alone.codes[:, 128:], codes[:, 128:] // 2)
    torch.testing.assert_close(implied_grid(codes * scales, weight=weight).codes, codes)


def test_weight_places_a_grid_that_is_not_used_to_its_ends(rng) -> None:
    weight = torch.tensor(rng.uniform(-1, 3, (40, 64)))
    weight[:, 0], weight[:, 1] = -1, 3
    codes = (weight * 15 / 4).round()  # −4 … 11
    found = implied_grid(codes * 4 / 15, weight=weight)
    assert (found.low == -4).all()
    short = codes.clamp(-3, 10)
    short[0] = codes[0]  # one row shows how many bits there are
    scales = torch.tensor(rng.uniform(0.1, 0.2, (40, 1)))
    found = implied_grid(short * scales, weight=weight)
    assert found.bits == 4
    assert (found.low == -4).all()


def test_group_of_zeros_gets_its_usual_scale_if_the_weight_is_known(rng) -> None:
    codes, scales = planted(rng, 7, 192, 64, 4)
    codes[0, :64] = 0
    weight = codes * scales
    weight[0, :64] = 0.001
    quantized = codes * scales
    assert (implied_grid(quantized).scales[0, :64] == 1).all()
    assert (implied_grid(quantized, weight=weight).scales[0, :64] < 0.001).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_weight_that_is_not_quantized_is_refused(dtype, rng) -> None:
    weight = torch.tensor(rng.standard_normal((7, 130))).to(dtype)
    with pytest.raises(ValueError, match=r"7 × 130 with \d+ or more.*Is it quantized at all"):
        implied_grid(weight)


@pytest.mark.parametrize(
    ("quantized", "message"),
    [
        (torch.zeros(3, 64), "every number of the quantized weight is 0"),
        (torch.ones(5), r"\(5,\); \(r, c\) was wanted"),
        (torch.ones(0, 5), r"\(0, 5\)"),
        (torch.tensor([[1.0, torch.inf]]), r"inf at \(0, 1\)"),
        (torch.tensor([[0.31], [0.72], [0.11]]), "too few numbers"),
    ],
)
def test_what_has_no_grid_is_refused(quantized, message) -> None:
    with pytest.raises(ValueError, match=message):
        implied_grid(quantized)


@pytest.mark.parametrize(("columns", "size"), [(192, 64), (600, None)])
def test_one_number_off_the_grid_is_noticed(columns, size, rng) -> None:
    codes, scales = planted(rng, 40, columns, size, 4)
    quantized = codes * scales
    quantized[17, 100] += 0.31415926 * scales[17, 100]
    with pytest.raises(ValueError, match="on no grid"):
        implied_grid(quantized)


def test_weight_of_another_shape_is_refused(rng) -> None:
    codes, scales = planted(rng, 7, 63, None, 4)
    with pytest.raises(ValueError, match=r"\(3, 3\) and the quantized weight \(7, 63\)"):
        implied_grid(codes * scales, weight=torch.ones(3, 3))


@pytest.mark.parametrize("size", [64, 128])
def test_given_scales_give_the_codes_at_any_size(size, rng) -> None:
    codes, scales = planted(rng, 7, 576, size, 4)
    compact = scales[:, ::size]
    for given in (scales, compact):
        found = given_grid((codes * scales).half(), given)
        torch.testing.assert_close(found.codes, codes)
        torch.testing.assert_close(found.scales, scales)
        assert found.scale_count == compact.numel()
    assert given_grid(codes * scales, compact).group_size == size


def test_given_unsigned_codes_say_where_the_grid_begins(rng) -> None:
    codes, scales = planted(rng, 7, 130, None, 4, low=0)
    codes[0, 0] = 15
    found = given_grid(scales * (codes - 5), scales, codes)
    torch.testing.assert_close(found.codes, codes - 5)
    assert (found.low == -5).all()
    assert found.bits == 4
    offset = given_grid(scales * (codes - 4.7), scales, codes)
    assert offset.has_offsets
    torch.testing.assert_close(offset.dequantize(), scales * (codes - 4.7))


@pytest.mark.parametrize(
    ("scales", "codes", "message"),
    [
        (torch.full((7, 1), 0.37), None, "Q / scale is"),
        (torch.full((7, 1), -1.0), None, "must be positive"),
        (torch.ones(3, 3), None, "broadcasts"),
        (torch.ones(7, 1), torch.ones(7, 3), r"\(7, 3\)"),
        (torch.ones(7, 1), torch.full((7, 63), 0.5), "not whole"),
        (torch.ones(7, 1), torch.full((7, 63), -1), "do not belong together"),
        (torch.ones(7, 1), torch.arange(441).reshape(7, 63) % 16, "do not belong together"),
        (torch.full((7, 1), 0.37), torch.arange(441).reshape(7, 63) % 16, "do not belong together"),
    ],
)
def test_given_grid_that_does_not_fit_is_refused(scales, codes, message, rng) -> None:
    quantized = torch.tensor(rng.integers(-8, 8, (7, 63)).astype(np.float64))
    with pytest.raises(ValueError, match=message):
        given_grid(quantized, scales, codes)
