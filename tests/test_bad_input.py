"""Bad input is a ValueError that says what came, what was wanted and what to do."""

import re
from functools import partial

import numpy as np
import pytest

from lattice_core import (
    IntegerGrid,
    Lattice,
    Problem,
    absolute_bound,
    bound_floor,
    closest_vector,
    damped,
    expected_loss,
    gptq,
    gram_schmidt_lengths,
    nearest_plane,
    obq_steps,
    pivots,
    random_problem,
    resolve_order,
    round_off,
)

EYE = np.eye(2)
NAN, INF = float("nan"), float("inf")


def obq(*arguments):
    return list(obq_steps(*arguments))


# Everything that takes a damped Hessian; called with the other arguments in order.
TAKES_A_HESSIAN = {
    "gptq": lambda hessian: gptq(hessian, np.ones(len(hessian)), 1.0),
    "obq_steps": lambda hessian: obq(hessian, np.ones(len(hessian)), 1.0),
    "pivots": pivots,
    "gram_schmidt_lengths": lambda hessian: gram_schmidt_lengths(hessian, 1.0),
    "absolute_bound": lambda hessian: absolute_bound(hessian, 1.0),
    "expected_loss": lambda hessian: expected_loss(hessian, 1.0),
    "bound_floor": lambda hessian: bound_floor(hessian, 1.0),
    "Lattice.from_hessian": lambda hessian: Lattice.from_hessian(hessian, 1.0),
    "resolve_order": partial(resolve_order, "min_pivot"),
    "Problem": lambda hessian: Problem(hessian, np.ones(len(hessian)), np.ones(len(hessian))),
}
BAD_HESSIANS = {
    "singular": (np.ones((3, 3)), r"not positive definite.*depend on others.*damping=0\.01"),
    "indefinite": ([[1, 2], [2, 1]], r"smallest eigenvalue is -1.*damping=2"),
    "dead input": (np.diag([1, 0, 2]), r"inputs \[1\] are dead.*damping=0\.01"),
    "all dead": (np.zeros((2, 2)), r"inputs \[0, 1\] are dead.*cannot help.*real inputs"),
    "NaN": ([[1, NAN], [NAN, 1]], r"hessian holds nan at \(0, 1\).*finite.*Damping cannot cure"),
    "infinite": ([[1, 0], [0, INF]], r"hessian holds inf at \(1, 1\).*finite.*overflow"),
    "not square": (np.ones((2, 3)), r"shape \(2, 3\).*square matrix was wanted"),
    "a vector": ([1, 2], r"shape \(2,\).*two axes"),
    "not symmetric": ([[1, 0.5], [0, 1]], r"not symmetric.*pass XᵀX, or \(H \+ Hᵀ\) / 2"),
}


@pytest.mark.parametrize("bad", BAD_HESSIANS)
@pytest.mark.parametrize("function", TAKES_A_HESSIAN)
def test_bad_hessian(function, bad) -> None:
    hessian, message = BAD_HESSIANS[bad]
    with pytest.raises(ValueError, match=message):
        TAKES_A_HESSIAN[function](np.array(hessian, dtype=float))


@pytest.mark.parametrize("size", [2, 7, 63])
def test_fewer_inputs_than_columns_are_singular_even_where_cholesky_succeeds(size, rng) -> None:
    # The last pivot is made of rounding errors alone; in about every third draw it is positive.
    for _ in range(100):
        inputs = rng.standard_normal((size - 1, size))
        with pytest.raises(ValueError, match=r"not positive definite.*damping=0\.01"):
            pivots(inputs.T @ inputs)


def test_a_weak_input_is_neither_dead_nor_dependent() -> None:
    assert pivots(np.diag([1.0, 1e-16])).tolist() == pytest.approx([1.0, 1e-16], rel=1e-7)


