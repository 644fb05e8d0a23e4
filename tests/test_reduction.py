"""LLL: the moves against the textbook, the results against their definition; law L13."""

import subprocess
import sys
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from requirement import not_here
from small_problems import assert_close, random_hessian, random_lattice

from lattice_core import (
    IntegerGrid,
    Lattice,
    Reduction,
    ReductionCancelled,
    closest_vector,
    is_lll_reduced,
    lll_reduce,
    lll_steps,
    nearest_plane,
)
from lattice_core import reduction as reduction_module
from lattice_core.reduction_laws import exact_determinant

DELTAS = [0.3, 0.75, 0.99, 1.0]


@pytest.fixture
def backend(request) -> str:
    return needed(request.param)


def needed(backend: str) -> str:
    """The backend, or a word on what this machine lacks for it."""
    if backend == "fpylll":
        try:
            import fpylll  # noqa: F401
        except ImportError as error:
            not_here(f"fpylll cannot be imported ({error}): pip install 'nearest-plane[lattice]'.")
    return backend


def scrambled(rng: np.random.Generator, size: int, reach: int = 3) -> np.ndarray:
    """A unimodular matrix with large entries: a product of triangular ones."""
    lower = np.tril(rng.integers(-reach, reach + 1, (size, size)), -1) + np.eye(size, dtype=int)
    upper = np.triu(rng.integers(-reach, reach + 1, (size, size)), 1) + np.eye(size, dtype=int)
    return upper @ lower


def textbook(lattice: Lattice, delta: float) -> tuple[np.ndarray, int]:
    """LLL as it is printed: one exchange at a time, and Gram-Schmidt anew after each change."""
    transform, swaps, k = np.eye(lattice.rank), 0, 1
    while k < lattice.rank:
        for i in range(k - 1, -1, -1):
            triangle = Lattice(lattice.basis @ transform).gram_schmidt()[1]
            transform[:, k] -= np.rint(triangle[i, k] / triangle[i, i]) * transform[:, i]
        triangle = Lattice(lattice.basis @ transform).gram_schmidt()[1]
        if delta * triangle[k - 1, k - 1] ** 2 > triangle[k - 1, k] ** 2 + triangle[k, k] ** 2:
            transform[:, [k - 1, k]] = transform[:, [k, k - 1]]
            swaps, k = swaps + 1, max(k - 1, 1)
        else:
            k += 1
    return transform, swaps


def assert_reduced(lattice: Lattice, delta: float) -> None:
    """By the definition, on a Gram-Schmidt process of the test's own."""
    stars: list[np.ndarray] = []
    for k, vector in enumerate(lattice.basis.T):
        shares = [vector @ star / (star @ star) for star in stars]
        assert all(abs(share) <= 0.51 + 1e-6 for share in shares)
        rest = vector - sum((m * s for m, s in zip(shares, stars, strict=True)), 0 * vector)
        if k:
            before = stars[-1] @ stars[-1]
            assert rest @ rest + shares[-1] ** 2 * before >= delta * before * (1 - 1e-6)
        stars.append(rest)


def assert_same_lattice(reduction: Reduction, lattice: Lattice) -> None:
    assert reduction.transform.dtype == np.int64
    assert abs(exact_determinant(reduction.transform)) == 1
    assert_close(reduction.lattice.basis, lattice.basis @ reduction.transform)


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize(
    ("rank", "dimension"), [(1, 1), (2, 2), (3, 5), (7, 7), (10, 13), (63, 63)]
)
@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_L13_reduction_keeps_the_lattice(backend, rank, dimension, delta, rng) -> None:
    lattice = random_lattice(rng, rank, dimension, condition=100)
    reduction = lll_reduce(lattice, delta, backend=backend)
    assert_same_lattice(reduction, lattice)
    assert_reduced(reduction.lattice, delta)
    assert (reduction.backend, reduction.delta) == (backend, delta)
    codes = rng.integers(-5, 6, rank)
    assert_close(
        reduction.lattice.point(codes), lattice.point(reduction.transform.astype(float) @ codes)
    )


@pytest.mark.parametrize("size", [2, 3, 4])
def test_L13_reduced_codes_come_back_by_the_transform(size, rng) -> None:
    for _ in range(20):
        lattice, target = random_lattice(rng, size, condition=30), 3 * rng.standard_normal(size)
        reduction = lll_reduce(lattice)
        exact = reduction.transform @ closest_vector(reduction.lattice, target)
        assert exact.tolist() == closest_vector(lattice, target).tolist()


