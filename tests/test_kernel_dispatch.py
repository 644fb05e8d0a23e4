"""Which backend multiplies, what it says where it cannot, and the one for processors."""

import gc
import logging
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kernels import cpu_matmul, dispatch  # noqa: E402
from kernels import scratch as scratch_memory  # noqa: E402
from kernels.benchmark.cases import Case  # noqa: E402
from kernels.dispatch import (  # noqa: E402
    BACKENDS,
    bytes_read,
    choose,
    quantized_matmul,
    unavailable,
)
from kernels.layout import LAYOUT_VERSION  # noqa: E402
from kernels.packing import PackedWeight  # noqa: E402
from kernels.reference import reference_matmul  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def interpreted() -> None:
    """As these tests are without a GPU."""
    if not pytest.importorskip("triton").knobs.runtime.interpret:
        pytest.skip("Triton's interpreter is off: TRITON_INTERPRET=1 turns it on")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each that runs with tensors of the processor."""
    if request.param == "triton":
        request.getfixturevalue("interpreted")
    return request.param


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As outside the tests: Triton wants a GPU."""
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "0")


def weight(
    rows: int = 7, columns: int = 130, bits: int = 4, rate: float = 0.05, group: int | None = 64
) -> PackedWeight:
    return Case(columns, rows, bits, rate, group or columns).draw(CPU)


def activations(count: int, packed: PackedWeight, dtype=torch.bfloat16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, packed.shape[1], generator=generator).to(dtype)


def on_gpu() -> torch.Tensor:
    """What is asked of an x when a backend is chosen."""
    x = SimpleNamespace(dtype=torch.bfloat16, device=torch.device("cuda"))
    return x  # type: ignore[return-value]


def relative_error(y: torch.Tensor, x: torch.Tensor, packed: PackedWeight) -> float:
    exact = reference_matmul(x.double(), packed)
    return ((y - exact).norm() / exact.norm().clamp(min=1e-300)).item()  # 0 for all zeros


# Who can, and who is taken


@pytest.mark.parametrize(
    ("backend", "dtype", "group", "reason"),
    [
        (
            "triton",
            torch.bfloat16,
            64,
            "x is on cpu, and Triton needs x and the weight on an NVIDIA GPU",
        ),
        ("triton", torch.float32, 64, r"x is torch\.float32; bfloat16 or float16 was wanted"),
        ("cpu", torch.float64, 64, r"x is torch\.float64; bfloat16, float16 or float32"),
        ("cpu", torch.float32, 50, "groups of a multiple of 32 columns, and these have 50"),
    ],
)
def test_backend_that_cannot_run_is_an_error_with_its_reason(
    backend, dtype, group, reason, compiled
) -> None:
    packed = weight(group=group)
    with pytest.raises(ValueError, match=f'backend "{backend}" cannot run: .*{reason}.*auto'):
        quantized_matmul(activations(3, packed, dtype), packed, backend=backend)


def test_backend_says_that_a_tensor_is_elsewhere(compiled) -> None:
    packed = weight().to("meta")
    x = torch.empty(3, 130, dtype=torch.bfloat16, device="meta")
    for backend, reason in (("triton", "x is on meta, and Triton"), ("cpu", "x is on meta, not")):
        with pytest.raises(ValueError, match=reason):
            quantized_matmul(x, packed, backend=backend)


def test_triton_that_is_not_installed_is_told(monkeypatch) -> None:
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    packed = weight()
    with pytest.raises(ValueError, match="Triton is not installed"):
        quantized_matmul(activations(3, packed), packed, backend="triton")
    name, reason = choose(on_gpu(), packed)
    assert name == "reference"
    assert reason.startswith(
        "triton: Triton is not installed (pip install triton); cpu: x is on cu"
    )


def test_gpu_is_taken_unless_it_has_no_bfloat16(monkeypatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    old = "Tesla T4 has no bfloat16 tensor cores"
    for capability, reason in (((7, 5), old), ((8, 0), ""), ((12, 0), "")):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device, found=capability: found
        )
        assert unavailable("triton", on_gpu(), weight()) == reason
        assert choose(on_gpu(), weight())[0] == ("reference" if reason else "triton")
    assert choose(on_gpu(), weight()) == ("triton", "")


