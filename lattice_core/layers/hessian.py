"""The Hessian of a layer, ``H = XᵀX``, gathered from its inputs as they stream past."""

import torch
from torch import Tensor

# Rows multiplied at once: bounds the memory of the float64 copy (4096 × 1536: 50 MB).
CHUNK = 4096


class HessianAccumulator:
    """The running sum of ``xᵀx`` over chunks of a layer's inputs.

    Each chunk is converted to float64 **before** it is multiplied. A product of two float32 numbers
    is exact in float64, so only the n additions round: entry (i, j) is off by at most
    ``n · 2⁻⁵³ · sqrt(H_ii H_jj)``, below 4e-12 relative to the diagonal for 32k tokens, however the
    tokens are cut into chunks.

    Parameters
    ----------
    in_features : int
        c, the inputs of the layer.
    name : str
        The layer, for error messages.
    device : torch.device or str
        Where the sum is kept; chunks are moved there.
    """

    def __init__(self, in_features: int, *, name: str, device: torch.device | str = "cpu") -> None:
        self.name = name
        self.token_count = 0
        self._sum = torch.zeros(in_features, in_features, dtype=torch.float64, device=device)

    def add(self, inputs: Tensor) -> None:
        """Add a chunk of inputs.

        Parameters
        ----------
        inputs : (..., c) tensor
            Any floating dtype; all axes but the last count tokens.

        Raises
        ------
        ValueError
            If the last axis is not c, or an input is NaN or infinite.
        """
        in_features = len(self._sum)
        if inputs.ndim == 0 or inputs.shape[-1] != in_features:
            raise ValueError(
                f"the inputs of {self.name} have shape {tuple(inputs.shape)}; "
                f"(tokens, {in_features}) was wanted."
            )
        tokens = inputs.detach().reshape(-1, in_features)
        if not torch.isfinite(tokens).all():
            dead_end = torch.nonzero(~torch.isfinite(tokens))[0].tolist()
            raise ValueError(
                f"the inputs of {self.name} hold NaN or infinity (token "
                f"{self.token_count + dead_end[0]}, input {dead_end[1]}). Damping cannot cure "
                "this: an earlier layer overflows, or the weights are damaged."
            )
        for chunk in tokens.split(CHUNK):
            wide = chunk.to(device=self._sum.device, dtype=torch.float64)
            self._sum.addmm_(wide.T, wide)
        self.token_count += len(tokens)

    @property
    def hessian(self) -> Tensor:
        """``XᵀX`` over all tokens so far, (c, c) float64, exactly symmetric; a copy."""
        return (self._sum + self._sum.T) / 2


def require_finite_hessian(hessian: Tensor, *, name: str = "hessian") -> None:
    """Raise a ``ValueError`` naming the layer if an entry is NaN or infinite.

    Asked before damping: no damping cures it.
    """
    if not torch.isfinite(hessian).all():
        row, column = torch.nonzero(~torch.isfinite(hessian))[0].tolist()
        raise ValueError(
            f"{name} holds {hessian[row, column].item()} at ({row}, {column}); every entry must be "
            "finite. Damping cannot cure this: look for an overflow in the layer's inputs."
        )


def require_damping(damping: float) -> None:
    """Raise a ``ValueError`` unless λ is a finite number ≥ 0."""
    if not 0 <= damping < float("inf"):
        raise ValueError(f"damping is {damping}; a finite number ≥ 0 was wanted (0.01 is usual).")


def damp(hessian: Tensor, damping: float) -> Tensor:
    """The damped Hessian ``H + λ · mean(diag H) · I``.

    Parameters
    ----------
    hessian : (c, c) tensor
        Raw ``XᵀX``.
    damping : float
        λ ≥ 0.
    """
    require_damping(damping)
    damped_hessian = hessian.clone()
    damped_hessian.diagonal().add_(damping * hessian.diagonal().mean())
    return damped_hessian