def test_L13_one_transform_serves_scales_that_rows_share(rng) -> None:
    factor = np.linalg.cholesky(random_hessian(rng, 7, 1e3)).T
    columns = rng.uniform(0.2, 0.5, 7)
    plain = lll_reduce(Lattice(factor)).transform
    by_column = lll_reduce(Lattice(factor * columns)).transform
    for row_scale in (0.01, 1.0, 37.0):
        assert is_lll_reduced(Lattice(row_scale * factor @ plain))
        assert is_lll_reduced(Lattice(row_scale * factor * columns @ by_column))
    # A row with scales of its own has its own lattice, which another's transform does not reduce.
    assert not is_lll_reduced(Lattice(factor * columns @ plain))
    assert not is_lll_reduced(Lattice(factor * rng.uniform(0.2, 0.5, 7) @ by_column))


def test_L13_clipping_reduced_codes_is_not_clipping_codes() -> None:
    grid = IntegerGrid(2)
    reduction = lll_reduce(Lattice([[1.0, 0.9], [0.0, 0.3]]))
    inverse = np.rint(np.linalg.inv(reduction.transform)).astype(int)
    inside = [np.array(codes) for codes in product(range(grid.low, grid.high + 1), repeat=2)]

    def on_grid(codes: np.ndarray) -> bool:
        return bool((codes >= grid.low).all() and (codes <= grid.high).all())

    assert not all(on_grid(inverse @ codes) for codes in inside)
    assert not all(on_grid(reduction.transform @ codes) for codes in inside)
    # A target on an admissible point: clipping in reduced coordinates misses it.
    missed = [codes for codes in inside if not on_grid(inverse @ codes)]
    target = reduction.lattice.point(inverse @ missed[0])
    clipped = nearest_plane(reduction.lattice, target, grid=grid)
    assert clipped.squared_distance > 0.01
    assert nearest_plane(reduction.lattice, target).squared_distance < 1e-12


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("size", [2, 3, 5, 10, 17])
def test_moves_are_those_of_the_textbook(size, delta, rng) -> None:
    for condition in (3, 300):
        lattice = random_lattice(rng, size, size + 1, condition=condition)
        transform, swaps = textbook(lattice, delta)
        reduction = lll_reduce(lattice, delta, backend="steps")
        assert reduction.transform.tolist() == transform.tolist()
        assert reduction.swaps == swaps


@pytest.mark.parametrize("size", [2, 3, 6])
def test_each_step_is_what_it_says(size, rng) -> None:
    lattice = random_lattice(rng, size, condition=100)
    transform, kinds = np.eye(size, dtype=int), set()
    for step in lll_steps(lattice, 0.9):
        move, k = step.move, step.move.index
        kinds.add(move.kind)
        triangle = Lattice(lattice.basis @ transform).gram_schmidt()[1]
        assert_close(move.lovasz_bound, 0.9 * triangle[k - 1, k - 1] ** 2)
        assert_close(move.lovasz_length, triangle[k - 1, k] ** 2 + triangle[k, k] ** 2)
        if move.kind == "size_reduction":
            assert 0 <= move.partner < k
            ratio = triangle[move.partner, k] / triangle[move.partner, move.partner]
            assert move.multiple == np.rint(ratio) != 0
            transform[:, k] -= move.multiple * transform[:, move.partner]
        else:
            assert (move.partner, move.multiple) == (k - 1, 0)
            assert (move.kind == "swap") == (move.lovasz_length < move.lovasz_bound)
        if move.kind == "swap":
            transform[:, [k - 1, k]] = transform[:, [k, k - 1]]
        assert step.transform.tolist() == transform.tolist()
        assert_close(step.basis, lattice.basis @ transform)
    assert kinds == {"size_reduction", "swap", "kept"}
    assert transform.tolist() == lll_reduce(lattice, 0.9, backend="steps").transform.tolist()


def test_steps_own_their_values(rng) -> None:
    lattice = random_lattice(rng, 3, condition=100)
    kept = list(lll_steps(lattice))
    for ours, again in zip(kept, lll_steps(lattice), strict=True):
        assert ours.transform.tolist() == again.transform.tolist()
        assert ours.basis.tolist() == again.basis.tolist()


