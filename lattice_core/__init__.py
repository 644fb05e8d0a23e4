"""The mathematics of Nearest Plane: quantization as a closest vector problem.

Conventions, used everywhere
----------------------------
- A layer is ``y = W x`` with W of shape (r, c): r outputs, c inputs. Calibration inputs X are (n, c).
- ``hessian H = XᵀX``, (c, c), float64, no factor 2, no mean.
- ``damped_hessian = H + λ̄ I`` with ``λ̄ = λ · mean(diag H)``. Orders, factors, bounds and codes all
  use the damped Hessian.
- Quantized weights ``q = s ⊙ z``: scales s, integer codes z.
- Damped loss of a row: ``(q − w)ᵀ (H + λ̄I) (q − w)``. Undamped loss: the same with H,
  ``‖X(q − w)‖²``.
- The lattice: basis ``B = 𝒳 diag(s)``, its vectors are **columns**, 𝒳 any matrix with
  ``𝒳ᵀ𝒳 = damped_hessian``; target ``y = 𝒳 w``. So the damped loss is ``‖B z − y‖²``.
- ``order[0]`` is quantized **first**. The pivot order is the reverse, ``p = order[::-1]``;
  ``H[p][:, p] = RᵀR`` with R upper triangular, and ``D_j = R_jj²``. ``order=None`` is back to front.
- ``grid=None`` is no clipping.

Map
---
The lattice: `lattice` and its cells · `gram_schmidt` its vectors one by one · `reduction` LLL ·
`reduction_steps` its moves · `bkz` BKZ · `reduced_problem` nearest plane on each basis on the way ·
`sorting_path` its swaps as a permutation · `reduction_contest` orders, LLL and BKZ side by side.

Rounding: `integer_grid` · `trace` one record for all algorithms · `nearest_plane` Babai · `gptq` GPTQ
and OBQ as published · `closest_vector` the exact answer · `many_targets` thousands at once.

Beyond Babai: `search_tree` the tree of nearest planes · `k_best`, `klein`, `enumeration` through it ·
`coordinate_descent` single moves · `loss_against_work` of all of them.

Without clipping: `outlier_row` what does not fit is kept aside · `huffman_tree` a coder's table as a tree ·
`scale_search` the trials of a search · `toy_row`, `toy_layer` made-up examples · `clipping_laws`.

In the plane: `convex_polygon` · `disagreement` where roundings differ, exactly · `rounding_answers` three
of them from both sides · `placement` a lattice on the paper, its basis dragged.

How good it is: `orders` · `every_order` all c! of them · `min_pivot_study` how often the greedy one
misses the best · `bounds` · `rotation` other arrows to round along · `gaussian_reference` the least
rate for a loss.

For the lessons: `problem` the small problem they share · `laws`, `order_laws`, `bound_laws` live
checks of the theorems · `damping_path`, `damping_laws` from the data to round-to-nearest ·
`overfitting` few inputs and many · `search_laws` of what lies beyond Babai · `recorded_row_shares`,
`recorded_damping_study`, `recorded_search_study`, `recorded_clipping_study` real layers ·
`wrong_worlds` algorithms with a line wrong · `course_numbers`, `course_lessons` one number to
remember a lesson · `inputs` what functions accept.

With torch, and imported by name so that lessons start fast: `layers` whole layers · `language_model`
the real model · `benchmark` how long it takes.
"""

from lattice_core.bkz import BlockReduction, bkz_reduce, bkz_tours
from lattice_core.bounds import (
    absolute_bound,
    bound_floor,
    expected_loss,
    gram_schmidt_lengths,
    pivots,
    relative_bound,
)
from lattice_core.closest_vector import closest_vector
from lattice_core.every_order import OrderOutcomes, every_order
from lattice_core.gaussian_reference import (
    SCALAR_LATTICE_GAP,
    gaussian_loss,
    gaussian_rate,
    variance_factors,
)
from lattice_core.gptq import gptq, gptq_steps, obq, obq_costs, obq_steps, propagation_shares
from lattice_core.gram_schmidt import GramSchmidtStep, gram_schmidt_steps, min_pivot_steps
from lattice_core.inputs import damped
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.many_targets import (
    ManyRoundings,
    closest_codes_of_many,
    loss_ratios,
    nearest_plane_of_many,
    targets_in_box,
    targets_over_grid,
    vectors_within,
)
from lattice_core.min_pivot_study import MinPivotStudy, min_pivot_study
from lattice_core.nearest_plane import nearest_plane, nearest_plane_steps, round_off
from lattice_core.orders import ORDERS, resolve_order
from lattice_core.problem import PRESETS, Problem, random_problem
from lattice_core.reduction import Reduction, ReductionCancelled, is_lll_reduced, lll_reduce
from lattice_core.reduction_steps import ReductionMove, ReductionStep, lll_steps
from lattice_core.trace import RoundingStep, RoundingTrace

__all__ = [
    "ORDERS",
    "PRESETS",
    "SCALAR_LATTICE_GAP",
    "BlockReduction",
    "GramSchmidtStep",
    "IntegerGrid",
    "Lattice",
    "ManyRoundings",
    "MinPivotStudy",
    "OrderOutcomes",
    "Problem",
    "Reduction",
    "ReductionCancelled",
    "ReductionMove",
    "ReductionStep",
    "RoundingStep",
    "RoundingTrace",
    "absolute_bound",
    "bkz_reduce",
    "bkz_tours",
    "bound_floor",
    "closest_codes_of_many",
    "closest_vector",
    "damped",
    "every_order",
    "expected_loss",
    "gaussian_loss",
    "gaussian_rate",
    "gptq",
    "gptq_steps",
    "gram_schmidt_lengths",
    "gram_schmidt_steps",
    "is_lll_reduced",
    "lll_reduce",
    "lll_steps",
    "loss_ratios",
    "min_pivot_steps",
    "min_pivot_study",
    "nearest_plane",
    "nearest_plane_of_many",
    "nearest_plane_steps",
    "obq",
    "obq_costs",
    "obq_steps",
    "pivots",
    "propagation_shares",
    "random_problem",
    "relative_bound",
    "resolve_order",
    "round_off",
    "targets_in_box",
    "targets_over_grid",
    "variance_factors",
    "vectors_within",
]
