"""A quantized layer as bytes: what comes back, and how many they are."""

from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

torch = pytest.importorskip("torch")

from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.coding import CODERS  # noqa: E402
from lattice_core.layers.coding.side_information import pack_arrays, unpack_arrays  # noqa: E402
from lattice_core.layers.scale_form import ScaleForm  # noqa: E402
from lattice_core.layers.stored_layer import no_outliers, store  # noqa: E402

HALF = 2.0**-11  # by which float16 rounds at most

# (method, bits, options); large enough for the tables of the entropy-coded ones.
LAYERS = {
    "rtn": ("rtn", 3, {"group_size": 50}),
    "gptq": ("gptq", 3, {"group_size": 50}),
    "gptq, one scale a row": ("gptq", 4, {"group_size": None}),
    "gptq, kept": ("gptq", 2, {"overflow": "keep"}),
    "gptq, refitted": ("gptq", 3, {"refit_scales": True}),
    "gptq, huffman": ("gptq", 3, {"coder": "huffman"}),
    "ssqr": ("ssqr", 3, {"outlier_rate": 0.05, "group_size": 50}),
    "ssqr, no outliers": ("ssqr", 3, {"outlier_rate": 0.0}),
    "ssqr, ans": ("ssqr", 3, {"outlier_rate": 0.05, "coder": "ans"}),
    "hrtn": ("hrtn", 3, {}),
    "hptq": ("hptq", 2.5, {}),
    "hptq, huffman": ("hptq", 3, {"coder": "huffman"}),
    "watersic": ("watersic", 3, {}),
    "watersic, refitted": ("watersic", 3, {"refit_scales": True}),
}


def layer(rng: np.random.Generator, rows: int = 63, columns: int = 130):
    """Weights as large as real ones, and a raw Hessian."""
    weight = torch.tensor(0.2 * rng.standard_normal((rows, columns)))
    return weight, torch.tensor(random_hessian(rng, columns, condition=1e3))


def quantized(name: str, rng: np.random.Generator):
    method, bits, options = LAYERS[name]
    return quantize_layer(*layer(rng), method, bits, **options)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_comes_back_from_its_bytes(name, rng) -> None:
    ours = quantized(name, rng)
    decoded = ours.store().decode()
    torch.testing.assert_close(decoded.codes, ours.codes, rtol=0, atol=0)
    torch.testing.assert_close(
        decoded.outliers.to_dense(), ours.outliers.to_dense(), rtol=0, atol=0
    )
    np.testing.assert_array_equal(decoded.outliers.indices(), ours.outliers.indices())
    scales = decoded.scale_form.expand(*ours.codes.shape)
    # One scale for the layer is what the losses were measured with; many are rounded to 16 bits.
    rounding = 0 if ours.scale_form.base.numel() == 1 else HALF
    torch.testing.assert_close(scales, ours.scales, rtol=rounding, atol=0)
    torch.testing.assert_close(
        decoded.dequantize(), ours.dequantize(), rtol=rounding + 1e-12, atol=0
    )
    assert decoded.scale_form.group_size == ours.group_size


@pytest.mark.parametrize("name", LAYERS)
def test_bits_per_weight_of_what_is_stored_is_the_number_of_its_bytes(name, rng) -> None:
    ours = quantized(name, rng)
    stored = ours.store()
    assert_close(stored.bits_per_weight, 8 * (len(stored.stream) + len(stored.side)) / (63 * 130))
    if ours.coder != "fixed":
        assert ours.bits_per_weight == stored.bits_per_weight
    # The count for fixed widths is without the names of the parts, and with nothing deflated.
    assert abs(ours.bits_per_weight - stored.bits_per_weight) < 0.5


@pytest.mark.parametrize("name", ["gptq", "ssqr, ans", "watersic, refitted"])
def test_storing_twice_gives_the_same_bytes(name, rng) -> None:
    ours = quantized(name, rng)
    first, second = ours.store(), ours.store()
    assert (first.stream, first.side) == (second.stream, second.side)


def test_layer_of_one_weight_comes_back() -> None:
    form = ScaleForm(torch.full((1, 1), 0.25, dtype=torch.float64), None)
    for coder in CODERS:
        decoded = store(torch.tensor([[-3]]), form, None, coder).decode()
        assert decoded.dequantize().tolist() == [[-0.75]]


def test_outliers_of_a_few_rows_come_back_in_their_rows() -> None:
    form = ScaleForm(torch.ones(1, 1, dtype=torch.float64), None)
    outliers = torch.zeros(7, 63, dtype=torch.float64)
    outliers[2, [0, 62]], outliers[4, 7] = torch.tensor([0.5, -3.0], dtype=torch.float64), 2.0
    codes = torch.zeros(7, 63, dtype=torch.int64)
    decoded = store(codes, form, outliers.to_sparse(), "ans").decode()
    torch.testing.assert_close(decoded.dequantize(), outliers)