@pytest.mark.parametrize("bad", ["singular", "indefinite", "dead input"])
def test_damping_that_the_message_names_is_enough(bad) -> None:
    hessian = np.array(BAD_HESSIANS[bad][0], dtype=float)
    with pytest.raises(ValueError, match="damping=") as caught:
        pivots(hessian)
    named = float(re.search(r"damping=([\d.e+-]+),", str(caught.value))[1])
    assert (pivots(damped(hessian, named)) > 0).all()


TAKES_SCALES = {
    "gptq": partial(gptq, EYE, [1, 1]),
    "obq_steps": partial(obq, EYE, [1, 1]),
    "absolute_bound": partial(absolute_bound, EYE),
    "expected_loss": partial(expected_loss, EYE),
    "bound_floor": partial(bound_floor, EYE),
    "gram_schmidt_lengths": partial(gram_schmidt_lengths, EYE),
    "Lattice.from_hessian": partial(Lattice.from_hessian, EYE),
    "Problem": partial(Problem, EYE, (1, 1)),
}
BAD_SCALES = {
    "zero": ([1, 0], r"scales\[1\] is 0;.*must be positive.*Use 1 for an all-zero group"),
    "one zero for all": (0.0, r"scales\[0\] is 0;.*must be positive"),
    "negative": ([1, -0.5], r"scales\[1\] is -0\.5;.*must be positive"),
    "NaN": ([NAN, 1], r"scales holds nan at \(0,\).*finite"),
    "infinite": ([1, INF], r"scales holds inf at \(1,\).*finite"),
    "too many": ([1, 1, 1], r"scales has shape \(3,\); \(2,\) was wanted"),
    "a column": ([[1], [1]], r"scales has shape \(2, 1\); \(2,\) was wanted"),
}


@pytest.mark.parametrize("bad", BAD_SCALES)
@pytest.mark.parametrize("function", TAKES_SCALES)
def test_bad_scales(function, bad) -> None:
    scales, message = BAD_SCALES[bad]
    with pytest.raises(ValueError, match=message):
        TAKES_SCALES[function](scales)


SQUARE = Lattice(EYE)
TAKES_AN_ORDER = {
    "gptq": lambda order: gptq(EYE, [1, 1], 1.0, order),
    "nearest_plane": lambda order: nearest_plane(SQUARE, [1, 1], order),
    "pivots": lambda order: pivots(EYE, order),
    "absolute_bound": lambda order: absolute_bound(EYE, 1.0, order),
    "gram_schmidt": SQUARE.gram_schmidt,
    "nearest_plane_box": SQUARE.nearest_plane_box,
}


@pytest.mark.parametrize(
    "order", [[0, 0], [1, 2], [0], [0, 1, 2], [0.5, 1.0], [[0, 1]], "min_pivot"]
)
@pytest.mark.parametrize("function", TAKES_AN_ORDER)
def test_order_that_is_no_permutation(function, order) -> None:
    with pytest.raises(ValueError, match=r"order is .*permutation of 0 … 1 was wanted") as caught:
        TAKES_AN_ORDER[function](order)
    assert str(order) in str(caught.value)


def test_order_of_a_wide_layer_is_not_printed_in_full() -> None:
    with pytest.raises(ValueError, match=r"array of shape \(40,\); a permutation of 0 … 39"):
        nearest_plane(Lattice(np.eye(40)), np.zeros(40), np.zeros(40, dtype=int))


@pytest.mark.parametrize("name", ["random", "", "Min_Pivot"])
def test_unknown_order_lists_those_there_are(name) -> None:
    with pytest.raises(ValueError, match=f"order is '{name}'.*front_to_back.*min_pivot was wanted"):
        resolve_order(name, EYE)
    with pytest.raises(ValueError, match=f"order is '{name}'.*front_to_back.*min_pivot was wanted"):
        Problem(EYE, (1, 1), (1, 1), order=name)


