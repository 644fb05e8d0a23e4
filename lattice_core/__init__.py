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
`lattice` the lattice and its cells · `trace` one record for all algorithms · `nearest_plane` Babai ·
`gptq` GPTQ and OBQ as published · `closest_vector` the exact answer · `orders` · `bounds` ·
`integer_grid` · `laws` live checks of the theorems · `problem` the small problem of the lessons ·
`inputs` what the public functions accept · `layers` whole layers (torch) · `language_model` the real
model (torch, transformers). The last two are imported by name, so that lessons start fast.
"""

from lattice_core.bounds import (
    absolute_bound,
    bound_floor,
    expected_loss,
    gram_schmidt_lengths,
    pivots,
)
from lattice_core.closest_vector import closest_vector
from lattice_core.gptq import gptq, gptq_steps, obq, obq_costs, obq_steps, propagation_shares
from lattice_core.inputs import damped
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.nearest_plane import nearest_plane, nearest_plane_steps, round_off
from lattice_core.orders import ORDERS, resolve_order
from lattice_core.problem import PRESETS, Problem, random_problem
from lattice_core.trace import RoundingStep, RoundingTrace

__all__ = [
    "ORDERS",
    "PRESETS",
    "IntegerGrid",
    "Lattice",
    "Problem",
    "RoundingStep",
    "RoundingTrace",
    "absolute_bound",
    "bound_floor",
    "closest_vector",
    "damped",
    "expected_loss",
    "gptq",
    "gptq_steps",
    "gram_schmidt_lengths",
    "nearest_plane",
    "nearest_plane_steps",
    "obq",
    "obq_costs",
    "obq_steps",
    "pivots",
    "propagation_shares",
    "random_problem",
    "resolve_order",
    "round_off",
]
