"""A small made-up layer, for what a row alone cannot show: codes to count, and bytes to store them."""

from dataclasses import dataclass

import numpy as np

from lattice_core.inputs import FloatArray

ROWS, COLUMNS = 96, 64
TOKENS = 512
DECAY = 0.15  # the weakest input's size over the strongest's
FREEDOM = 6  # of Student's t: a few weights far out, as in real layers


@dataclass(frozen=True, eq=False)
class ToyLayer:
    """A layer and what its inputs say.

    Attributes
    ----------
    weights : (r, c) array
    hessian : (c, c) array
        Raw ``XᵀX``.
    """

    weights: FloatArray
    hessian: FloatArray


def toy_layer(seed: int = 0) -> ToyLayer:
    """Correlated inputs of different sizes, and weights some of which are large.

    Parameters
    ----------
    seed : int
        Of ``numpy.random.default_rng``.
    """
    rng = np.random.default_rng(seed)
    mixing = np.eye(COLUMNS) + rng.standard_normal((COLUMNS, COLUMNS)) / np.sqrt(COLUMNS)
    sizes = np.geomspace(1, DECAY, COLUMNS)[rng.permutation(COLUMNS)]
    inputs = rng.standard_normal((TOKENS, COLUMNS)) @ mixing * sizes
    weights = 0.1 * rng.standard_t(FREEDOM, (ROWS, COLUMNS))
    return ToyLayer(weights, inputs.T @ inputs)