def test_outliers_that_are_zero_come_back_too(rng) -> None:
    weight, hessian = layer(rng)
    weight[3] *= 1e-9  # weights this small are rounded to 0 by float16
    ours = quantize_layer(weight, hessian, "ssqr", 3, outlier_rate=0.2)
    assert (ours.outliers.values() == 0).any()
    decoded = ours.store().decode()
    np.testing.assert_array_equal(decoded.outliers.indices(), ours.outliers.indices())
    np.testing.assert_array_equal(decoded.outliers.values(), ours.outliers.values())


FORMS = {
    "one": (lambda rng: torch.tensor([[0.1]], dtype=torch.float64), None),
    "rows": (lambda rng: torch.tensor(rng.uniform(0.01, 1, (7, 1))), None),
    "groups": (lambda rng: torch.tensor(rng.uniform(0.01, 1, (7, 3))), 50),
}
PARTS = {
    "exponents": lambda rng: torch.tensor(rng.integers(-40, 90, 130)),
    "column_steps": lambda rng: torch.tensor(rng.integers(-64, 65, 130)),
    "row_steps": lambda rng: torch.tensor(rng.integers(-64, 65, 7)),
}


@pytest.mark.parametrize("parts", [(), *((part,) for part in PARTS), tuple(PARTS)], ids=str)
@pytest.mark.parametrize("kind", FORMS)
def test_scale_form_is_its_formula_and_comes_back_from_its_side(kind, parts, rng) -> None:
    base, group_size = FORMS[kind][0](rng), FORMS[kind][1]
    form = ScaleForm(base, group_size, **{part: PARTS[part](rng) for part in parts})
    side = unpack_arrays(pack_arrays(form.side))
    back = ScaleForm.from_side(side, group_size)
    for part in PARTS:
        given, found = getattr(form, part), getattr(back, part)
        assert (given is None) == (found is None) == (part not in parts)
        if given is not None:
            torch.testing.assert_close(found, given, rtol=0, atol=0)
    torch.testing.assert_close(back.base, form.stored.base, rtol=0, atol=0)
    torch.testing.assert_close(back.base, base, rtol=HALF, atol=0)
    # s_ij = base · 2^(−e_j / 8) · (1 + a_j / 128) · (1 + b_i / 128)
    columns = np.arange(130)
    groups = columns // group_size if group_size else 0 * columns
    expected = np.broadcast_to(base.numpy(), (7, base.shape[1]))[:, groups]
    if "exponents" in parts:
        expected = expected * 2 ** (-form.exponents.numpy() / 8)
    if "column_steps" in parts:
        expected = expected * (1 + form.column_steps.numpy() / 128)
    if "row_steps" in parts:
        expected = expected * (1 + form.row_steps.numpy() / 128)[:, None]
    assert_close(form.expand(7, 130), expected)
    assert_close(form.times(3.0).expand(7, 130), 3 * expected)


def test_base_takes_16_bits_unless_it_is_alone() -> None:
    many = ScaleForm(torch.full((7, 3), 0.1, dtype=torch.float64), 50)
    assert many.side["base"].dtype == np.float16
    assert replace(many, base=many.base[:1, :1]).side["base"].dtype == np.float32


@pytest.mark.parametrize("scale", [1e-9, 3e-7, 1e-5, 1e5, 1e30])
@pytest.mark.filterwarnings("error")
def test_scales_that_float16_cannot_hold_take_32_bits(scale) -> None:
    form = ScaleForm(torch.tensor([[scale, 0.3]], dtype=torch.float64), 4)
    assert form.side["base"].dtype == np.float32
    torch.testing.assert_close(form.stored.base, form.base, rtol=2.0**-24, atol=0)


def test_layer_of_tiny_weights_comes_back_to_its_16_bits(rng) -> None:
    weight, hessian = layer(rng)
    weight[5] *= 1e-7
    ours = quantize_layer(weight, hessian, "gptq", 3)
    scales = ours.store().decode().scale_form.expand(63, 130)
    torch.testing.assert_close(scales, ours.scales, rtol=HALF, atol=0)


def test_no_outliers_is_an_empty_matrix() -> None:
    nothing = no_outliers((7, 63))
    assert nothing.shape == (7, 63)
    assert nothing.values().numel() == 0
    assert nothing.to_dense().abs().sum() == 0


@pytest.mark.parametrize("name", ["gptq", "gptq, huffman", "ssqr, ans", "watersic"])
def test_damaged_bytes_are_an_error(name, rng) -> None:
    stored = quantized(name, rng).store()
    decoded_without = {
        "stream": stored.stream[:-8],
        "side": stored.side[:-8],
    }
    for part, damaged in decoded_without.items():
        with pytest.raises(ValueError, match=r"damaged|cut short"):
            replace(stored, **{part: damaged}).decode()


def test_missing_part_is_an_error_that_names_it(rng) -> None:
    stored = quantized("watersic", rng).store()
    side = unpack_arrays(stored.side)
    for part in ("base", "first_code", "row_widths", "tables"):
        rest = {name: array for name, array in side.items() if name != part}
        with pytest.raises(ValueError, match=f"a part of the layer is missing .*{part}"):
            replace(stored, side=pack_arrays(rest)).decode()
