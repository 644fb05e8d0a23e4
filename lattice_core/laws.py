"""The laws as live checks: both sides in numbers, computed on the problem at hand.

Numbers L1, L2, … are the project's own; each statement names its source. [C] is Chen et al.,
arXiv:2507.18553v4; [B] is Birnick, arXiv:2508.01077v2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.bounds import absolute_bound, bound_floor, pivots
from lattice_core.gptq import obq_costs
from lattice_core.inputs import FloatArray
from lattice_core.lattice import Lattice
from lattice_core.nearest_plane import nearest_plane
from lattice_core.orders import ORDERS, resolve_order
from lattice_core.problem import Problem
from lattice_core.trace import RoundingTrace

TOLERANCE = 1e-6
HALF_WAY = "a centre stands half way between two codes, and rounds either way."


@dataclass(frozen=True, eq=False)
class LawCheck:
    """One law, checked on one problem.

    Attributes
    ----------
    number : str
        ``"L4"``; the statement's name in tests and pages.
    title, statement, source : str
        Statement in Markdown with LaTeX between dollar signs.
    left, right : float or array
        Both sides as computed.
    left_name, right_name : str
        What they are.
    relation : str
        ``"="``, ``"≤"``, or ``"∈"`` for the interval whose ends are `right`.
    holds : bool
        Whether the relation holds to rounding error, ``1e-6`` relative.
    void : str
        Why the law says nothing here; empty where it applies.
    """

    number: str
    title: str
    statement: str
    source: str
    left_name: str
    left: float | FloatArray
    relation: str
    right_name: str
    right: float | FloatArray
    holds: bool
    void: str = ""


def factor_does_not_matter(problem: Problem, seed: int = 0) -> LawCheck:
    """L1: a rotated factor 𝒳 gives the same codes and the same loss."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((problem.size, problem.size)))[0]
    turned = nearest_plane(
        Lattice(rotation @ problem.lattice.basis),
        rotation @ problem.target,
        problem.order_indices,
        problem.grid,
    )
    left = np.append(problem.babai.codes, problem.babai.squared_distance)
    right = np.append(turned.codes, turned.squared_distance)
    return LawCheck(
        "L1",
        "Only the damped Hessian matters",
        r"Any factor $\mathcal X$ with $\mathcal X^\top \mathcal X = \bar H$ gives the same codes and "
        "the same loss. Here the whole picture is turned by a random rotation.",
        "[C] Theorem 1",
        "codes and loss, this factor",
        left,
        "=",
        "codes and loss, rotated factor",
        right,
        equal_answers(left, right, size=_bound(problem)),
        void=_parted_by_a_tie(problem.babai, turned),
    )


def propagation_is_projection(
    problem: Problem, step: int, trace: RoundingTrace | None = None
) -> LawCheck:
    """L2 at one step: GPTQ's moved weights are the projection of the target on the plane.

    `trace` is the run to check where it is not the problem's own.
    """
    step = min(max(step, 1), problem.size)
    trace = trace or problem.gptq
    chosen = trace.order[:step]
    free = trace.order[step:]
    basis = problem.lattice.basis
    origin = basis[:, chosen] @ trace.codes[chosen]
    before = problem.lattice.point(trace.coordinates_after(step - 1))
    inside = np.linalg.lstsq(basis[:, free], before - origin, rcond=None)[0]
    projection = origin + basis[:, free] @ inside
    moved = problem.lattice.point(trace.steps[step - 1].coordinates)
    return LawCheck(
        "L2",
        "Propagating the error is projecting the target",
        "GPTQ subtracts a multiple of the rounding error from the weights that remain. "
        "The moved weights, seen in the lattice, are the orthogonal projection of the target on "
        f"the plane chosen in step {step}.",
        "[C] Theorem 2",
        "target moved by GPTQ",
        moved,
        "=",
        "target projected on the plane",
        projection,
        equal(moved, projection, size=float(np.linalg.norm(basis, axis=0).max())),
    )


