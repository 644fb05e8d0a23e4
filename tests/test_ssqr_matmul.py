"""The Triton kernels against the plain formula in float64, on a GPU or interpreted.

Every product here has sentinels around the memory that it writes, and NaN in it before.

The interpreter has no bfloat16 of its own and cuts float32 off to it. So the sums are looked at in
float32, and what is rounded to bfloat16 with a wider tolerance.
"""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")

from kernels import ssqr_matmul as products  # noqa: E402
from kernels.launch import Launch, dot_launch, gemv_launch  # noqa: E402
from kernels.layout import Layout  # noqa: E402
from kernels.packing import PackedWeight, pack  # noqa: E402
from kernels.reference import dequantize  # noqa: E402
from kernels.scratch import scratch  # noqa: E402
from kernels.ssqr_dequantize import dequantized  # noqa: E402
from kernels.ssqr_matmul import ssqr_matmul  # noqa: E402
from kernels.tuning import candidates  # noqa: E402
from kernels.unpacking import columns_of, layout_constants  # noqa: E402

DEVICE = "cpu" if triton.knobs.runtime.interpret else "cuda"
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(),
    reason="needs a CUDA device, or TRITON_INTERPRET=1",
)

BOTH_DTYPES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
EVERY_BITS = pytest.mark.parametrize("bits", [2, 3, 4])
# Rows, columns, bits, group size, weights kept aside.
EVERY_WEIGHT = pytest.mark.parametrize(
    "sizes",
    [
        (1, 1, 4, None, 0.0),
        (7, 63, 2, 16, 0.05),
        (3, 130, 3, None, "a row"),
        (65, 130, 4, 48, 0.05),  # two blocks of rows; slots of a unit in different groups
        (33, 576, 4, 128, 0.05),
        (17, 300, 3, 50, "all"),
        (9, 300, 2, 7, 0.05),
        (5, 576, 3, 128, 0.0),
        (70, 576, 2, None, "a row"),
    ],
    ids=lambda sizes: "-".join(map(str, sizes)),
)
TWO_TILES = (5, 9000, 4, None, 0.02)  # of outliers, in a row
SENTINEL, GUARD = -12345.0, 1 << 16  # numbers before and after: more than a program writes