def test_a_worked_reduction() -> None:
    steps = list(lll_steps(Lattice([[1.0, 2.0], [0.0, 0.5]]), 1.0))
    told = [
        (s.move.kind, s.move.multiple, s.move.lovasz_bound, s.move.lovasz_length) for s in steps
    ]
    assert told == [
        ("size_reduction", 2, 1.0, 4.25),
        ("swap", 0, 1.0, 0.25),
        ("kept", 0, 0.25, 1.0),
    ]
    assert steps[-1].basis.tolist() == [[0.0, 1.0], [0.5, 0.0]]
    assert steps[-1].transform.tolist() == [[-2, 1], [1, 0]]


def test_two_vectors_become_the_shortest_there_are(rng) -> None:
    """Lagrange's reduction: δ = 1."""
    for _ in range(30):
        planted = random_lattice(rng, 2, condition=5)
        reduced = lll_reduce(Lattice(planted.basis @ scrambled(rng, 2)), 1.0, backend="steps")
        points = planted.points_near([0.0, 0.0], 12)[1]
        lengths = np.sort(np.linalg.norm(points, axis=1))[1:]  # 0 is the first
        first, second = np.linalg.norm(reduced.lattice.basis, axis=0)
        assert_close(first, lengths[0])
        independent = np.abs(points @ [[0, -1], [1, 0]] @ reduced.lattice.basis[:, 0]) > 1e-9
        assert_close(second, np.linalg.norm(points[independent], axis=1).min())


@pytest.mark.parametrize("size", [2, 5, 10])
@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_a_planted_cube_is_found(backend, size, rng) -> None:
    rotation = np.linalg.qr(rng.standard_normal((size, size)))[0]
    reduction = lll_reduce(Lattice(rotation @ scrambled(rng, size)), backend=backend)
    assert_close(np.abs(rotation.T @ reduction.lattice.basis).sum(axis=0), np.ones(size))
    assert reduction.swaps > 0


@pytest.mark.parametrize("size", [3, 30])
def test_fpylll_finds_our_basis_reduced(size, rng) -> None:
    needed("fpylll")
    from fpylll import LLL, IntegerMatrix

    lattice = random_lattice(rng, size, condition=1e4)
    reduced = lll_reduce(lattice, 0.99, backend="steps").lattice.basis
    rows = [[round(entry * 2**70) for entry in vector] for vector in reduced.T.tolist()]
    assert LLL.is_reduced(IntegerMatrix.from_matrix(rows), 0.99 - 1e-6, 0.5 + 1e-6)
    unreduced = [[round(entry * 2**70) for entry in vector] for vector in lattice.basis.T.tolist()]
    assert not LLL.is_reduced(IntegerMatrix.from_matrix(unreduced), 0.99 - 1e-6, 0.5 + 1e-6)


@pytest.mark.parametrize("condition", [1e6, 1e9])
@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_ill_conditioned_bases_are_reduced(backend, condition, rng) -> None:
    lattice = random_lattice(rng, 10, condition=condition)
    reduction = lll_reduce(lattice, backend=backend)
    assert abs(exact_determinant(reduction.transform)) == 1
    assert_reduced(reduction.lattice, 0.99)
    assert_close(np.log(reduction.lattice.determinant), np.log(lattice.determinant))


@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_large_multiples_do_not_cost_the_digits(backend, rng) -> None:
    lattice = Lattice(np.triu(rng.uniform(-1e4, 1e4, (4, 4)), 1) + np.eye(4))
    reduction = lll_reduce(lattice, backend=backend)
    assert np.abs(reduction.transform).max() > 1e10
    exact = [
        [
            float(sum(Fraction(a) * int(t) for a, t in zip(row, column, strict=True)))
            for column in reduction.transform.T
        ]
        for row in lattice.basis.tolist()
    ]
    assert reduction.lattice.basis.tolist() == exact
    assert (lattice.basis @ reduction.transform).tolist() != exact
    assert_reduced(reduction.lattice, 0.99)


@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_ties_end(backend) -> None:
    halves = np.triu(np.full((6, 6), 0.5), 1) + np.eye(6)
    hexagonal = [[1.0, 0.5], [0.0, np.sqrt(0.75)]]
    for basis in (np.eye(5), np.eye(4)[:, ::-1], hexagonal, halves, -halves):
        reduction = lll_reduce(Lattice(basis), 1.0, backend=backend)
        assert_reduced(reduction.lattice, 1.0)
        assert reduction.swaps == 0