def obq_takes_the_nearest_plane(problem: Problem, step: int) -> LawCheck:
    """L3 at one step: OBQ's cheapest weight has the nearest admissible hyperplane."""
    step = min(max(step, 1), problem.size)
    trace = problem.gptq
    free = np.sort(trace.order[step - 1 :])
    coordinates = trace.coordinates_after(step - 1)
    moved = coordinates * np.array(problem.scales)
    costs = obq_costs(problem.damped_hessian, moved, np.array(problem.scales), free, problem.grid)
    distances = np.array([_plane_distance(problem, coordinates, free, int(j)) for j in free])
    return LawCheck(
        "L3",
        "OBQ chooses the nearest of all planes",
        r"OBQ rounds the weight with the least $(q_j - w_j)^2 / (\bar H_{JJ}^{-1})_{jj}$. That is the "
        "squared distance from the target to the nearest plane of that weight. "
        f"$J$: the weights still free before step {step}, {', '.join(f'$w_{j + 1}$' for j in free)}.",
        "[C] Corollary 3",
        "OBQ's cost of each free weight",
        costs,
        "=",
        "squared distance to its nearest plane",
        distances**2,
        equal(costs, distances**2, size=_bound(problem)),
    )


def gptq_is_babai(problem: Problem, trace: RoundingTrace | None = None) -> LawCheck:
    """L4: the same centres, step by step. `trace` is GPTQ's run where not the problem's own."""
    trace = trace or problem.gptq
    left, right = trace.centers, problem.babai.centers
    same_codes = bool((trace.codes == problem.babai.codes).all())
    return LawCheck(
        "L4",
        "GPTQ is Babai's nearest plane",
        "In the same order both algorithms round the same centres to the same codes. "
        "Neither program calls the other: one uses the inverse Hessian, the other the lattice's basis.",
        "[C] Theorem 4; [B] Theorem 2.1",
        "centres of GPTQ, step by step",
        left,
        "=",
        "centres of Babai",
        right,
        equal(left, right, size=1.0) and same_codes,
        void=_parted_by_a_tie(trace, problem.babai),
    )


def nothing_to_gain_by_composing(
    problem: Problem, step: int, trace: RoundingTrace | None = None
) -> LawCheck:
    """L5 at one step: Babai started again from the moved target finds the same later centres.

    `trace` is GPTQ's run where it is not the problem's own.
    """
    step = min(max(step, 1), problem.size - 1)
    moved = problem.lattice.point((trace or problem.gptq).coordinates_after(step))
    again = nearest_plane(problem.lattice, moved, problem.order_indices, problem.grid)
    left, right = problem.babai.centers[step:], again.centers[step:]
    return LawCheck(
        "L5",
        "Nothing to gain by composing the two",
        f"Take the target as GPTQ has moved it after step {step}, and run Babai on that. "
        "The centres still to come do not change.",
        "[C] Appendix C.4",
        "later centres, original target",
        left,
        "=",
        "later centres, moved target",
        right,
        equal(left, right, size=1.0),
    )


def loss_is_bounded(problem: Problem, trace: RoundingTrace | None = None) -> LawCheck:
    """L6, and L9 where it is void: loss ≤ ¼ Σ D_j s_j².

    `trace` is GPTQ's run where it is not the problem's own.
    """
    trace = trace or problem.gptq
    bound = _bound(problem)
    loss = problem.loss_of(trace.codes)
    clipped = sum(step.clipped for step in trace.steps)
    return LawCheck(
        "L6",
        "The loss has a bound",
        r"Without clipping the damped loss is at most $\frac14 \sum_j D_j s_j^2$: "
        r"the error stays inside a box, and a corner is the worst case. Its edges $s_j\sqrt{D_j}$ are the distances "
        r"between planes. The **pivots** $D_j$ are those of Gaussian elimination on $\bar H$ that begins with the "
        "weight rounded last.",
        "[C] Theorem 5; [B]",
        "loss",
        loss,
        "≤",
        "bound",
        bound,
        loss <= bound * (1 + TOLERANCE),
        void=f"{clipped} of {problem.size} codes are clipped (law L9)." if clipped else "",
    )


def squares_add_up(problem: Problem, trace: RoundingTrace | None = None) -> LawCheck:
    """The legs of the projection path are orthogonal: their squares sum to the loss.

    `trace` is the run to check where it is not Babai's on the problem.
    """
    trace = trace or problem.babai
    legs = float(sum(step.plane_distance**2 for step in trace.steps))
    loss = problem.loss_of(trace.codes)
    return LawCheck(
        "L2",
        "The squares of the legs add up to the loss",
        "Each step moves the target along one **leg** of its way, at right angles to all later ones. So "
        r"Pythagoras holds: the squared legs sum to $(q-w)^\top \bar H (q-w)$.",
        "[C] Theorem 2",
        "sum of the squared legs",
        legs,
        "=",
        "loss from the weights",
        loss,
        equal(legs, loss, size=_bound(problem)),
    )


