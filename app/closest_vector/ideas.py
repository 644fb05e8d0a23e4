"""What to try in the lesson on the closest vector."""

import numpy as np

from app.controls import Try
from app.figures.rounding_sentences import LAST_STEP
from lattice_core import PRESETS, Problem
from lattice_core.disagreement import with_disagreement


def ideas(problem: Problem) -> list[Try]:
    """Worth looking at, on the presets; the last on the problem on show."""
    skewed = PRESETS["skewed"].problem
    basis, target = skewed.lattice.basis, skewed.target
    upright = skewed.with_basis(np.diag(np.linalg.norm(basis, axis=0)), target)
    other = skewed.with_basis(basis @ [[1, -1], [0, 1]], target)
    return [
        Try(
            "Where nearest plane fails",
            "The target is in the box of one point and in the Voronoi cell of another. Drag it out of the "
            "hatched region: the answers meet.",
            with_disagreement(skewed, "nearest_plane", "closest") or skewed,
            LAST_STEP,
        ),
        Try(
            "A right angle",
            "The three cells are one, and rounding is exact. Drag the tip of b₂ sideways: hatched regions "
            "open.",
            upright,
            LAST_STEP,
        ),
        Try(
            "The same points, another basis",
            "b₂ − b₁ in place of b₂. The lattice points stay, so does the Voronoi cell. Round-off's cell is "
            "another, and it misses less.",
            other,
            LAST_STEP,
        ),
        Try(
            "Half of all targets",
            "A long vector and a short one, rounded in the wrong order. Now choose the other order above.",
            PRESETS["far_from_best"].problem,
            LAST_STEP,
        ),
        Try(
            "Two inputs of a real layer",
            "They are strongly correlated. Which of the two quick methods would you take?",
            PRESETS["real_two_inputs"].problem,
            LAST_STEP,
        ),
        Try(
            "Turn it by a quarter",
            "The problem on show, turned by 90°. Compare codes and losses with those before: law L1.",
            problem,
            LAST_STEP,
            {"turn": "90"},
        ),
    ]
