"""What quantizing a whole model did, in numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lattice_core.layers.quantized_layer import QuantizedLayer


@dataclass(frozen=True)
class LayerReport:
    """One layer in numbers, as its `QuantizedLayer` had them.

    Attributes
    ----------
    name : str
    rows, columns : int
        r and c of the weight.
    method, order, coder : str
    bits_per_weight, loss, undamped_loss, relative_loss, bound, clipped_fraction, outlier_rate, \
scale_factor : float
        As in `QuantizedLayer`. In a checkpoint, the bits are those of the bytes stored, and the losses
        those of the weights decoded from them.
    energy : float
        ``Σ wᵀHw`` with the raw Hessian: what relative losses are relative to.
    distance : float or None
        Bits a weight above the Gaussian reference for the same loss (law L21); ``None`` where it was not
        asked for.
    unreachable : float
        With targets from the unquantized model: the part of the layer's output there that no weights
        give on the inputs here, ``‖X Wᵀ − X̂ W′ᵀ‖²`` over ``‖X Wᵀ‖²``. 0 otherwise.
    """

    name: str
    rows: int
    columns: int
    method: str
    order: str
    coder: str
    bits_per_weight: float
    loss: float
    undamped_loss: float
    relative_loss: float
    bound: float
    clipped_fraction: float
    outlier_rate: float
    scale_factor: float
    energy: float
    distance: float | None = None
    unreachable: float = 0.0

    def as_record(self) -> dict[str, object]:
        """Flat, as JSON has it."""
        return asdict(self)

    @property
    def relative_bound(self) -> float:
        """The bound over the energy; 0 for an all-zero layer."""
        return self.bound / self.energy if self.energy > 0 else 0.0

    @property
    def loss_over_bound(self) -> float:
        """About ⅓ for the nearest plane where nothing is clipped (law L7, measured)."""
        return self.loss / self.bound if self.bound > 0 else 0.0

    @property
    def weight_count(self) -> int:
        """r·c."""
        return self.rows * self.columns


@dataclass(frozen=True)
class ModelReport:
    """What was done to a model, in memory or in a folder.

    Attributes
    ----------
    source : str
        Of the model that was quantized.
    token_count : int
        Of the calibration text.
    layers : tuple of LayerReport
        In the order of the forward pass.
    """

    source: str
    token_count: int
    layers: tuple[LayerReport, ...]

    @property
    def weight_count(self) -> int:
        """Weights that were quantized; embeddings and norms are not among them."""
        return sum(layer.weight_count for layer in self.layers)

    @property
    def bits_per_weight(self) -> float:
        """Mean over the weights that were quantized."""
        return self._mean([layer.bits_per_weight for layer in self.layers])

    @property
    def clipped_fraction(self) -> float:
        """Of all codes, those that the grid kept from the nearest integer."""
        return self._mean([layer.clipped_fraction for layer in self.layers])

    @property
    def outlier_rate(self) -> float:
        """Of the weights that were quantized, those kept aside."""
        return self._mean([layer.outlier_rate for layer in self.layers])

    def as_records(self) -> list[dict[str, object]]:
        """One flat record a layer, for a table or a CSV file."""
        return [layer.as_record() for layer in self.layers]

    @property
    def relative_loss(self) -> float:
        """Sum over the layers: each counts its damped loss over its own energy."""
        return sum(layer.relative_loss for layer in self.layers)

    @property
    def relative_bound(self) -> float:
        """Sum over the layers of each bound over its own energy; void where codes are clipped."""
        return sum(layer.relative_bound for layer in self.layers)

    @property
    def distance(self) -> float | None:
        """Mean distance to the Gaussian reference over the weights (law L21)."""
        found = [layer.distance for layer in self.layers if layer.distance is not None]
        return self._mean(found) if len(found) == len(self.layers) else None

    def _mean(self, values: Sequence[float]) -> float:
        weighted = zip(self.layers, values, strict=True)
        return sum(layer.weight_count * value for layer, value in weighted) / self.weight_count


def report_layer(name: str, order: str, layer: QuantizedLayer) -> LayerReport:
    """The numbers of a layer that was quantized in the order of this name."""
    rows, columns = layer.codes.shape
    return LayerReport(
        name=name,
        rows=rows,
        columns=columns,
        method=layer.method,
        order=order,
        coder=layer.coder,
        bits_per_weight=layer.bits_per_weight,
        loss=layer.loss,
        undamped_loss=layer.undamped_loss,
        relative_loss=layer.relative_loss,
        bound=layer.bound,
        clipped_fraction=layer.clipped_fraction,
        outlier_rate=layer.outlier_rate,
        scale_factor=layer.scale_factor,
        energy=layer.row_energies.sum().item(),
    )
