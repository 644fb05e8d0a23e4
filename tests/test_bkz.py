"""BKZ: what it returns is a reduced basis of the same lattice, and it ends when it is told to."""

import sys
from itertools import product

import numpy as np
import pytest
from requirement import not_here
from small_problems import assert_close, random_lattice

from lattice_core import (
    BlockReduction,
    Lattice,
    ReductionCancelled,
    bkz_reduce,
    bkz_tours,
    is_lll_reduced,
    lll_reduce,
)
from lattice_core.reduction_laws import exact_determinant


@pytest.fixture
def fpylll() -> None:
    """The library, or a word that it is missing."""
    try:
        import fpylll  # noqa: F401
    except ImportError as error:
        not_here(f"fpylll cannot be imported ({error}): pip install 'nearest-plane[lattice]'.")


def pivot_sum(lattice: Lattice) -> float:
    return float(np.sum(np.diag(lattice.gram_schmidt()[1]) ** 2))


def shortest(lattice: Lattice, reach: int = 4) -> float:
    """Length of the shortest vector with small coefficients, by trying all."""
    codes = np.array(list(product(range(-reach, reach + 1), repeat=lattice.rank)))
    lengths = np.linalg.norm(codes @ lattice.basis.T, axis=1)
    return float(lengths[lengths > 1e-9 * lengths.max()].min())


@pytest.mark.usefixtures("fpylll")
@pytest.mark.parametrize("block_size", [2, 5, 12, 40])
@pytest.mark.parametrize(
    ("rank", "dimension", "condition"), [(1, 1, 1), (2, 3, 50), (7, 7, 1e3), (30, 30, 1e3)]
)
def test_L13_result_is_reduced_and_of_the_same_lattice(
    rank, dimension, condition, block_size, rng
) -> None:
    lattice = random_lattice(rng, rank, dimension, condition=condition)
    reduction = bkz_reduce(lattice, block_size)
    assert isinstance(reduction, BlockReduction)
    assert abs(exact_determinant(reduction.transform)) == 1
    assert_close(reduction.lattice.basis, lattice.basis @ reduction.transform)
    assert is_lll_reduced(reduction.lattice, 0.99)
    assert (reduction.block_size, reduction.backend) == (block_size, "fpylll")
    assert reduction.ended in ("finished", "tours")


@pytest.mark.usefixtures("fpylll")
def test_blocks_of_two_are_lll(rng) -> None:
    lattice = random_lattice(rng, 20, condition=1e3)
    pairs, lll = bkz_reduce(lattice, 2), lll_reduce(lattice, backend="fpylll")
    assert pairs.ended == "finished"
    assert pairs.transform.tolist() == lll.transform.tolist()
    assert pairs.swaps == lll.swaps
    assert pairs.insertions == 0


@pytest.mark.usefixtures("fpylll")
def test_a_block_of_the_whole_basis_finds_the_shortest_vector(rng) -> None:
    for _ in range(5):
        lattice = random_lattice(rng, 5, condition=100)
        reduction = bkz_reduce(lattice, 5)
        first = np.linalg.norm(reduction.lattice.basis[:, 0])
        assert_close(first, shortest(reduction.lattice))


@pytest.mark.usefixtures("fpylll")
def test_larger_blocks_even_out_an_ill_conditioned_basis(rng) -> None:
    lattice = random_lattice(rng, 40, condition=1e3)
    *_, last = tours = list(bkz_tours(lattice, 20))
    assert [tour.tours for tour in tours] == list(range(len(tours)))
    assert [tour.ended for tour in tours[:-1]] == [""] * (len(tours) - 1)
    assert tours[0].transform.tolist() == lll_reduce(lattice, backend="fpylll").transform.tolist()
    assert pivot_sum(last.lattice) < 0.98 * pivot_sum(tours[0].lattice)
    assert last.insertions > 0


@pytest.mark.usefixtures("fpylll")
def test_tours_and_seconds_are_bounded(rng) -> None:
    lattice = random_lattice(rng, 40, condition=1e3)
    one = bkz_reduce(lattice, 10, max_tours=1)
    assert (one.tours, one.ended) == (1, "tours")
    hurried = bkz_reduce(lattice, 10, max_seconds=1e-9)
    assert (hurried.tours, hurried.ended, hurried.insertions) == (1, "seconds", 0)
    assert is_lll_reduced(hurried.lattice)


@pytest.mark.usefixtures("fpylll")
@pytest.mark.parametrize("question", [1, 3, 20])
def test_can_be_cancelled_between_blocks(question, rng) -> None:
    asked = []
    lattice = random_lattice(rng, 40, condition=1e3)
    with pytest.raises(ReductionCancelled, match="stopped"):
        bkz_reduce(lattice, 10, cancel=lambda: len(asked.append(0) or asked) == question)
    assert len(asked) == question


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"block_size": 1}, "2 … 40 was wanted"),
        ({"block_size": 41}, "cannot be interrupted"),
        ({"block_size": 5, "max_tours": 0}, "at least 1"),
        ({"block_size": 5, "max_seconds": 0.0}, "more than 0"),
        ({"block_size": 5, "max_seconds": float("nan")}, "more than 0"),
        ({"block_size": 5, "delta": 0.25}, "¼ < delta ≤ 1 was wanted"),
    ],
)
def test_what_it_cannot_do_is_said(arguments, wanted) -> None:
    with pytest.raises(ValueError, match=wanted):
        bkz_reduce(Lattice(np.eye(3)), **arguments)


def test_without_fpylll_the_message_names_the_remedy(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fpylll", None)
    with pytest.raises(ValueError, match=r"not installed here.*pip install.*backend='steps'"):
        bkz_reduce(Lattice(np.eye(3)), 2)