def drawn(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    bits: int = 4,
    group_size: int | None = 64,
    kept: float | str = 0.05,
    *,
    under: bool = True,
) -> PackedWeight:
    """A random weight; outliers also where the code is not 0, unless `under` is false."""
    codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (rows, columns))
    groups = 1 if group_size is None else -(-columns // group_size)
    where = rng.random((rows, columns)) < (
        0.0 if kept == "a row" else 1.0 if kept == "all" else kept
    )
    where[rows // 2] |= kept == "a row"
    if not under:
        codes[where] = 0
    values = torch.tensor(rng.standard_normal(int(where.sum())))
    return pack(
        torch.tensor(codes),
        torch.tensor(rng.uniform(0.05, 0.15, (rows, groups))).half(),
        torch.sparse_coo_tensor(
            torch.tensor(np.argwhere(where).T), values, (rows, columns), check_invariants=True
        ),
        bits=bits,
        group_size=group_size,
    ).to(DEVICE)


def activations(rng: np.random.Generator, count: int, packed: PackedWeight, dtype) -> torch.Tensor:
    return torch.tensor(rng.standard_normal((count, packed.shape[1]))).to(DEVICE, dtype)


def dot(packed: PackedWeight, splits: int = 1) -> Launch:
    return replace(dot_launch(packed.shape[0], packed.layout, 1), splits=splits)


def guarded(shape: tuple[int, ...], fill: float, dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """A buffer full of sentinels, and a view of its middle."""
    size = int(np.prod(shape))
    buffer = torch.full((size + 2 * GUARD,), SENTINEL, device=DEVICE).to(dtype)
    view = buffer[GUARD : GUARD + size].view(shape)
    view.fill_(fill)
    return buffer, view


def assert_guards_untouched(*buffers: torch.Tensor) -> None:
    for buffer in buffers:
        for guard in (buffer[:GUARD], buffer[-GUARD:]):
            assert (guard == torch.tensor(SENTINEL, device=DEVICE).to(buffer.dtype)).all()


def written_out(packed: PackedWeight, dtype) -> torch.Tensor:
    """The dequantized weight; what it is written to is watched for writes beside it."""
    buffer, out = guarded(packed.shape, torch.nan, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "empty", lambda *shape, **options: out)
        assert dequantized(packed, dtype) is out
    assert_guards_untouched(buffer)
    return out


def product(
    x: torch.Tensor, packed: PackedWeight, launch: Launch | None = None, dtype=torch.float32
) -> torch.Tensor:
    """The product, with all memory that it gets watched in the same way."""
    buffer, out = guarded((len(x), packed.shape[0]), torch.nan, dtype)
    lent = []

    def lend(device, floats, counters):
        lent.append(guarded((floats,), torch.nan, torch.float32))  # none may be read unwritten
        lent.append(guarded((counters,), 0, torch.int32))
        return tuple(view for _, view in lent[-2:])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "scratch", lend)
        patch.setattr(products, "dequantized", written_out)
        assert ssqr_matmul(x, packed, out, launch) is out
    assert_guards_untouched(buffer, *(whole for whole, _ in lent))
    for _, arrivals in lent[1::2]:
        assert (arrivals == 0).all()  # for the next launch
    return out


def relative_error(y: torch.Tensor, x: torch.Tensor, packed: PackedWeight) -> float:
    """Largest, over the largest product."""
    exact = x.double() @ dequantize(packed, torch.float64).T
    return ((y.double() - exact).abs().max() / exact.abs().max()).item()


# Against the formula


@BOTH_DTYPES
@EVERY_WEIGHT
def test_one_row_in_registers(sizes, dtype, rng) -> None:
    packed = drawn(rng, *sizes)
    x = activations(rng, 1, packed, dtype)
    assert relative_error(product(x, packed, gemv_launch(packed.layout)), x, packed) < 1e-5


@BOTH_DTYPES
@EVERY_WEIGHT
def test_several_rows_on_tensor_cores(sizes, dtype, rng) -> None:
    packed = drawn(rng, *sizes)
    for rows_of_x, splits in ((1, 3), (3, 1), (16, 1), (17, 3)):
        x = activations(rng, rows_of_x, packed, dtype)
        error = relative_error(product(x, packed, dot(packed, splits)), x, packed)
        assert error < 1e-5, (rows_of_x, splits)


@BOTH_DTYPES
def test_two_tiles_of_outliers_in_a_row(dtype, rng) -> None:
    packed = drawn(rng, *TWO_TILES)
    for rows_of_x, launch in ((1, gemv_launch(packed.layout)), (3, dot(packed))):
        x = activations(rng, rows_of_x, packed, dtype)
        assert relative_error(product(x, packed, launch), x, packed) < 1e-5


@EVERY_BITS
def test_as_many_rows_as_one_launch_takes(bits, rng) -> None:
    packed = drawn(rng, 33, 300, bits)
    x = activations(rng, 64, packed, torch.bfloat16)
    assert relative_error(product(x, packed), x, packed) < 1e-5


@BOTH_DTYPES
@pytest.mark.parametrize("rows_of_x", [1, 3, 65])
def test_result_in_the_dtype_of_x(rows_of_x, dtype, rng) -> None:
    packed = drawn(rng, 33, 300)
    x = activations(rng, rows_of_x, packed, dtype)
    y = product(x, packed, dtype=dtype)
    assert relative_error(y, x, packed) < {torch.bfloat16: 1e-2, torch.float16: 1e-3}[dtype]


@pytest.mark.parametrize("rows_of_x", [1, 5])
def test_every_launch_that_is_tuned_gives_the_product(rows_of_x, rng) -> None:
    packed = drawn(rng, 70, 576, 4, 128)
    x = activations(rng, rows_of_x, packed, torch.float16)
    # Warps, stages and registers mean nothing to the interpreter.
    launches = {
        replace(launch, warps=4, stages=1, registers=None)
        for launch in candidates(rows_of_x, packed, 4)
    }
    assert len(launches) >= 3
    for launch in launches:
        assert relative_error(product(x, packed, launch), x, packed) < 1e-5, launch


@EVERY_BITS
def test_whole_numbers_are_multiplied_exactly(bits, rng) -> None:
    codes = torch.tensor(rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (33, 300)))
    outliers = torch.tensor(rng.integers(1, 200, (33, 300)) * (rng.random((33, 300)) < 0.1))
    packed = pack(
        codes, torch.ones(33, 6), outliers.half().to_sparse(), bits=bits, group_size=50
    ).to(DEVICE)
    x = torch.tensor(rng.integers(-100, 101, (3, 300)))
    desired = (x @ (codes + outliers).T).float()
    for dtype in (torch.bfloat16, torch.float16):
        given = x.to(DEVICE, dtype)
        for ours in (
            product(given[:1], packed, gemv_launch(packed.layout)),
            product(given, packed, dot(packed)),
            product(given, packed, dot(packed, 2)),
        ):
            np.testing.assert_array_equal(ours.cpu(), desired[: len(ours)])


@EVERY_BITS
def test_each_code_is_unpacked_where_it_belongs(bits) -> None:
    """One column after the other: the product with a unit vector is that column."""
    columns = 300
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    codes = torch.arange(2 * columns).reshape(2, columns) * 7 % (high - low + 1) + low
    packed = pack(codes, torch.ones(2, 6), bits=bits, group_size=50).to(DEVICE)
    unit_vectors = torch.eye(columns, dtype=torch.float16, device=DEVICE)
    found = [product(part, packed, dot(packed)) for part in unit_vectors.split(64)]
    np.testing.assert_array_equal(torch.cat(found).T.cpu(), codes)


# The weight written out


@EVERY_BITS
@pytest.mark.parametrize("group_size", [None, 128, 50, 7])
def test_law_19_weight_written_out_is_the_reference_rounded(bits, group_size, rng) -> None:
    """Where an outlier is, the code is 0, as ssqr leaves it."""
    packed = drawn(rng, 70, 300, bits, group_size, under=False)
    exactly = written_out(packed, torch.float16).cpu()
    np.testing.assert_array_equal(exactly, dequantize(packed).half().cpu())
    rounded = written_out(packed, torch.bfloat16).double().cpu()
    np.testing.assert_allclose(rounded, dequantize(packed).double().cpu(), rtol=2**-7, atol=0)


def test_outliers_in_every_tile_are_written_out(rng) -> None:
    packed = drawn(rng, *TWO_TILES, under=False)
    exactly = written_out(packed, torch.float16).cpu()
    np.testing.assert_array_equal(exactly, dequantize(packed).half().cpu())


def test_more_than_64_rows_are_multiplied_with_the_weight_written_out(rng, monkeypatch) -> None:
    packed = drawn(rng, 33, 300)
    written = []

    def noted(packed, dtype):
        written.append(dtype)
        return dequantized(packed, dtype)

    monkeypatch.setattr(products, "dequantized", noted)
    x = activations(rng, 65, packed, torch.float16)
    for rows_of_x, times in ((64, 0), (65, 1)):
        out = torch.empty(rows_of_x, 33, dtype=torch.float16, device=DEVICE)
        ssqr_matmul(x[:rows_of_x], packed, out)
        assert relative_error(out, x[:rows_of_x], packed) < 1e-3
        assert written == [torch.float16] * times


def test_device_without_room_for_the_weight_written_out_says_what_to_do(rng, monkeypatch) -> None:
    def without_room(packed, dtype):
        raise torch.OutOfMemoryError("CUDA out of memory")

    packed = drawn(rng, 33, 300)
    x = activations(rng, 65, packed, torch.float16)
    monkeypatch.setattr(products, "dequantized", without_room)
    with pytest.raises(torch.OutOfMemoryError, match=r"no room .* Pass at most 64 rows at a time"):
        ssqr_matmul(x, packed, torch.empty(65, 33, dtype=x.dtype))


def test_float32_result_of_many_rows_is_summed_and_kept_in_float32(rng) -> None:
    packed = drawn(rng, 33, 300)
    x = activations(rng, 130, packed, torch.float16)
    out = torch.full((130, 33), float("nan"), device=DEVICE)
    assert ssqr_matmul(x, packed, out) is out
    assert relative_error(out, x, packed) < 1e-5


def test_outliers_are_added_to_what_the_codes_give(rng) -> None:
    packed = drawn(rng, 17, 300, 4, 64, "all")
    rounded = written_out(packed, torch.float16).double()
    # Rounded twice: once before an outlier is added.
    desired = dequantize(packed, torch.float64)
    torch.testing.assert_close(rounded, desired, rtol=2**-10, atol=2**-11)


# Where each column is


@triton.jit
def count_columns(
    found, column_count, SLOTS_PER_GROUP: triton.language.constexpr, GROUP: triton.language.constexpr
):  # fmt: skip
    """Adds 1 for each column that a slot has."""
    k = triton.language.arange(0, 16)
    slot = triton.language.program_id(0)
    column, there = columns_of(slot, k, column_count, SLOTS_PER_GROUP, GROUP)
    triton.language.atomic_add(found + column, 1, mask=there)


@pytest.mark.parametrize("group_size", [None, 16, 48, 50, 7, 1])
def test_each_column_is_in_one_place(group_size) -> None:
    """What only fills up a slot or a unit is no column: two would be written to one place."""
    columns = 130
    layout = Layout(4, columns, group_size or columns)
    buffer, found = guarded((columns,), 0, torch.int32)
    constants = layout_constants(layout)
    count_columns[(layout.units * layout.slots_per_unit,)](
        found, columns, constants["SLOTS_PER_GROUP"], constants["GROUP"]
    )
    assert (found == 1).all()
    assert_guards_untouched(buffer)


# What is read and written


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the interpreter
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sizes", [(9, 130, 3, 50, 0.05), (9, 130, 4, None, 0.0)])
def test_what_is_not_finite_shows_in_its_row_and_in_no_other(sizes, broken, rng) -> None:
    packed = drawn(rng, *sizes)
    for column in (0, 77, 129):
        x = activations(rng, 3, packed, torch.float16)
        x[1, column] = broken
        in_registers = product(x[1:2], packed, gemv_launch(packed.layout))
        assert not torch.isfinite(in_registers).any()
        y = product(x, packed, dot(packed, 2))
        assert not torch.isfinite(y[1]).any()
        assert torch.isfinite(y[[0, 2]]).all()


@pytest.mark.parametrize("sizes", [(9, 130, 3, 50, 0.05), (9, 63, 4, None, 0.05)])
def test_x_may_be_part_of_a_wider_tensor_of_which_nothing_else_is_read(sizes, rng) -> None:
    packed = drawn(rng, *sizes)
    alone = activations(rng, 3, packed, torch.bfloat16)
    wide = torch.full((7, 300), torch.nan, dtype=torch.bfloat16, device=DEVICE)
    part = wide[2:5, 20 : 20 + packed.shape[1]]
    part.copy_(alone)
    assert part.stride(0) == 300
    one = gemv_launch(packed.layout)
    for launch, rows in ((dot(packed, 2), 3), (one, 1)):
        ours, desired = product(part[:rows], packed, launch), product(alone[:rows], packed, launch)
        np.testing.assert_array_equal(ours.cpu(), desired.cpu())


def test_scratch_memory_is_left_as_the_next_product_needs_it(rng) -> None:
    packed = drawn(rng, 70, 576, 4, 128)
    x = activations(rng, 5, packed, torch.float16)
    for splits in (3, 2, 3):
        out = torch.full((5, 70), torch.nan, device=DEVICE)
        ssqr_matmul(x, packed, out, dot(packed, splits))
        assert relative_error(out, x, packed) < 1e-5
        assert (scratch(x.device, 0, 0)[1] == 0).all()


def test_same_input_gives_the_same_bits(rng) -> None:
    packed = drawn(rng, 33, 576, 4, 128)
    x = activations(rng, 5, packed, torch.bfloat16)
    for launch, rows in ((dot(packed, 3), 5), (gemv_launch(packed.layout), 1)):
        first, second = (product(x[:rows], packed, launch).cpu() for _ in range(2))
        np.testing.assert_array_equal(first, second)
    other = product(x, packed, dot(packed, 1)).cpu()
    torch.testing.assert_close(
        product(x, packed, dot(packed, 3)).cpu(), other, rtol=1e-4, atol=1e-4
    )


def test_no_split_is_left_without_work(rng, monkeypatch) -> None:
    packed = drawn(rng, 9, 300)
    x = activations(rng, 3, packed, torch.float16)
    asked = []

    def noted(device, floats, counters):
        asked.append(floats)
        return scratch(device, floats, counters)

    monkeypatch.setattr(products, "scratch", noted)
    out = torch.empty(3, 9, device=DEVICE)
    ssqr_matmul(x, packed, out, dot(packed, 1000))
    assert relative_error(out, x, packed) < 1e-5
    assert asked[0] <= (packed.layout.units + 1) * out.numel()