def determinant_is_order_free(problem: Problem) -> LawCheck:
    """L10: the product of the pivots is det H for every order."""
    left = np.array(
        [np.prod(pivots(problem.damped_hessian, order)) for order in _all_orders(problem)]
    )
    right = float(np.linalg.det(problem.damped_hessian))
    return LawCheck(
        "L10",
        "The volume of the box does not depend on the order",
        r"Every order has the same product of pivots, $\prod_j D_j = \det \bar H$. "
        "Another order can only share the edge lengths out more or less evenly.",
        "determinant of a triangular factor",
        r"product of the pivots $\prod_j D_j$, in each order",
        left,
        "=",
        r"$\det \bar H$",
        right,
        equal(left, np.full(len(left), right), size=right),
    )


def no_order_beats_the_floor(problem: Problem) -> LawCheck:
    """L10: the arithmetic-geometric floor under the bound of every order."""
    floor = bound_floor(problem.damped_hessian, problem.scales)
    best = min(
        absolute_bound(problem.damped_hessian, problem.scales, order)
        for order in _all_orders(problem)
    )
    return LawCheck(
        "L10",
        "No order goes below the floor",
        r"With a given product of $c$ numbers their sum is least when all are equal, here the $D_j s_j^2$: "
        r"$\sum_j D_j s_j^2 \ge c\,(\prod_j D_j s_j^2)^{1/c}$.",
        "arithmetic and geometric mean",
        "floor of the bound",
        floor,
        "≤",
        "best bound of the four orders",
        best,
        floor <= best * (1 + TOLERANCE),
    )


def _plane_distance(problem: Problem, coordinates: ArrayLike, free: ArrayLike, index: int) -> float:
    """Distance from the point to the nearest admissible hyperplane of one free coordinate.

    Measured in the picture: round that coordinate first, the other free ones are the plane.
    """
    others = [int(j) for j in np.asarray(free) if j != index]
    trace_order = np.array([j for j in range(problem.size) if j not in (index, *others)])
    order = np.concatenate([trace_order, [index], others]).astype(np.int64)
    point = problem.lattice.point(coordinates)
    trace = nearest_plane(problem.lattice, point, order, problem.grid)
    return trace.steps[len(trace_order)].plane_distance


def _all_orders(problem: Problem) -> list[np.ndarray]:
    return [resolve_order(name, problem.damped_hessian) for name in ORDERS]


def equal(left: ArrayLike, right: ArrayLike, size: float) -> bool:
    """Equal to a millionth of the larger side, or of `size` where both sides may be 0."""
    a, b = np.atleast_1d(left), np.atleast_1d(right)
    largest = max(float(np.abs(a).max(initial=size)), float(np.abs(b).max(initial=size)))
    return bool(np.abs(a - b).max(initial=0.0) <= TOLERANCE * largest)


def equal_answers(left: ArrayLike, right: ArrayLike, size: float) -> bool:
    """Codes and, last, their loss: the codes as they are, the loss as in `equal`.

    One tolerance for both would forgive a wrong code beside a loss in the millions.
    """
    a, b = np.asarray(left), np.asarray(right)
    return bool((a[:-1] == b[:-1]).all()) and equal(a[-1], b[-1], size)


def at_most(left: float, right: float, size: float) -> bool:
    """``left ≤ right`` to a millionth of `right`, or of `size` where both sides may be 0."""
    return left <= right + TOLERANCE * max(abs(right), size)


def half_way(centers: ArrayLike) -> str:
    """Why a law about these centres is void: one stands half way. Empty if none does."""
    values = np.asarray(centers, dtype=np.float64)
    ties = np.abs(values - np.floor(values) - 0.5) < TOLERANCE
    return HALF_WAY if ties.any() else ""


def _parted_by_a_tie(run: RoundingTrace, other: RoundingTrace) -> str:
    """Why two runs of one algorithm differ: a centre that is the same in both stands half way."""
    for a, b in zip(run.steps, other.steps, strict=True):
        if not equal(a.center, b.center, size=1.0):
            return ""
        if a.code != b.code:
            return half_way(a.center)
    return ""


def _bound(problem: Problem) -> float:
    return absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
