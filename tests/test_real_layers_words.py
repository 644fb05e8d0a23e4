"""The words of *Real layers* that need no model: numbers, the quiz, the names of the orders."""

import pytest

from app.order_names import ORDER_NAMES
from app.real_layers.order_quiz import explain, nearest_option
from app.real_layers.order_table import amount
from lattice_core import ORDERS


def test_numbers_are_written_out() -> None:
    assert [amount(11674.2), amount(0.5), amount(5458671.0)] == ["11,670", "0.5", "5,459,000"]


@pytest.mark.parametrize(
    ("factor", "more", "wanted"), [(0.2, True, 0.25), (0.6, True, 0.5), (5.0, False, 4.0)]
)
def test_quiz_takes_the_nearest_factor(factor, more, wanted) -> None:
    assert nearest_option(factor, more) == wanted


@pytest.mark.parametrize("rule", ["absmax", "mse"])
def test_quiz_tells_by_how_much_the_grid_spacings_change(rule, rng) -> None:
    torch = pytest.importorskip("torch")
    from lattice_core.layers import quantize_layer
    from lattice_core.layers.order_comparison import compare_orders

    weight, hessian = torch.tensor(rng.standard_normal((5, 63))), torch.eye(63)
    coarse, fine = (
        compare_orders(weight, hessian, bits=bits, scale_rule=rule).result("act_order", "keep")
        for bits in (2, 3)
    )
    # All pivots are the same here, so they weigh nothing.
    spacings = [
        quantize_layer(weight, hessian, bits=bits, scale_rule=rule).scales.square().mean().sqrt()
        for bits in (2, 3)
    ]
    told = explain(coarse, fine)
    assert f"multiplied by **{fine.loss / coarse.loss:.3f}**" in told
    assert f"by a factor of {spacings[1] / spacings[0]:.3f} " in told


def test_every_order_has_a_name() -> None:
    assert list(ORDER_NAMES) == list(ORDERS)