def test_torch_for_amd_is_refused(monkeypatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert "this torch is for AMD GPUs" in unavailable("triton", on_gpu(), weight())


def test_outliers_need_a_torch_with_mkl(monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert "without MKL" in cpu_matmul.unavailable_for(weight())
    assert cpu_matmul.unavailable_for(weight(rate=0.0)) == ""


@pytest.mark.parametrize("backend", ["cuda", "Triton", ""])
def test_unknown_backend_is_an_error(backend) -> None:
    packed = weight()
    with pytest.raises(ValueError, match=f"'{backend}'; one of auto, triton, cpu, reference"):
        quantized_matmul(activations(3, packed), packed, backend=backend)


def test_auto_takes_the_first_that_can_and_says_why() -> None:
    packed, odd = weight(), weight(group=50)
    assert choose(activations(3, packed), packed) == ("cpu", "triton: x is on cpu")
    name, reason = choose(activations(3, odd), odd)
    assert name == "reference"
    assert reason.startswith("triton: x is on cpu; cpu: torch's 4-bit product takes groups")
    assert choose(activations(3, packed, torch.float64), packed)[0] == "reference"


def test_auto_leaves_the_interpreter_to_who_asks_for_it(interpreted) -> None:
    packed = weight()
    assert choose(activations(3, packed), packed)[0] == "cpu"
    assert unavailable("triton", activations(3, packed), packed) == ""


def test_choice_is_logged_once(caplog) -> None:
    dispatch._tell.cache_clear()
    packed, odd = weight(), weight(group=50)
    with caplog.at_level(logging.INFO, logger=dispatch.__name__):
        for _ in range(2):
            quantized_matmul(activations(3, packed), packed)
            quantized_matmul(activations(3, odd), odd)
            quantized_matmul(activations(3, packed), packed, backend="reference")
    (first, level), (second, other) = [(r.getMessage(), r.levelno) for r in caplog.records]
    assert first == "backend auto takes cpu (triton: x is on cpu)"
    assert second.startswith("backend auto takes reference (triton:")
    assert (level, other) == (logging.INFO, logging.WARNING)  # the slow one is worth a warning


# What is asked of the operands


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_x_that_wants_a_gradient_is_refused(backend) -> None:
    packed = weight()
    x = activations(3, packed).requires_grad_()
    with pytest.raises(ValueError, match=r"quantized products have none.*x\.detach"):
        quantized_matmul(x, packed, backend=backend)
    with torch.no_grad():
        y = quantized_matmul(x, packed, backend=backend)
    assert torch.equal(y, quantized_matmul(x.detach(), packed, backend=backend))


def test_result_in_the_memory_of_x_is_refused() -> None:
    packed = Case(64, 64, 4, 0.01, 64).draw(CPU)
    x = activations(3, packed)
    for out in (x, x.view(-1).view(3, 64)):
        with pytest.raises(ValueError, match="out is in the memory of x"):
            quantized_matmul(x, packed, out=out)
    both = torch.cat([x, x])
    with pytest.raises(ValueError, match="out is in the memory of x"):
        quantized_matmul(both[:3], packed, out=both[3:])


def test_what_is_no_tensor_or_no_packed_weight_is_told() -> None:
    packed = weight()
    with pytest.raises(TypeError, match="x is a ndarray; a torch tensor was wanted"):
        quantized_matmul(np.zeros((1, 130)), packed)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="packed is a Tensor; a PackedWeight was wanted"):
        quantized_matmul(activations(3, packed), torch.zeros(3, 130))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(130), r"shape \(130,\); \(M, 130\) was wanted for a weight of 7 × 130"),
        (torch.zeros(2, 129), r"shape \(2, 129\); \(M, 130\)"),
        (torch.zeros(1, 2, 130), r"shape \(1, 2, 130\)"),
        (torch.zeros(2, 130).int(), r"torch\.int32; a floating dtype"),
        (torch.zeros(2, 130, device="meta"), "x is on meta and the weight on cpu"),
    ],
)
def test_x_that_does_not_fit_is_an_error(x, message) -> None:
    with pytest.raises(ValueError, match=message):
        quantized_matmul(x, weight())


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (torch.zeros(7, 3), r"shape \(7, 3\) on cpu; a contiguous \(3, 7\) on cpu"),
        (torch.zeros(7, 3).T, r"a contiguous \(3, 7\)"),
        (torch.zeros(3, 7, device="meta"), r"on meta; a contiguous \(3, 7\) on cpu"),
        (torch.zeros(3, 7).half(), r"torch\.float16; torch\.bfloat16 or float32"),
    ],
)
def test_out_that_does_not_fit_is_an_error(out, message) -> None:
    packed = weight()
    with pytest.raises(ValueError, match=message):
        quantized_matmul(activations(3, packed), packed, out=out)


def test_weight_of_another_layout_version_is_refused(backend) -> None:
    packed = replace(weight(), version=LAYOUT_VERSION + 1)
    with pytest.raises(ValueError, match=f"layout {LAYOUT_VERSION + 1}; layout {LAYOUT_VERSION} "):
        quantized_matmul(activations(3, packed), packed, backend=backend)


def test_no_rows_of_x_give_no_rows_of_y(backend) -> None:
    packed = weight()
    x = activations(0, packed)
    y = quantized_matmul(x, packed, backend=backend)
    assert y.shape == (0, 7)
    assert y.dtype == torch.bfloat16
    out = torch.empty(0, 7)
    assert quantized_matmul(x, packed, backend=backend, out=out) is out


@pytest.mark.parametrize("rows_of_x", [1, 3, 65])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_out_is_overwritten_and_returned(backend, dtype, rows_of_x) -> None:
    packed = weight()
    x = activations(rows_of_x, packed)
    out = torch.full((rows_of_x, 7), torch.nan, dtype=dtype)
    assert quantized_matmul(x, packed, backend=backend, out=out) is out
    assert relative_error(out, x, packed) < 1e-2


