"""Packed weights: nothing is lost, the words are those of the layout, and few bits are taken."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
from small_problems import random_hessian

torch = pytest.importorskip("torch")

from kernels import packing  # noqa: E402
from kernels.layout import LAYOUT_VERSION, Layout  # noqa: E402
from kernels.packing import PackedWeight, pack, unpack  # noqa: E402
from kernels.reference import dequantize, reference_matmul  # noqa: E402
from lattice_core.layers import quantize_layer  # noqa: E402

SHAPES = ((1, 1), (7, 63), (3, 130), (33, 576), (17, 300), (5, 9000))  # 9000: two tiles of outliers
GROUPS = (None, 16, 64, 128, 50, 7)
EVERY_BITS = pytest.mark.parametrize("bits", [2, 3, 4])
EVERY_GROUP = pytest.mark.parametrize("group_size", GROUPS)
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids="{0[0]}x{0[1]}".format)
EVERY_RATE = pytest.mark.parametrize("kept", [0.0, 0.05, "a row", "all"])


def draw_codes(rng: np.random.Generator, shape: tuple[int, int], bits: int) -> torch.Tensor:
    return torch.tensor(rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape))


def draw_scales(
    rng: np.random.Generator, shape: tuple[int, int], group_size: int | None
) -> torch.Tensor:
    rows, columns = shape
    groups = 1 if group_size is None else -(-columns // group_size)
    return torch.tensor(rng.uniform(0.01, 0.1, (rows, groups))).half()


def draw_outliers(
    rng: np.random.Generator, shape: tuple[int, int], kept: float | str
) -> torch.Tensor:
    """Entries at a rate, in one whole row, or everywhere; their values are float16 numbers."""
    where = rng.random(shape) < (1.0 if kept == "all" else 0.0 if kept == "a row" else kept)
    if kept == "a row":
        where[shape[0] // 2] = True
    values = rng.standard_normal(int(where.sum())).astype(np.float16)
    return sparse(np.argwhere(where).T, values, shape)


def sparse(indices, values, shape: tuple[int, int]) -> torch.Tensor:
    return torch.sparse_coo_tensor(
        torch.as_tensor(indices), torch.as_tensor(values), shape, check_invariants=True
    )


def assert_same_bits(actual: PackedWeight, desired: PackedWeight) -> None:
    assert (actual.layout, actual.version) == (desired.layout, desired.version)
    for ours, theirs in zip(actual.tensors, desired.tensors, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


# There and back


@EVERY_GROUP
@EVERY_SHAPE
@EVERY_BITS
def test_codes_and_scales_come_back_exactly(bits, shape, group_size, rng) -> None:
    codes, scales = draw_codes(rng, shape, bits), draw_scales(rng, shape, group_size)
    packed = pack(codes, scales, draw_outliers(rng, shape, 0.05), bits=bits, group_size=group_size)
    assert packed.shape == shape
    assert packed.bits == bits
    unpacked_codes, unpacked_scales, outliers = unpack(packed)
    np.testing.assert_array_equal(unpacked_codes, codes)
    np.testing.assert_array_equal(unpacked_scales, scales)
    again = pack(unpacked_codes, unpacked_scales, outliers, bits=bits, group_size=packed.group_size)
    assert_same_bits(again, packed)


@EVERY_RATE
@EVERY_SHAPE
def test_outliers_come_back_exactly(shape, kept, rng) -> None:
    codes, scales = draw_codes(rng, shape, 3), draw_scales(rng, shape, 50)
    outliers = draw_outliers(rng, shape, kept).coalesce()
    packed = pack(codes, scales, outliers, bits=3, group_size=50)
    unpacked = unpack(packed)[2]
    assert unpacked.is_coalesced()
    assert unpacked.values().dtype == torch.float16
    np.testing.assert_array_equal(unpacked.indices(), outliers.indices())
    np.testing.assert_array_equal(unpacked.values(), outliers.values())
    assert packed.outlier_rate == outliers.values().numel() / codes.numel()
    assert_same_bits(pack(*unpack(packed), bits=3, group_size=50), packed)


@EVERY_SHAPE
@EVERY_BITS
def test_extreme_codes_come_back(bits, shape, rng) -> None:
    for extreme in (-(1 << (bits - 1)), (1 << (bits - 1)) - 1):
        codes = torch.full(shape, extreme)
        packed = pack(codes, draw_scales(rng, shape, 50), bits=bits, group_size=50)
        np.testing.assert_array_equal(unpack(packed)[0], codes)


def test_outliers_of_value_zero_and_of_either_end_of_float16_are_kept(rng) -> None:
    values = torch.tensor([0.0, -0.0, 65504, -65504, 2**-24, 0.1], dtype=torch.float16)
    columns = [0, 8191, 8192, 8999, 4000, 4001]
    outliers = sparse([[4, 0, 7, 8, 0, 7], columns], values, (9, 9000)).coalesce()
    codes = draw_codes(rng, (9, 9000), 4)
    unpacked = unpack(pack(codes, torch.ones(9, 1), outliers, bits=4, group_size=None))[2]
    np.testing.assert_array_equal(unpacked.indices(), outliers.indices())
    np.testing.assert_array_equal(
        unpacked.values().view(torch.int16), outliers.values().view(torch.int16)
    )


def test_entries_in_any_order_and_dtype_give_the_same_bits(rng) -> None:
    codes, scales = draw_codes(rng, (17, 300), 4), draw_scales(rng, (17, 300), 64)
    outliers = draw_outliers(rng, (17, 300), 0.05).coalesce()
    shuffled = rng.permutation(len(outliers.values()))
    other = sparse(outliers.indices()[:, shuffled], outliers.values()[shuffled].double(), (17, 300))
    assert_same_bits(
        pack(codes.to(torch.int8), scales.double(), other, bits=4, group_size=64),
        pack(codes, scales, outliers, bits=4, group_size=64),
    )


def test_many_rows_are_packed_in_several_chunks(rng, monkeypatch) -> None:
    codes, scales = draw_codes(rng, (33, 130), 3), draw_scales(rng, (33, 130), 50)
    at_once = pack(codes, scales, bits=3, group_size=50)
    monkeypatch.setattr(packing, "CHUNK", 500)
    in_chunks = pack(codes, scales, bits=3, group_size=50)
    assert_same_bits(in_chunks, at_once)
    np.testing.assert_array_equal(unpack(in_chunks)[0], codes)


def test_arguments_are_left_as_they_were(rng) -> None:
    arguments = draw_codes(rng, (7, 63), 4), draw_scales(rng, (7, 63), 16)
    before = [tensor.clone() for tensor in arguments]
    pack(*arguments, bits=4, group_size=16)
    for tensor, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(tensor, copy)


# The layout, by hand


def planes_by_hand(codes: list[int], bits: int, group_size: int) -> list[list[int]]:
    """The words of one row by the rule of `kernels.layout`, one column after the other."""
    fields = {4: 4, 2: 8, 3: 16}[bits]
    slots_per_group = -(-group_size // 16)
    places = [
        (j // group_size * slots_per_group + j % group_size // 16, j % group_size % 16)
        for j in range(len(codes))
    ]
    units = -(-(places[-1][0] + 1) // fields)
    stored = dict.fromkeys(((s, k) for s in range(units * fields) for k in range(16)), 0)
    stored |= dict(zip(places, codes, strict=True))
    low_width, run = (4, 4) if bits == 4 else (2, 8)  # bits of a field, slots in a run of words
    low = [0] * (8 * units * (2 if bits == 3 else 1))
    high = [0] * (8 * units)
    for (slot, k), code in stored.items():
        u = code + (1 << (bits - 1))
        unit, field = divmod(slot, fields)
        word, half = divmod(k, 2)
        low_part = u & ((1 << low_width) - 1)
        low[8 * (slot // run) + word] |= low_part << (16 * half + low_width * (slot % run))
        high[8 * unit + word] |= (u >> 2) << (16 * half + field) if bits == 3 else 0
    return [low, high] if bits == 3 else [low]


def unsigned(plane: torch.Tensor) -> list[list[int]]:
    return [[word & 0xFFFFFFFF for word in row] for row in plane.tolist()]


@pytest.mark.parametrize(("bits", "unit"), [(4, 64), (2, 128), (3, 256)])
def test_words_of_one_unit_are_those_of_the_layout(bits, unit, rng) -> None:
    codes = draw_codes(rng, (1, unit), bits)
    packed = pack(codes, torch.ones(1, 1), bits=bits, group_size=None)
    by_hand = planes_by_hand(codes[0].tolist(), bits, unit)
    assert [unsigned(plane) for plane in packed.planes] == [[plane] for plane in by_hand]
    assert [len(plane) for plane in by_hand] == {4: [8], 2: [8], 3: [16, 8]}[bits]


@EVERY_GROUP
@EVERY_BITS
def test_units_and_rows_follow_one_another(bits, group_size, rng) -> None:
    codes = draw_codes(rng, (3, 300), bits)
    packed = pack(codes, draw_scales(rng, (3, 300), group_size), bits=bits, group_size=group_size)
    rows = [planes_by_hand(row, bits, group_size or 300) for row in codes.tolist()]
    assert [unsigned(plane) for plane in packed.planes] == [
        list(plane) for plane in zip(*rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("bits", "column", "words"),
    [
        # Column 35 is the third of slot 2: word 1, its upper half, its third field.
        (4, 35, [{1: 0x0F000000}]),
        (4, 0, [{0: 0x0000000F}]),
        (4, 63, [{7: 0xF0000000}]),
        (2, 126, [{7: 0x0000C000}]),
        (2, 17, [{0: 0x000C0000}]),
        # Slot 8 begins the second run of the low plane, and has bit 8 of the high one.
        (3, 130, [{9: 0x00000003}, {1: 0x00000100}]),
        (3, 255, [{15: 0xC0000000}, {7: 0x80000000}]),
    ],
)
def test_one_code_sets_the_bits_that_the_layout_says(bits, column, words) -> None:
    codes = torch.full((1, {4: 64, 2: 128, 3: 256}[bits]), -(1 << (bits - 1)))  # stored as 0
    codes[0, column] = (1 << (bits - 1)) - 1
    packed = pack(codes, torch.ones(1, 1), bits=bits, group_size=None)
    found = [{i: w for i, w in enumerate(unsigned(plane)[0]) if w} for plane in packed.planes]
    assert found == words


def test_what_fills_slots_and_units_is_the_code_zero() -> None:
    packed = pack(torch.tensor([[7, -8]]), torch.ones(1, 2), bits=4, group_size=1)
    assert unsigned(packed.planes[0]) == [[0x8888880F, *[0x88888888] * 7]]


def test_outlier_entries_are_those_of_the_layout() -> None:
    places = [(7, 8191), (0, 4), (5, 4), (7, 3), (5, 8192), (9, 1)]
    rows, columns = zip(*places, strict=True)
    outliers = sparse([rows, columns], torch.tensor([1.0, -2.0, 0.5, 1.0, 1.0, 0.0]), (10, 9000))
    packed = pack(torch.zeros(10, 9000).int(), torch.ones(10, 1), outliers, bits=2, group_size=None)
    assert packed.tile_starts.tolist() == [0, 4, 5, 6, 6]
    assert unsigned(packed.outliers[None])[0] == [
        7 << 29 | 3 << 16 | 0x3C00,  # 1 in float16
        0 << 29 | 4 << 16 | 0xC000,
        5 << 29 | 4 << 16 | 0x3800,
        7 << 29 | 8191 << 16 | 0x3C00,
        5 << 29 | 0 << 16 | 0x3C00,
        1 << 29 | 1 << 16 | 0x0000,
    ]


# What it means, and what it takes


@EVERY_BITS
@pytest.mark.parametrize("group_size", [None, 16, 50])
def test_law_19_packed_layer_is_the_quantized_one_to_float16_rounding(
    bits, group_size, rng
) -> None:
    weight, hessian = 0.2 * rng.standard_normal((20, 130)), random_hessian(rng, 130, 1e3)
    layer = quantize_layer(
        torch.tensor(weight),
        torch.tensor(hessian),
        "ssqr",
        bits,
        group_size=group_size,
        outlier_rate=0.05,
    )
    packed = pack(layer.codes, layer.group_scales, layer.outliers, bits=bits, group_size=group_size)
    ours, theirs = dequantize(packed, torch.float64), layer.dequantize()
    np.testing.assert_allclose(ours, theirs, rtol=2**-11, atol=0)  # scales have 16 bits
    row, column = layer.outliers.indices()
    assert len(row) > 50
    np.testing.assert_array_equal(ours[row, column], theirs[row, column])
    assert packed.outlier_rate == layer.outlier_rate


def test_outliers_are_added_to_scales_times_codes() -> None:
    codes, scales = torch.tensor([[1, -2, 3], [0, 1, -4]]), torch.tensor([[0.5, 2.0], [0.25, 4.0]])
    outliers = sparse([[0, 1], [2, 0]], torch.tensor([0.75, -1.5]), (2, 3))
    packed = pack(codes, scales, outliers, bits=3, group_size=2)
    desired = [[0.5, -1.0, 6.75], [-1.5, 0.25, -16.0]]
    assert dequantize(packed).tolist() == desired
    x = torch.tensor([[1.0, 10.0, 100.0]], dtype=torch.float64)
    assert reference_matmul(x, packed).tolist() == [[665.5, -1599.0]]
    assert reference_matmul(x.bfloat16(), packed).dtype == torch.bfloat16


def test_four_bits_in_groups_of_128_take_what_their_parts_take() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (4096, 4096)
    codes = torch.randint(-8, 8, shape, generator=generator, dtype=torch.int8)
    kept = torch.randint(codes.numel(), (codes.numel() // 100,), generator=generator).unique()
    outliers = sparse(torch.stack([kept // 4096, kept % 4096]), torch.ones(len(kept)), shape)
    packed = pack(codes, torch.ones(4096, 32), outliers, bits=4, group_size=128)
    assert 0.0095 < packed.outlier_rate < 0.01
    expected = 4 + 16 / 128 + 32 * packed.outlier_rate
    assert expected <= packed.bits_per_weight < expected + 0.01
    assert packed.bytes == sum(t.numel() * t.itemsize for t in packed.tensors)


@pytest.mark.parametrize(
    ("layout", "slots", "units"),
    [
        (Layout(4, 1, 1), 1, 1),
        (Layout(4, 65, 65), 5, 2),
        (Layout(2, 300, 50), 24, 3),  # four slots for each 50 columns
        (Layout(2, 300, 7), 43, 6),
        (Layout(3, 9000, 128), 563, 36),
    ],
)
def test_slots_and_units_of_a_row(layout, slots, units) -> None:
    assert (layout.slots, layout.units) == (slots, units)


def test_copy_has_other_memory_and_the_same_bits(rng) -> None:
    shape = (17, 300)
    packed = pack(
        draw_codes(rng, shape, 3),
        draw_scales(rng, shape, 50),
        draw_outliers(rng, shape, 0.05),
        bits=3,
        group_size=50,
    )
    for other in (packed.copy(), packed.to("cpu")):
        assert_same_bits(other, packed)
    pairs = zip(packed.copy().tensors, packed.tensors, strict=True)
    assert all(ours.data_ptr() != theirs.data_ptr() for ours, theirs in pairs)
    elsewhere = packed.to("meta")
    assert {tensor.device.type for tensor in elsewhere.tensors} == {"meta"}
    assert elsewhere.device.type == "meta"
    assert (elsewhere.layout, elsewhere.bytes) == (packed.layout, packed.bytes)


def test_examples_in_docstrings_give_what_they_show() -> None:
    result = doctest.testmod(packing)
    assert result.attempted > 0
    assert result.failed == 0


# What is refused

TOO_LARGE = sparse([[0], [1]], torch.tensor([1e6]), (2, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 5}, "bits is 5; 2, 3 or 4"),
        ({"bits": 1}, "bits is 1; 2, 3 or 4"),
        ({"codes": torch.tensor([[0, -9, 7]] * 2)}, "from -9 to 7; 4 bits hold -8 … 7"),
        ({"codes": torch.tensor([[0, 2, 0]] * 2), "bits": 2}, "from 0 to 2; 2 bits hold -2 … 1"),
        ({"codes": torch.tensor([0, 1, 2])}, r"shape \(3,\); \(r, c\)"),
        ({"codes": torch.zeros(0, 3).int()}, r"shape \(0, 3\); \(r, c\)"),
        ({"codes": torch.zeros(2, 3)}, r"torch\.float32; an integer dtype"),
        ({"codes": torch.zeros(2, 3).bool()}, r"torch\.bool; an integer dtype"),
        ({"group_size": 0}, "group_size is 0; a whole number"),
        ({"group_size": -16}, "group_size is -16"),
        ({"group_size": 1.5}, "group_size is 1.5"),
        ({"scales": torch.ones(2)}, r"shape \(2,\); \(2, 2\) was wanted"),
        ({"scales": torch.ones(2, 1)}, r"\(2, 1\); \(2, 2\) was wanted.* group of 2 of 3 columns"),
        ({"scales": torch.ones(2, 2, device="meta")}, "codes are on cpu and scales on meta"),
        ({"scales": torch.ones(2, 2).int()}, r"torch\.int32; a floating dtype"),
        ({"scales": torch.tensor([[1.0, np.nan]] * 2)}, "a scale is nan;.*mend the NaN"),
        ({"scales": torch.tensor([[1.0, np.inf]] * 2)}, "a scale is inf"),
        ({"scales": torch.tensor([[1.0, 1e5]] * 2)}, r"a scale is 1e\+05;.*65,504"),
        ({"scales": torch.tensor([[1.0, 1e-7]] * 2)}, "a scale is 1e-07;.*1e-5"),
        ({"outliers": torch.zeros(2, 3)}, r"layout torch\.strided; a sparse COO"),
        ({"outliers": torch.zeros(3, 2).to_sparse()}, r"are \(3, 2\) on cpu; \(2, 3\) on cpu"),
        ({"outliers": TOO_LARGE}, r"an outlier is 1e\+06, which torch\.float16 cannot hold"),
        ({"outliers": TOO_LARGE * np.inf}, "an outlier is inf"),
        ({"outliers": TOO_LARGE * np.nan}, "an outlier is nan"),
    ],
)
def test_what_cannot_be_packed_is_an_error(arguments, message) -> None:
    good = {"codes": torch.zeros(2, 3).int(), "scales": torch.ones(2, 2), "outliers": None}
    with pytest.raises(ValueError, match=message):
        pack(**(good | {"bits": 4, "group_size": 2} | arguments))


def test_weight_of_another_layout_version_is_refused() -> None:
    packed = pack(torch.zeros(1, 3).int(), torch.ones(1, 1), bits=4, group_size=None)
    other = replace(packed, version=LAYOUT_VERSION + 1)
    message = f"layout {LAYOUT_VERSION + 1}; layout {LAYOUT_VERSION} was wanted"
    for reader in (unpack, dequantize):
        with pytest.raises(ValueError, match=message):
            reader(other)
