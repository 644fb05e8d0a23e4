"""Too little damping and overfitting: codes that suit the calibration inputs and no others.

Inputs are drawn from a known Gaussian, so the loss on inputs that were **not** seen is known
exactly: ``(q − w)ᵀ Σ (q − w)`` with the covariance Σ in the place of ``XᵀX / n``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lattice_core.inputs import FloatArray, damped
from lattice_core.lattice import Lattice
from lattice_core.many_targets import nearest_plane_of_many
from lattice_core.orders import resolve_order

INPUTS, ROWS, BITS = 32, 64, 4
DECAY = 1.5  # eigenvalue k of Σ is proportional to k^−1.5
DAMPINGS = tuple(float(damping) for damping in np.geomspace(1e-4, 100, 25))


@dataclass(frozen=True, eq=False)
class Overfitting:
    """Losses of a layer against its damping.

    A relative loss is ``Σ (q − w)ᵀH(q − w) / Σ wᵀHw`` over the rows: the share of the layer's
    squared output that is lost.

    Attributes
    ----------
    samples : int
        Calibration inputs, n.
    dampings : (m,) array
        λ.
    calibration : (m,) array
        Relative losses on the inputs that H was made of.
    held_out : (m,) array
        Relative losses on all inputs of the same kind.
    nearest : float
        Of round-to-nearest, on all inputs.
    """

    samples: int
    dampings: FloatArray
    calibration: FloatArray
    held_out: FloatArray
    nearest: float

    @property
    def best(self) -> int:
        """Which damping has the least loss on held-out inputs."""
        return int(np.argmin(self.held_out))


def overfitting(
    samples: int,
    *,
    seed: int = 0,
    dampings: Sequence[float] = DAMPINGS,
    order: str = "act_order",
) -> Overfitting:
    """A layer of 64 rows and 32 inputs, calibrated on few or many inputs, for each damping.

    The eigenvalues of the inputs' covariance fall like ``k^−1.5``, its axes are random. Weights are
    Gaussian, codes have one spacing for the layer (absmax, 4 bits) and are not clipped.

    Parameters
    ----------
    samples : int
        Calibration inputs n, at least 1. With n < 32 their H is singular.
    seed : int
        Of the covariance, the weights and the inputs. The first inputs are the same for each n.
    dampings : sequence of float
        λ > 0.
    order : str
        A key of `ORDERS`.

    Raises
    ------
    ValueError
        If there are no samples.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; at least 1 calibration input was wanted.")
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((INPUTS, INPUTS)))[0]
    spectrum = np.arange(1, INPUTS + 1) ** -DECAY
    spectrum *= INPUTS / spectrum.sum()
    covariance = (axes * spectrum) @ axes.T
    weights = rng.standard_normal((ROWS, INPUTS))
    scale = float(np.abs(weights).max() / (2 ** (BITS - 1) - 0.5))
    inputs = rng.standard_normal((samples, INPUTS)) @ (axes * np.sqrt(spectrum)).T
    hessian = inputs.T @ inputs / samples
    calibration, held_out = [], []
    for damping in dampings:
        damped_hessian = damped(hessian, damping)
        lattice = Lattice.from_hessian(damped_hessian, scale)
        targets = weights / scale @ lattice.basis.T
        found = nearest_plane_of_many(lattice, targets, resolve_order(order, damped_hessian))
        error = scale * found.codes - weights
        calibration.append(_energy(error, hessian) / _energy(weights, hessian))
        held_out.append(_energy(error, covariance) / _energy(weights, covariance))
    error = scale * np.rint(weights / scale) - weights
    return Overfitting(
        samples,
        np.array(dampings),
        np.array(calibration),
        np.array(held_out),
        _energy(error, covariance) / _energy(weights, covariance),
    )


def _energy(rows: FloatArray, hessian: FloatArray) -> float:
    """``Σ vᵀHv`` over the rows v."""
    return float(np.sum((rows @ hessian) * rows))
