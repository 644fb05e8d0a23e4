"""One record for every rounding algorithm, so that "the same step by step" can be read off.

Babai's nearest plane, GPTQ and OBQ all fix one integer at a time. Each yields a `RoundingStep`; the
drained steps are a `RoundingTrace`, and the answer is its codes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lattice_core.inputs import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class RoundingStep:
    """One coordinate rounded.

    Attributes
    ----------
    index : int
        Which coordinate, in input order.
    center : float
        Where the current target stands along it, in units of the basis vector (of the scale).
    code : int
        The admissible integer nearest to the centre.
    plane_distance : float
        Distance from the current target to the chosen hyperplane, ``s_j R_jj |center − code|``.
        Its square is what the step adds to the damped loss.
    coordinates : (c,) array
        The target after the step, in units of the basis vectors: the code where rounded, the
        propagated value elsewhere. Times the scales these are GPTQ's updated weights; times the
        basis this is the target's projection on the planes chosen so far.
    """

    index: int
    center: float
    code: int
    plane_distance: float
    coordinates: FloatArray

    @property
    def clipped(self) -> bool:
        """Whether the grid kept the code from the nearest integer (law L9)."""
        return abs(self.center - self.code) > 0.5 + 1e-9


@dataclass(frozen=True, eq=False)
class RoundingTrace:
    """The steps of one run, from the target's coordinates to the codes.

    Attributes
    ----------
    start : (c,) array
        The target's coordinates before the first step.
    steps : tuple of RoundingStep
        c of them; ``steps[0]`` was rounded first.
    distance_to_span : float
        Length of the target's part outside the span of the basis: no code changes it.
    """

    start: FloatArray
    steps: tuple[RoundingStep, ...]
    distance_to_span: float = 0.0

    @classmethod
    def drain(
        cls, start: FloatArray, steps: Iterable[RoundingStep], distance_to_span: float = 0.0
    ) -> "RoundingTrace":
        """Run a step generator to its end."""
        return cls(start.copy(), tuple(steps), distance_to_span)

    @property
    def order(self) -> IntArray:
        """(c,) indices in the order in which they were rounded."""
        return np.array([step.index for step in self.steps], dtype=np.int64)

    @property
    def codes(self) -> IntArray:
        """(c,) integers in input order."""
        codes = np.empty(len(self.steps), dtype=np.int64)
        codes[self.order] = [step.code for step in self.steps]
        return codes

    @property
    def centers(self) -> FloatArray:
        """(c,) centres in the order of the steps."""
        return np.array([step.center for step in self.steps])

    @property
    def squared_distance(self) -> float:
        """``‖B z − y‖²``: the squares of the legs add up, for they are orthogonal."""
        legs = sum(step.plane_distance**2 for step in self.steps)
        return float(legs + self.distance_to_span**2)

    @property
    def clipped(self) -> bool:
        """Whether any step was clipped: then the bound of law L6 does not hold."""
        return any(step.clipped for step in self.steps)

    def coordinates_after(self, step: int) -> FloatArray:
        """The target's coordinates (c,) after `step` steps; 0 is the start."""
        return self.start if step == 0 else self.steps[step - 1].coordinates
