"""The result of quantizing a layer, and how good it is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.refit import refit
from lattice_core.layers.scale_form import ScaleForm
from lattice_core.layers.scales import SCALE_BITS
from lattice_core.layers.stored_layer import StoredLayer, store
from lattice_core.scale_search import ScaleTrial

OUTLIER_BITS = 16 + 16  # column and value; where a row's outliers begin is not counted
STEP_BITS = 8  # of a refitted factor


@dataclass(frozen=True, eq=False)
class QuantizedLayer:
    """A layer as integer codes, scales and outliers: ``W ≈ scales · codes + outliers``.

    Losses are sums over the rows; the damped ones count ``H + λ̄I``, the undamped ones ``H``, and
    undamped ≤ damped ≤ bound (where nothing is clipped).

    Attributes
    ----------
    codes : (r, c) int64 tensor
        Columns in input order, whatever the quantization order.
    scales : (r, c) float64 tensor
        One per weight: `scale_form` spread out.
    scale_form : ScaleForm
        The few numbers that the scales follow from.
    outliers : (r, c) sparse float64 tensor
        Weights kept aside by ssqr; the code at their position is 0. Every entry counts as an outlier,
        also one whose value is 0. Empty for the other methods.
    order : (c,) int64 tensor
        ``order[0]`` was quantized first. Round-to-nearest gives the same codes in any order.
    method : str
        A key of ``lattice_core.layers.methods.METHODS``.
    bits_per_weight : float
        Stored size over r·c. With a coder other than fixed it is counted from the bytes of `store`.
        With fixed: codes of one width, 16 bits for each scale, 32 for each outlier, 8 for each
        refitted factor.
    coder : str
        A key of ``lattice_core.layers.coding.CODERS``.
    pivots : (c,) float64 tensor
        D of the damped Hessian in this order, by input column.
    row_losses, row_undamped_losses : (r,) float64 tensor
        ``(q − w)ᵀ(H + λ̄I)(q − w)`` and ``(q − w)ᵀH(q − w)``.
    row_energies : (r,) float64 tensor
        ``wᵀHw``, the undamped loss of leaving the row out.
    row_bounds : (r,) float64 tensor
        What each row's damped loss cannot exceed if none of its codes is clipped: ``¼ Σ D_j s_j²``
        for the nearest plane (law L6), ``¼ Σ_ij |H_ij| s_i s_j`` for round-to-nearest, and as `ssqr`
        says for ssqr (law L19). They are those of the scales that the codes were found with: refitting
        scales lowers the sum of the losses, but may raise a row's.
    row_clipped : (r,) float64 tensor
        Fraction of each row's codes that are clipped, ``|center − code| > ½``. Where it is not 0
        the row's bound says nothing (law L9). Always 0 for ssqr: what does not fit is kept aside.
    scale_factor : float
        What the scales of the rule were multiplied by: 1 for rtn and gptq, what suits the outliers for ssqr, what
        meets the stored size for hrtn, hptq and watersic.
    trials : tuple of ScaleTrial
        How that factor was found, in order; none for rtn and gptq.
    """

    codes: Tensor
    scales: Tensor
    outliers: Tensor
    order: Tensor
    method: str
    bits_per_weight: float
    coder: str
    scale_form: ScaleForm
    pivots: Tensor
    row_losses: Tensor
    row_undamped_losses: Tensor
    row_energies: Tensor
    row_bounds: Tensor
    row_clipped: Tensor
    scale_factor: float = 1.0
    trials: tuple[ScaleTrial, ...] = ()

    @property
    def loss(self) -> float:
        """The damped loss."""
        return self.row_losses.sum().item()

    @property
    def undamped_loss(self) -> float:
        """``‖X(Q − W)ᵀ‖²``."""
        return self.row_undamped_losses.sum().item()

    @property
    def relative_loss(self) -> float:
        """The damped loss over ``Σ wᵀHw`` with the raw Hessian; 0 for an all-zero layer."""
        energy = self.row_energies.sum().item()
        return self.loss / energy if energy > 0 else 0.0

    @property
    def bound(self) -> float:
        """What the damped loss cannot exceed if `clipped_fraction` is 0; void otherwise."""
        return self.row_bounds.sum().item()

    @property
    def clipped_fraction(self) -> float:
        """Of all codes, those that the grid kept from the nearest integer."""
        return self.row_clipped.mean().item()

    @property
    def outlier_rate(self) -> float:
        """Of all weights, those kept aside."""
        return self.outliers.values().numel() / self.outliers.numel()

    @property
    def group_size(self) -> int | None:
        """Input columns that share a base scale; ``None`` is all of them."""
        return self.scale_form.group_size

    @property
    def group_scales(self) -> Tensor:
        """Each scale once, (r, groups); (r, 1) when there is one a row.

        Raises
        ------
        ValueError
            If columns have spacings of their own.
        """
        form = self.scale_form
        if form.exponents is not None or form.column_steps is not None:
            raise ValueError(
                f"the columns of this layer ({self.method}) have spacings of their own, so no group "
                "shares one; use `scales`, or quantize without refit_scales."
            )
        return self.scales[:, :: self.group_size or self.scales.shape[1]]

    def store(self) -> StoredLayer:
        """The layer as bytes. Group scales are rounded to 16 bits there."""
        return store(self.codes, self.scale_form, self.outliers, self.coder)

    def dequantize(self) -> Tensor:
        """``scales · codes + outliers``, (r, c) float64."""
        return dequantize(self.codes, self.scales, self.outliers)


def dequantize(codes: Tensor, scales: Tensor, outliers: Tensor) -> Tensor:
    """``scales · codes + outliers``, (r, c)."""
    return scales * codes + outliers.to_dense()


def measure(
    problem: LayerProblem,
    *,
    codes: Tensor,
    form: ScaleForm,
    outliers: Tensor,
    row_bounds: Tensor,
    row_clipped: Tensor,
    scale_factor: float = 1.0,
    trials: tuple[ScaleTrial, ...] = (),
) -> QuantizedLayer:
    """What a method chose, with its losses counted anew from the weights, not from the steps."""
    weight, hessian, settings = problem.weight, problem.hessian, problem.settings
    scales = form.expand(*weight.shape)
    error = dequantize(codes, scales, outliers) - weight
    undamped = torch.linalg.vecdot(error @ hessian.raw, error).clamp(min=0)
    return QuantizedLayer(
        codes=codes,
        scales=scales,
        scale_form=form,
        outliers=outliers,
        order=hessian.factor.order,
        method=settings.method,
        bits_per_weight=_bits_per_weight(problem, codes, form, outliers),
        coder=settings.stored_with,
        pivots=hessian.factor.pivots,
        row_losses=undamped + hessian.ridge * torch.linalg.vecdot(error, error),
        row_undamped_losses=undamped,
        row_energies=torch.linalg.vecdot(weight @ hessian.raw, weight),
        row_bounds=row_bounds,
        row_clipped=row_clipped,
        scale_factor=scale_factor,
        trials=trials,
    )


def refitted(problem: LayerProblem, form: ScaleForm, codes: Tensor) -> ScaleForm:
    """The form with factors for columns and rows, if the settings ask for them."""
    if not problem.settings.refit_scales:
        return form
    values = form.expand(*codes.shape) * codes
    return refit(problem.weight, problem.hessian.damped, form, codes, values)


def nearest_plane_bounds(problem: LayerProblem, scales: Tensor) -> Tensor:
    """``¼ Σ_j D_j s_j²`` of each row, (r,): the bound of the nearest plane (law L6)."""
    return problem.hessian.factor.row_bounds(scales)


def round_off_bounds(problem: LayerProblem, scales: Tensor) -> Tensor:
    """``¼ Σ_ij |H_ij| s_i s_j`` of each row with the damped H, (r,): the bound of round-to-nearest."""
    return ((scales @ problem.hessian.damped.abs()) * scales).sum(dim=1) / 4


def _bits_per_weight(
    problem: LayerProblem, codes: Tensor, form: ScaleForm, outliers: Tensor
) -> float:
    if problem.settings.stored_with != "fixed":
        return store(codes, form, outliers, problem.settings.stored_with).bits_per_weight
    width = code_width(codes, int(problem.settings.bits))
    steps = [part for part in (form.column_steps, form.row_steps) if part is not None]
    extra = SCALE_BITS * form.base.numel() + OUTLIER_BITS * outliers.values().numel()
    extra += STEP_BITS * sum(part.numel() for part in steps)
    return width + extra / codes.numel()


def code_width(codes: Tensor, at_least: int) -> int:
    """Bits of the widest code, b with ``−2^(b−1) ≤ code ≤ 2^(b−1) − 1``, but no fewer than asked.

    Parameters
    ----------
    codes : integer tensor
        Of any shape.
    at_least : int
    """
    low, high = int(codes.min()), int(codes.max())
    return max(at_least, 1 + max(high, -low - 1).bit_length())