def test_is_lll_reduced_asks_for_both_conditions() -> None:
    assert is_lll_reduced(Lattice([[1.0, 0.5], [0.0, 0.9]]))
    assert not is_lll_reduced(Lattice([[1.0, 0.6], [0.0, 0.9]]))  # not size-reduced
    assert not is_lll_reduced(Lattice([[1.0, 0.5], [0.0, 0.8]]))  # 0.89 < 0.99
    assert is_lll_reduced(Lattice([[1.0, 0.5], [0.0, 0.8]]), 0.75)


@pytest.mark.parametrize("backend", ["steps", "fpylll"], indirect=True)
def test_reduction_can_be_cancelled(backend, rng) -> None:
    lattice = random_lattice(rng, 63, condition=1e4)
    asked = []
    with pytest.raises(ReductionCancelled, match="stopped after"):
        lll_reduce(lattice, backend=backend, cancel=lambda: len(asked.append(0) or asked) == 2)
    assert len(asked) == 2


def test_fpylll_gives_the_same_however_often_it_is_stopped(monkeypatch, rng) -> None:
    needed("fpylll")
    lattice = random_lattice(rng, 63, condition=100)
    results = []
    for vectors in (63, 32, 5):
        monkeypatch.setattr(reduction_module, "VECTORS_BETWEEN_QUESTIONS", vectors)
        found = lll_reduce(lattice, backend="fpylll")
        results.append((found.swaps, found.transform.tolist()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([[2, 0], [0, 2]], id="not unimodular"),
        pytest.param([[1, 1], [0, 1]], id="not size-reduced"),
        pytest.param([[0, 1], [1, 0]], id="against Lovász"),
    ],
)
def test_a_wrong_result_is_never_handed_on(wrong, monkeypatch) -> None:
    monkeypatch.setattr(reduction_module, "_by_steps", lambda *given: (np.array(wrong), 1))
    with pytest.raises(ValueError, match="that float64 can vouch for"):
        lll_reduce(Lattice(np.diag([1.0, 2.0])), backend="steps")


@pytest.mark.parametrize("delta", [0.25, 0.0, 1.01, -1.0, np.nan, np.inf])
def test_delta_out_of_range(delta) -> None:
    for function in (lll_reduce, is_lll_reduced, lambda *given: list(lll_steps(*given))):
        with pytest.raises(ValueError, match="¼ < delta ≤ 1 was wanted"):
            function(Lattice(np.eye(2)), delta)


def test_unknown_backend() -> None:
    with pytest.raises(ValueError, match="'auto', 'fpylll' or 'steps' was wanted"):
        lll_reduce(Lattice(np.eye(2)), backend="bkz")


def test_coefficients_beyond_float64_are_an_error(rng) -> None:
    lattice = Lattice(np.triu(rng.uniform(-1e8, 1e8, (6, 6)), 1) + np.eye(6))
    with pytest.raises(ValueError, match=r"exceed 2⁵³.*[Dd]amp"):
        lll_reduce(lattice, backend="steps")


def test_without_fpylll(monkeypatch, rng) -> None:
    monkeypatch.setitem(sys.modules, "fpylll", None)
    lattice = random_lattice(rng, 12)
    assert lll_reduce(lattice).backend == "steps"
    with pytest.raises(ValueError, match=r"not installed here.*pip install.*backend='steps'"):
        lll_reduce(lattice, backend="fpylll")


def test_auto_is_fpylll_where_it_is(rng) -> None:
    needed("fpylll")
    assert lll_reduce(random_lattice(rng, 3)).backend == "fpylll"


def test_first_import_of_fpylll_in_another_thread() -> None:
    needed("fpylll")
    code = """
import threading
from lattice_core import Lattice, lll_reduce

def reduce():
    print(lll_reduce(Lattice([[1.0, 2.0], [0.0, 0.5]])).backend)
    try:
        lll_reduce(Lattice([[1.0, 2.0], [0.0, 0.5]]), backend="fpylll")
    except ValueError as error:
        print(error)

thread = threading.Thread(target=reduce)
thread.start()
thread.join()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.startswith("steps\n"), run.stderr
    assert "only the main thread may do" in run.stdout