BAD_BASES = {
    "nearly dependent": ([[1, 1], [0, 1e-12]], r"column 1 depends.*1\.0e-12 of its length"),
    "dependent": ([[1, 2, 3], [0, 1, 1], [0, 0, 0]], r"column 2 depends on the columns before it"),
    "zero column": ([[1, 0], [0, 0]], r"column 1 depends on the columns before it.*Remove it"),
    "rows for columns": (np.ones((2, 3)), r"shape \(2, 3\).*columns; transpose if yours are rows"),
    "a vector": ([1, 2], r"basis has shape \(2,\); a matrix with two axes"),
    "empty": (np.zeros((3, 0)), r"basis has shape \(3, 0\)"),
    "NaN": ([[1, 0], [0, NAN]], r"basis holds nan at \(1, 1\); every entry must be finite"),
}


@pytest.mark.parametrize("bad", BAD_BASES)
def test_bad_basis(bad) -> None:
    basis, message = BAD_BASES[bad]
    with pytest.raises(ValueError, match=message):
        Lattice(basis)


@pytest.mark.parametrize("small", [1e-30, 1.0, 1e30])
def test_unit_of_the_basis_is_free(small) -> None:
    basis = small * np.array([[1, 0.5], [0, 1e-8]])
    assert nearest_plane(Lattice(basis), basis @ [3, 4]).codes.tolist() == [3, 4]


TAKES_A_TARGET = {
    "nearest_plane": partial(nearest_plane, SQUARE),
    "round_off": partial(round_off, SQUARE),
    "closest_vector": partial(closest_vector, SQUARE),
    "coordinates": SQUARE.coordinates,
    "with_target": Problem(EYE, (1, 1), (1, 1)).with_target,
    "weights of gptq": lambda weights: gptq(EYE, weights, 1.0),
    "weights of obq": lambda weights: obq(EYE, weights, 1.0),
    "weights of Problem": lambda weights: Problem(EYE, weights, (1, 1)),
}


@pytest.mark.parametrize("function", TAKES_A_TARGET)
def test_bad_target_or_weights(function) -> None:
    name = r"(target|point|weights)"
    for values in ([1, 2, 3], [1], 1.0, [[1, 2]]):
        with pytest.raises(ValueError, match=rf"{name} has shape .*; \(2,\) was wanted"):
            TAKES_A_TARGET[function](values)
    with pytest.raises(ValueError, match=rf"{name} holds nan at \(0,\).*finite"):
        TAKES_A_TARGET[function]([NAN, 1])
    with pytest.raises(ValueError, match=rf"{name} holds -inf at \(1,\).*finite"):
        TAKES_A_TARGET[function]([1, -INF])


@pytest.mark.parametrize("bits", [0, 9, -1, 2.0, 2.5, "4", NAN])
def test_bits_outside_one_to_eight(bits) -> None:
    with pytest.raises(ValueError, match="whole number from 1 to 8 was wanted") as caught:
        IntegerGrid(bits)
    assert f"bits is {bits!r};" in str(caught.value)
    with pytest.raises(ValueError, match=r"from 1 to 8 was wanted.*grid=None for no clipping"):
        Problem(EYE, (1, 1), (1, 1), bits=bits)


@pytest.mark.parametrize("damping", [-0.01, NAN, INF])
def test_bad_damping(damping) -> None:
    with pytest.raises(ValueError, match=rf"damping is {damping}; a finite number ≥ 0 was wanted"):
        damped(EYE, damping)
    with pytest.raises(ValueError, match=rf"damping is {damping}; a finite number ≥ 0 was wanted"):
        Problem(EYE, (1, 1), (1, 1), damping=damping)


def test_shapes_that_are_not_drawn() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) basis; this one is \(3, 3\)"):
        Lattice(np.eye(3)).voronoi_cell()
    with pytest.raises(ValueError, match=r"at most 6 inputs; 7 came"):
        Problem(np.eye(7), np.ones(7), np.ones(7))
    with pytest.raises(ValueError, match=r"size is 7; 2 … 6 inputs were wanted"):
        random_problem(7, seed=0)
    with pytest.raises(ValueError, match=r"size is 1; 2 … 6 inputs were wanted"):
        random_problem(1, seed=0)


def test_weight_too_large_for_an_integer_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="1e\\+300"):
        gptq(EYE, [1e300, 0], 1.0)
