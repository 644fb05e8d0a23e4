"""The methods that meet a stored size: hrtn, hptq and watersic (laws L18 and L20)."""

import re

import numpy as np
import pytest
from small_problems import assert_close, lopsided_order, random_hessian

from lattice_core import ORDERS, damped, gaussian_rate, pivots

torch = pytest.importorskip("torch")

from lattice_core.layers import nearest_plane_codes, quantize_layer  # noqa: E402
from lattice_core.layers.coding import CODERS  # noqa: E402
from lattice_core.layers.layer_problem import ENTROPY_CODED  # noqa: E402
from lattice_core.layers.methods import stored_size  # noqa: E402

EVERY_METHOD = pytest.mark.parametrize("method", ENTROPY_CODED)
NEAREST_PLANE = pytest.mark.parametrize("method", ["hptq", "watersic"])
RATES = pytest.mark.parametrize("bits", [1.5, 2.25, 3, 4.25, 7])
OPTIONS = {
    "plain": {},
    "rate-aware": {"rate_aware": True},
    "k-best": {"decoder": "k_best", "k": 4},
    "descent": {"refine": "coordinate_descent"},
    "both": {"rate_aware": True, "decoder": "k_best", "k": 4},
    "all": {
        "rate_aware": True,
        "decoder": "k_best",
        "k": 2,
        "refine": "coordinate_descent",
    },
}


def layer(rng: np.random.Generator, rows: int = 130, columns: int = 96, condition: float = 1e4):
    """Weights as large as real ones, and a raw Hessian; large enough that tables take little."""
    weight = torch.tensor(0.2 * rng.standard_normal((rows, columns)))
    return weight, torch.tensor(random_hessian(rng, columns, condition))


@RATES
@EVERY_METHOD
def test_law_18_stored_size_is_just_below_the_target(method, bits, rng) -> None:
    ours = quantize_layer(*layer(rng), method, bits)
    assert bits - 0.02 <= ours.bits_per_weight <= bits
    stored = ours.store()
    assert ours.bits_per_weight == stored.bits_per_weight
    assert_close(stored.bits_per_weight * 130 * 96 / 8, len(stored.stream) + len(stored.side))
    assert ours.coder == stored.coder == "ans"
    torch.testing.assert_close(stored.decode().codes, ours.codes)
    torch.testing.assert_close(stored.decode().dequantize(), ours.dequantize(), rtol=0, atol=0)


@EVERY_METHOD
def test_law_18_huffman_meets_the_target_too(method, rng) -> None:
    ours = quantize_layer(*layer(rng), method, 3, coder="huffman")
    assert 2.98 <= ours.bits_per_weight <= 3
    assert ours.store().coder == "huffman"
    better = quantize_layer(*layer(rng), method, 3, coder="ans")
    assert better.loss < 1.1 * ours.loss


@pytest.mark.parametrize("columns", [1, 7, 63, 130])
@EVERY_METHOD
def test_layers_of_awkward_sizes(method, columns, rng) -> None:
    weight, hessian = layer(rng, 700, columns)
    ours = quantize_layer(weight, hessian, method, 5)
    assert 4.9 < ours.bits_per_weight <= 5
    # The widths of 700 rows take most of what one column has.
    assert ours.relative_loss < (0.4 if columns == 1 else 0.1)
    torch.testing.assert_close(ours.store().decode().codes, ours.codes)


@EVERY_METHOD
def test_loss_hardly_depends_on_the_unit_of_the_weights(method, rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, method, 3)
    for unit in (2.0**-40, 2.0**40):
        other = quantize_layer(unit * weight, hessian, method, 3)
        assert 2.98 <= other.bits_per_weight <= 3
        assert abs(other.relative_loss / ours.relative_loss - 1) < 0.05
        assert abs(other.scale_factor / unit / ours.scale_factor - 1) < 0.05


