"""Laws about living without clipping: what is clipped (L9), coded (L18), spaced (L20), refitted (L22)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.bounds import absolute_bound, bound_floor, gram_schmidt_lengths, pivots
from lattice_core.huffman_tree import entropy, mean_length
from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck, loss_is_bounded
from lattice_core.problem import Problem
from lattice_core.rotation import common_scale


def spacings_by_pivots(problem: Problem) -> FloatArray:
    """Spacings ``s_j ∝ 1 / R_jj``, (c,), with the product of the problem's own.

    Source: [W] WaterSIC, arXiv:2603.04956.
    """
    lengths = np.sqrt(pivots(problem.damped_hessian, problem.order_indices))
    return np.asarray(common_scale(problem) * np.exp(np.mean(np.log(lengths))) / lengths)


def clipped_is_far(problem: Problem) -> LawCheck:
    """L9: a code is clipped exactly where its centre is more than ½ away from it."""
    steps = problem.babai.steps
    offsets = np.array([abs(step.center - step.code) for step in steps])
    nearest = np.rint([step.center for step in steps])
    low, high = (-np.inf, np.inf) if not problem.grid else (problem.grid.low, problem.grid.high)
    # Half way between the last code and one that the grid lacks, the last is as near as the other.
    half_way = np.abs(offsets - 0.5) <= 1e-9
    outside = (((nearest < low) | (nearest > high)) & ~half_way).astype(np.float64)
    far = (offsets > 0.5 + 1e-9).astype(np.float64)
    return LawCheck(
        "L9",
        "Clipped means: more than half a spacing away",
        r"Rounding moves a centre by at most ½. More than that happens only where the grid has no nearer "
        r"code. Here $|\zeta_j - z_j|$ is "
        + ", ".join(f"{offset:.3g}" for offset in offsets)
        + " in the order of rounding.",
        "[C] Theorem 5 asks for no clipping",
        r"more than ½ away: 1",
        far,
        "=",
        "nearest integer not on the grid: 1",
        outside,
        bool((far == outside).all()),
    )


def kept_codes_are_bounded(problem: Problem) -> LawCheck:
    """L6 for the same row with every code kept: never void."""
    check = loss_is_bounded(replace(problem, bits=None))
    return replace(
        check,
        title="With every code kept the bound holds",
        statement=r"The same row, and codes without limits: the damped loss is at most "
        r"$\frac14 \sum_j D_j s_j^2$ again. All that is left to do is to store those codes.",
        left_name="loss, codes kept",
    )


def codes_come_back(codes: ArrayLike, decoded: ArrayLike, coder: str) -> LawCheck:
    """L18: decoding what was encoded gives the same codes.

    Parameters
    ----------
    codes, decoded : (r, c) int array
    coder : str
        Its name in the statement.
    """
    sent, got = np.asarray(codes), np.asarray(decoded)
    wrong = int(np.count_nonzero(sent != got)) if sent.shape == got.shape else sent.size
    return LawCheck(
        "L18",
        "The codes come back as they were",
        f"All {sent.size:,} codes of the toy layer are written by the {coder} coder and read back from its "
        "bytes alone. An entropy coder loses nothing.",
        "[C] section 5, Algorithm 11",
        "codes that differ",
        float(wrong),
        "=",
        "none",
        0.0,
        wrong == 0,
    )


def words_are_short(counts: Mapping[int, int], words: Mapping[int, str], what: str) -> LawCheck:
    """L18: entropy ≤ mean length of the Huffman words < entropy + 1.

    Parameters
    ----------
    counts, words : mapping
        By code.
    what : str
        Whose codes they are.
    """
    least, mean = entropy(counts), mean_length(counts, words)
    alone = len(counts) == 1
    return LawCheck(
        "L18",
        "Words are as short as the entropy allows, to within one bit",
        r"No table of words has a mean length below the entropy $\sum p \log_2 \frac1p$, and Huffman's is "
        f"less than one bit above it. Codes: {what}.",
        "Huffman (1952); [C] section 5",
        "mean length of the words",
        mean,
        "∈",
        "entropy, entropy + 1",
        np.array([least, least + 1]),
        mean == 0 if alone else least - TOLERANCE <= mean < least + 1,
    )


def spacing_makes_edges_equal(problem: Problem) -> LawCheck:
    """L20: with ``s_j ∝ 1 / R_jj`` all squared edges are the same."""
    spaced = spacings_by_pivots(problem)
    edges = gram_schmidt_lengths(problem.damped_hessian, spaced, problem.order_indices) ** 2
    mean = float(np.exp(np.mean(np.log(edges))))
    return LawCheck(
        "L20",
        "Spacing makes all edges equal",
        r"Choose $s_j \propto 1/R_{jj}$. Then every $D_j s_j^2$ is the same: the box is a cube.",
        "[W]",
        r"$D_j s_j^2$, spaced by $1/R_{jj}$",
        edges,
        "=",
        "their geometric mean",
        mean,
        bool(np.abs(edges - mean).max() <= TOLERANCE * mean),
    )


def spacing_attains_the_floor(problem: Problem) -> LawCheck:
    """L20: the bound with those spacings is the floor of law L10."""
    spaced = spacings_by_pivots(problem)
    bound = absolute_bound(problem.damped_hessian, spaced, problem.order_indices)
    floor = bound_floor(problem.damped_hessian, problem.scales)
    before = absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    return LawCheck(
        "L20",
        "Spacing attains the floor",
        r"Spacings with the same product, $s_j \propto 1/R_{jj}$, bring the bound down to the floor of law "
        f"L10, which no order reaches alone. Before, it was {before:.4g}.",
        "[W]; arithmetic and geometric mean",
        "bound, spaced",
        bound,
        "=",
        "floor of law L10",
        floor,
        abs(bound - floor) <= TOLERANCE * floor,
    )


def refitting_helps(before: float, after: float) -> LawCheck:
    """L22: refitted scales never raise the loss.

    Parameters
    ----------
    before, after : float
        Damped loss of the toy layer.
    """
    return LawCheck(
        "L22",
        "Better scales for codes that are there",
        "Once the codes are chosen, the scales that suit them best are a least squares problem. "
        "Its solution never has a larger loss. Here: GPTQ's codes of the toy layer.",
        "least squares, in closed form",
        "loss, scales refitted",
        after,
        "≤",
        "loss before",
        before,
        after <= before * (1 + TOLERANCE),
    )
