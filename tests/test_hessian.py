"""The streamed Hessian: as accurate as it says, and an error where it cannot be right."""

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lattice_core.layers import HessianAccumulator, damp  # noqa: E402
from lattice_core.layers import hessian as hessian_module  # noqa: E402


def gathered(*chunks: "torch.Tensor") -> HessianAccumulator:
    accumulator = HessianAccumulator(chunks[0].shape[-1], name="a layer")
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator


def test_float32_inputs_lose_nothing_but_the_rounding_of_float64_additions(rng) -> None:
    # A constant part and large outliers: the sums grow far beyond what float32 resolves.
    inputs = (rng.standard_normal((3000, 3)) + np.array([0, 30, 1000])).astype(np.float32)
    columns = [[Fraction(float(x)) for x in column] for column in inputs.T]
    exact = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in columns] for a in columns]
    ours = gathered(*torch.tensor(inputs).split(77)).hessian
    for i in range(3):
        for j in range(3):
            # The claim is n · 2⁻⁵³ · sqrt(H_ii H_jj), squared here to stay with fractions.
            error = (Fraction(ours[i, j].item()) - exact[i][j]) ** 2
            assert error <= Fraction(3000, 2**53) ** 2 * exact[i][i] * exact[j][j]


def test_hessian_is_the_sum_without_factor_or_mean(rng) -> None:
    inputs = torch.tensor(rng.standard_normal((50, 7)))
    accumulator = gathered(inputs[:20], inputs[20:])
    torch.testing.assert_close(accumulator.hessian, inputs.T @ inputs)
    assert accumulator.token_count == 50


def test_leading_axes_count_tokens(rng) -> None:
    inputs = torch.tensor(rng.standard_normal((2, 9, 7)))
    accumulator = gathered(inputs)
    torch.testing.assert_close(accumulator.hessian, torch.einsum("bti,btj->ij", inputs, inputs))
    assert accumulator.token_count == 18


def test_memory_chunks_do_not_show(rng, monkeypatch) -> None:
    inputs = torch.tensor(rng.standard_normal((50, 7)))
    monkeypatch.setattr(hessian_module, "CHUNK", 8)
    torch.testing.assert_close(gathered(inputs).hessian, inputs.T @ inputs)


def test_hessian_is_exactly_symmetric_and_a_copy(rng) -> None:
    accumulator = gathered(torch.tensor(rng.standard_normal((200, 63)), dtype=torch.float32))
    first = accumulator.hessian
    torch.testing.assert_close(first, first.T, rtol=0, atol=0)
    first.zero_()
    assert accumulator.hessian.diagonal().min() > 0
    assert first.dtype == torch.float64


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_input_that_is_not_finite_is_an_error_naming_the_layer(bad) -> None:
    accumulator = HessianAccumulator(3, name="model.layers.4.mlp.up_proj")
    accumulator.add(torch.ones(10, 3))
    inputs = torch.ones(5, 3)
    inputs[2, 1] = bad
    with pytest.raises(ValueError, match=r"model\.layers\.4\.mlp\.up_proj .*token 12, input 1"):
        accumulator.add(inputs)


def test_inputs_of_another_width_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"a layer have shape \(5, 4\); \(tokens, 3\)"):
        HessianAccumulator(3, name="a layer").add(torch.ones(5, 4))


def test_damping_is_relative_to_the_mean_diagonal_and_leaves_the_raw_hessian() -> None:
    raw = torch.tensor([[1.0, 0.5], [0.5, 3.0]], dtype=torch.float64)
    assert damp(raw, 0.1).tolist() == [[1.2, 0.5], [0.5, 3.2]]
    assert raw.tolist() == [[1.0, 0.5], [0.5, 3.0]]


@pytest.mark.parametrize("damping", [-0.1, float("nan"), float("inf")])
def test_damping_that_is_no_number_at_least_zero_is_an_error(damping) -> None:
    with pytest.raises(ValueError, match="damping is"):
        damp(torch.eye(2), damping)