@EVERY_METHOD
@pytest.mark.parametrize("coder", [None, "huffman"])
def test_same_layer_is_the_same_bytes(method, coder, rng) -> None:
    weight, hessian = layer(rng)
    options = {"coder": coder, "refit_scales": True}
    first, second = (
        quantize_layer(weight, hessian, method, 2.5, **options).store() for _ in range(2)
    )
    assert (first.stream, first.side) == (second.stream, second.side)


def test_hrtn_rounds_to_nearest_and_the_others_are_the_nearest_plane(rng) -> None:
    weight, hessian = layer(rng)
    matrix, order = torch.tensor(damped(hessian.numpy(), 0.01)), lopsided_order(rng, 96)
    for method in ENTROPY_CODED:
        ours = quantize_layer(weight, hessian, method, 3, None, order)
        if method == "hrtn":
            codes = (weight / ours.scales).round().long()
        else:
            codes = nearest_plane_codes(weight, matrix, ours.scales, order)
        torch.testing.assert_close(ours.codes, codes)
        if method != "watersic":  # one scale for the layer
            assert_close(ours.scales, ours.scale_factor)


@RATES
@pytest.mark.parametrize("options", OPTIONS)
@NEAREST_PLANE
def test_law_6_nothing_is_clipped_and_every_row_is_below_its_bound(
    method, options, bits, rng
) -> None:
    ours = quantize_layer(*layer(rng), method, bits, **OPTIONS[options])
    assert ours.bits_per_weight <= bits
    assert ours.clipped_fraction == 0
    assert (ours.row_losses <= ours.row_bounds * (1 + 1e-9)).all()
    if "rate_aware" not in OPTIONS[options]:
        assert_close(ours.row_bounds, ours.scales.square() @ ours.pivots / 4)


def test_hrtn_is_below_its_bound(rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, "hrtn", 3)
    matrix = np.abs(damped(hessian.numpy(), 0.01))
    assert_close(ours.row_bounds, np.full(130, ours.scale_factor**2 * matrix.sum() / 4))
    assert (ours.row_losses <= ours.row_bounds).all()


@pytest.mark.parametrize("order", [*ORDERS, "lopsided"])
def test_law_20_a_step_costs_the_same_in_every_column(order, rng) -> None:
    weight, hessian = layer(rng)
    order = lopsided_order(rng, 96) if order == "lopsided" else order
    ours = quantize_layer(weight, hessian, "watersic", 3, None, order)
    pivot = pivots(damped(hessian.numpy(), 0.01), ours.order.numpy())
    scales = ours.scales.numpy()
    assert_close(scales, np.broadcast_to(scales[:1], scales.shape))
    costs = pivot * scales[0] ** 2
    # Spacings are rounded to 1/8 octave, squares to 1/4.
    assert np.ptp(np.log2(costs)) <= 1 / 4 + 1e-9
    assert np.ptp(np.log2(pivot)) > 3
    # The floor of law L10 is all but reached.
    floor = 96 * np.exp(np.log(costs).mean())
    assert floor <= costs.sum() < 1.01 * floor


@pytest.mark.parametrize("bits", [3.25, 4.25])
def test_law_20_the_order_hardly_matters_and_the_loss_is_below_that_of_one_scale(bits, rng) -> None:
    weight, hessian = layer(rng, 256, 128, condition=1e6)

    def losses(method):
        return np.array(
            [quantize_layer(weight, hessian, method, bits, None, order).loss for order in ORDERS]
        )

    spaced, one_scale = losses("watersic"), losses("hptq")
    assert spaced.max() < 1.08 * spaced.min()
    assert one_scale.max() > 1.3 * one_scale.min()
    assert (spaced < 0.85 * one_scale).all()
    # At high rate HPTQ pays ½ log₂(mean(D) / geomean(D)) bits, and a bit is a factor of 4 in loss.
    for order, ours, other in zip(ORDERS, spaced, one_scale, strict=True):
        pivot = quantize_layer(weight, hessian, "hptq", bits, None, order).pivots.numpy()
        expected = np.log2(pivot.mean() / np.exp(np.log(pivot).mean())) / 2
        assert abs(np.log2(other / ours) / 2 - expected) < 0.15