def test_columns_of_x_may_lie_apart(backend) -> None:
    packed = weight()
    x = activations(3, packed)
    apart = x.T.contiguous().T
    assert apart.stride(1) == 3
    torch.testing.assert_close(
        quantized_matmul(apart, packed, backend=backend),
        quantized_matmul(x, packed, backend=backend),
        rtol=0,
        atol=0,
    )


def test_result_has_the_dtype_of_x(backend) -> None:
    packed = weight()
    for dtype in (torch.bfloat16, torch.float16):
        x = activations(3, packed, dtype)
        y = quantized_matmul(x, packed, backend=backend)
        assert y.dtype == dtype
        assert relative_error(y, x, packed) < 1e-2


def test_reference_multiplies_float64_in_float64() -> None:
    packed = weight(group=50)
    x = activations(3, packed, torch.float64)
    y = quantized_matmul(x, packed, backend="reference")
    assert y.dtype == torch.float64
    assert relative_error(y, x, packed) == 0
    assert relative_error(reference_matmul(x.float(), packed), x, packed) > 1e-9


# On a processor


@pytest.mark.parametrize("group", [32, 64, 96, 128, 256, None])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_product_on_a_processor(bits, group) -> None:
    for rows, columns in ((1, 1), (7, 63), (3, 130), (33, 576), (17, 300)):
        for rate in (0.0, 0.05):
            packed = weight(rows, columns, bits, rate, group)
            for rows_of_x, dtype in (
                (1, torch.bfloat16),
                (1, torch.float32),
                (5, torch.float16),
                (5, torch.float32),
            ):
                x = activations(rows_of_x, packed, dtype)
                y = quantized_matmul(x, packed, backend="cpu")
                assert y.dtype == dtype
                assert relative_error(y, x, packed) < 1e-2, (packed.shape, rate, rows_of_x, dtype)


@pytest.mark.parametrize("rate", [0.0, 0.05])
def test_nan_shows_in_its_row_and_in_no_other_on_a_processor(rate) -> None:
    packed = weight(rate=rate)
    for column in (0, 129):
        x = activations(3, packed)
        x[1, column] = torch.nan
        y = quantized_matmul(x, packed, backend="cpu")
        assert y[1].isnan().all()
        assert y[[0, 2]].isfinite().all()
        assert quantized_matmul(x[1:2], packed, backend="cpu").isnan().all()


def test_weight_is_brought_into_torchs_order_once_and_forgotten_with_it() -> None:
    packed, other = weight(), weight()
    prepared = cpu_matmul.prepare(packed)
    quantized_matmul(activations(3, packed), packed, backend="cpu")
    assert cpu_matmul.prepare(packed) is prepared
    assert cpu_matmul.prepare(other) is not prepared
    kept = weakref.ref(prepared)
    del prepared
    gc.collect()
    assert kept() is not None
    del packed
    gc.collect()
    assert kept() is None


# Scratch memory


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch):
    """The function, with nothing kept from before."""
    monkeypatch.setattr(scratch_memory, "_kept", {})
    return scratch_memory.scratch


def test_scratch_memory_is_used_again_and_grows(scratch) -> None:
    partials, arrivals = scratch(CPU, 100, 5)
    assert (partials.dtype, arrivals.dtype) == (torch.float32, torch.int32)
    assert len(partials) >= 100
    np.testing.assert_array_equal(arrivals, np.zeros(len(arrivals)))
    for less in ((100, 5), (7, 1), (0, 0)):
        again = scratch(CPU, *less)
        assert again[0].data_ptr() == partials.data_ptr()
        assert again[1].data_ptr() == arrivals.data_ptr()
    for more in ((101, 5), (100, 11), (1000, 50)):
        larger = scratch(CPU, *more)
        assert len(larger[0]) >= max(more[0], 2 * len(partials))
        assert len(larger[1]) >= max(more[1], 2 * len(arrivals))
        assert not larger[1].any()
        partials, arrivals = larger


def test_scratch_memory_that_a_graph_may_remember_is_never_given_back(scratch) -> None:
    first = weakref.ref(scratch(CPU, 10, 1)[0])
    scratch(CPU, 1000, 1)
    gc.collect()
    assert first() is not None


def test_capture_that_needs_more_scratch_memory_is_an_error(scratch, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    with pytest.raises(RuntimeError, match="Run the same products once before the capture"):
        scratch(torch.device("cuda"), 1, 1)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_product_on_a_processor_reads_4_bits_a_code_and_64_an_outlier(bits) -> None:
    packed = Case(256, 64, bits, 0.05, 128).draw(CPU)
    count = len(packed.outliers)
    assert count > 0
    scales_and_zeros = 64 * 2 * 2 * 2
    starts = 4 * (64 + 1)
    codes = 256 * 64 // 2
    assert bytes_read(packed, "cpu") == codes + scales_and_zeros + starts + 8 * count
    assert bytes_read(packed, "reference") == bytes_read(packed, "triton") == packed.bytes
