"""The laws of the bounds that need more than the problem: many targets (L7), the optimum (L8)."""

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.bounds import absolute_bound, gram_schmidt_lengths, relative_bound
from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.many_targets import (
    ManyRoundings,
    loss_ratios,
    targets_in_box,
    targets_over_grid,
)
from lattice_core.problem import Problem
from lattice_core.trace import RoundingTrace

STANDARD_ERRORS = 4  # one draw in 16,000 strays further


def drawn_targets(problem: Problem, count: int, seed: int, beyond: float = 0.5) -> FloatArray:
    """Targets (count, c) spread evenly: over the answer's box or, with a grid, over all its codes.

    Parameters
    ----------
    problem : Problem
    count : int
    seed : int
        Of ``numpy.random.default_rng``.
    beyond : float
        How far past the grid's last codes, in grid spacings; see `targets_over_grid`.
    """
    rng = np.random.default_rng(seed)
    if problem.grid is not None:
        return targets_over_grid(problem.lattice, problem.grid, beyond, count=count, rng=rng)
    return targets_in_box(
        problem.lattice, problem.babai.codes, problem.order_indices, count=count, rng=rng
    )


def shares_of_the_bound(problem: Problem, sample: ManyRoundings) -> FloatArray:
    """Loss over bound of each target, (m,): at most 1 where no code is clipped (law L6)."""
    bound = absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    return np.asarray(sample.squared_distances / bound)


def share_error(problem: Problem, count: int) -> float:
    """Standard error of the mean of loss over bound, for `count` targets spread evenly in the box.

    The share is ``4 Σ d_j² u_j² / Σ d_j²`` with independent u_j, even over ±½, so that u² has
    variance ``1/80 − 1/144 = 1/180``.
    """
    squares = (
        gram_schmidt_lengths(problem.damped_hessian, problem.scales, problem.order_indices) ** 2
    )
    variance = 16 / 180 * float(np.sum(squares**2) / np.sum(squares) ** 2)
    return float(np.sqrt(variance / count))


def a_third_on_average(problem: Problem, sample: ManyRoundings) -> LawCheck:
    """L7 on targets spread evenly: their mean loss is a third of the bound, as far as chance allows.

    Parameters
    ----------
    problem : Problem
    sample : ManyRoundings
        Of targets spread evenly over the box, or over whole cells.
    """
    bound = absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    count = len(sample.clipped)
    mean = float(np.mean(sample.squared_distances) / bound)
    reach = STANDARD_ERRORS * share_error(problem, count)
    clipped = int(np.count_nonzero(sample.clipped))
    return LawCheck(
        "L7",
        "On average a third of the bound",
        "Of targets spread evenly over the box, the loss is a third of the bound on average. "
        f"Here are {count:,} drawn targets, so their mean strays a little: it should lie within "
        f"{STANDARD_ERRORS} standard errors of ⅓. One draw in 16,000 does not.",
        "[C] Appendix D.2",
        "mean loss ÷ bound, sampled",
        mean,
        "∈",
        f"⅓ ± {STANDARD_ERRORS} standard errors",
        np.array([1 / 3 - reach, 1 / 3 + reach]),
        abs(mean - 1 / 3) <= reach,
        void=f"{clipped:,} of {count:,} targets have a clipped code (law L9)." if clipped else "",
    )


def edge_means(problem: Problem) -> FloatArray:
    """``d_j² / 12``, (c,), in the order of rounding: the mean of ``e_j²`` along each edge of the box.

    ``1/d ∫ e² de`` from ``−d/2`` to ``d/2``. The mean of ``‖e‖²`` over the box is their sum (law L7).
    """
    lengths = gram_schmidt_lengths(problem.damped_hessian, problem.scales, problem.order_indices)
    return np.asarray(lengths[problem.order_indices] ** 2 / 12)


def loss_is_near_the_least(
    problem: Problem, closest: ArrayLike, trace: RoundingTrace | None = None
) -> LawCheck:
    """L8, and L9 where it is void: nearest plane's loss is at most γ² times the least possible.

    Parameters
    ----------
    problem : Problem
    closest : (c,) int array
        Codes of the closest lattice vector, as `closest_vector` finds them.
    trace : RoundingTrace, optional
        The run to check where it is not Babai's on the problem.
    """
    trace = trace or problem.babai
    ratio = loss_ratios(
        problem.lattice,
        problem.target[None],
        trace.codes[None],
        np.asarray(closest)[None],
    )
    left = float(ratio[0])
    right = relative_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    clipped = sum(step.clipped for step in trace.steps)
    return LawCheck(
        "L8",
        "The loss is not far from the least possible",
        r"Without clipping the damped loss is at most $\gamma^2$ times that of the closest lattice "
        r"point, $\gamma^2 = \max_j \sum_{i \le j} d_i^2 / d_j^2$. Here $d_j = s_j\sqrt{D_j}$, and "
        r"$i \le j$ are weight $j$ and those rounded after it. The closest point is found by trying all.",
        "[C], with a slightly tighter constant",
        "loss ÷ least possible loss",
        left,
        "≤",
        r"$\gamma^2$",
        right,
        left <= right * (1 + TOLERANCE),
        void=f"{clipped} of {problem.size} codes are clipped (law L9)." if clipped else "",
    )