def test_law_21_distance_to_the_gaussian_reference_is_that_of_a_scalar_lattice(rng) -> None:
    weight, hessian = layer(rng, 512, 128)
    matrix, variance = damped(hessian.numpy(), 0.01), weight.square().mean().item()
    ours = quantize_layer(weight, hessian, "watersic", 4.25)
    distance = ours.bits_per_weight - gaussian_rate(matrix, variance, ours.loss / weight.numel())
    assert 0.25 < distance < 0.4  # tables are in it


@NEAREST_PLANE
@RATES
def test_rate_aware_codes_lose_less_at_the_same_bits(method, bits, rng) -> None:
    weight, hessian = layer(rng)
    plain, ours = (
        quantize_layer(weight, hessian, method, bits, rate_aware=rate_aware)
        for rate_aware in (False, True)
    )
    gain = {1.5: 0.7, 2.25: 0.85, 3: 0.95, 4.25: 1.01, 7: 1.03}[bits]  # nothing at high rate
    assert ours.loss < gain * plain.loss


@NEAREST_PLANE
def test_k_best_loses_less_at_the_same_bits(method, rng) -> None:
    weight, hessian = layer(rng)
    plain = quantize_layer(weight, hessian, method, 3)
    ours = quantize_layer(weight, hessian, method, 3, decoder="k_best", k=8)
    assert ours.loss < 0.95 * plain.loss
    assert ours.bits_per_weight <= 3


@pytest.mark.parametrize("damping", [0.0, 0.01])
@pytest.mark.parametrize("options", OPTIONS)
@NEAREST_PLANE
def test_dead_inputs_do_no_harm(method, options, damping, rng) -> None:
    weight, hessian = layer(rng)
    dead = [0, 40, 95]
    hessian[dead] = 0
    hessian[:, dead] = 0
    ours = quantize_layer(weight, hessian, method, 3, damping=damping, **OPTIONS[options])
    assert ours.bits_per_weight <= 3
    assert torch.isfinite(ours.dequantize()).all()
    assert (ours.row_losses <= ours.row_bounds * (1 + 1e-9)).all()
    assert ours.relative_loss < 0.1


@EVERY_METHOD
def test_layer_of_zeros_stays_zero(method, rng) -> None:
    weight, hessian = layer(rng)
    for options in ({}, {"refit_scales": True}, {"coder": "huffman"}):
        ours = quantize_layer(0 * weight, hessian, method, 0.5, **options)
        assert ours.loss == ours.relative_loss == 0
        assert ours.bits_per_weight < 0.2
        assert (ours.store().decode().dequantize() == 0).all()


@pytest.mark.parametrize(
    ("coder", "bits", "rows"),
    [("huffman", 0.5, 256), ("huffman", 0.05, 256), ("ans", 0.01, 7), ("ans", 0.03, 256)],
)
@EVERY_METHOD
@pytest.mark.filterwarnings("error")
def test_law_18_size_out_of_reach_is_an_error_that_names_one_within(
    method, coder, bits, rows, rng
) -> None:
    weight, hessian = layer(rng, rows)
    with pytest.raises(ValueError, match=f"{bits} bits a weight cannot be reached: the ") as caught:
        quantize_layer(weight, hessian, method, bits, coder=coder)
    message = str(caught.value)
    assert ("huffman gives every code at least 1 bit" in message) == (coder == "huffman")
    assert ("take coder='ans'" in message) == (coder == "huffman")
    nearest = float(re.search(r"nearest found is ([\d.]*\d)", message)[1])
    assert nearest > bits
    if rows == 256:  # a small layer's tables take bytes more or less by chance
        ours = quantize_layer(weight, hessian, method, nearest, coder=coder)
        assert ours.codes.any()
        assert bits < ours.bits_per_weight <= nearest


@pytest.mark.parametrize("bits", [0.2, 0.4, 0.8, 1.2])
@EVERY_METHOD
def test_few_bits_are_met_with_codes_that_are_not_all_zero(method, bits, rng) -> None:
    weight, hessian = layer(rng, 256, 128)
    for heavy in (0.0, 1.5):  # then with a few large weights among small ones
        spread = weight * torch.tensor(np.exp(heavy * rng.standard_normal(weight.shape)))
        ours = quantize_layer(spread, hessian, method, bits)
        assert bits - 0.02 <= ours.bits_per_weight <= bits
        assert ours.codes.any()


def test_sizes_at_which_tables_are_large_are_found(rng) -> None:
    """12 bits on a small layer: the first try may be far off, and the next must not overshoot."""
    for method in ENTROPY_CODED:
        ours = quantize_layer(*layer(rng, 40, 63), method, 12)
        assert 11.9 < ours.bits_per_weight <= 12


@NEAREST_PLANE
def test_few_tries_are_enough_for_a_layer_of_some_size(method, rng, monkeypatch) -> None:
    made, original = [], stored_size.store

    def counted(*arguments):
        made.append(arguments)
        return original(*arguments)

    weight, hessian = layer(rng, 500, 300)
    monkeypatch.setattr(stored_size, "store", counted)
    ours = quantize_layer(weight, hessian, method, 3.25)
    assert 3.245 < ours.bits_per_weight <= 3.25
    assert 1 <= len(made) <= 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hptq", "bits": 0}, "bits is 0; a stored size of 0 < bits ≤ 16 a weight"),
        ({"method": "hrtn", "bits": 17}, "bits is 17; a stored size"),
        ({"method": "watersic", "bits": -1.0}, "bits is -1"),
        ({"method": "watersic", "bits": float("nan")}, "bits is nan"),
        ({"method": "gptq", "bits": 3.25}, "1 to 8"),
        ({"method": "rtn", "bits": 3.0}, "1 to 8"),
        (
            {"method": "hptq", "coder": "fixed"},
            "coder='fixed' would give .* use 'ans' or 'huffman'",
        ),
        (
            {"method": "watersic", "coder": "fixed"},
            "every code of watersic the width of the largest",
        ),
        ({"method": "gptq", "coder": "zip"}, f"coder is 'zip'; one of {', '.join(CODERS)}"),
        ({"method": "rtn", "decoder": "k_best"}, "no meaning for rtn.*gptq, hptq, watersic"),
        ({"method": "ssqr", "decoder": "k_best"}, "no meaning for ssqr"),
        ({"method": "hrtn", "decoder": "k_best"}, "no meaning for hrtn"),
        ({"method": "gptq", "decoder": "sphere"}, "nearest_plane or k_best was wanted"),
        ({"method": "gptq", "refine": "anneal"}, "None or coordinate_descent was wanted"),
        ({"method": "gptq", "rate_aware": True}, "rate_aware has no meaning for gptq"),
        ({"method": "hrtn", "rate_aware": True}, "rate_aware has no meaning for hrtn"),
        ({"method": "ssqr", "refit_scales": True}, "refit_scales is no option of ssqr"),
        ({"method": "hptq", "outlier_rate": 0.01}, "an option of ssqr; hptq keeps no weights"),
    ],
)
def test_options_without_a_meaning_are_errors(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        quantize_layer(torch.ones(2, 3), torch.eye(3), **options)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EVERY_METHOD
def test_cuda_gives_the_size_and_nearly_the_loss_of_the_cpu(method, rng) -> None:
    weight, hessian = layer(rng)
    options = OPTIONS["all"] if method != "hrtn" else {"refine": "coordinate_descent"}
    on_cpu, on_cuda = (
        quantize_layer(weight.to(device), hessian, method, 3, refit_scales=True, **options)
        for device in ("cpu", "cuda")
    )
    assert on_cuda.codes.is_cuda
    assert on_cuda.scales.is_cuda
    assert 2.98 <= on_cuda.bits_per_weight <= 3
    assert abs(on_cuda.loss / on_cpu.loss - 1) < 0.02
