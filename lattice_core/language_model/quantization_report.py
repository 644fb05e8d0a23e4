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
    method, order : str
    bits_per_weight, loss, undamped_loss, relative_loss, bound, clipped_fraction, outlier_rate, \
scale_factor : float
        As in `QuantizedLayer`.
    """

    name: str
    rows: int
    columns: int
    method: str
    order: str
    bits_per_weight: float
    loss: float
    undamped_loss: float
    relative_loss: float
    bound: float
    clipped_fraction: float
    outlier_rate: float
    scale_factor: float

    @property
    def weight_count(self) -> int:
        """r·c."""
        return self.rows * self.columns


@dataclass(frozen=True)
class ModelReport:
    """What `quantize_model` did.

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
        return [asdict(layer) for layer in self.layers]

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
        bits_per_weight=layer.bits_per_weight,
        loss=layer.loss,
        undamped_loss=layer.undamped_loss,
        relative_loss=layer.relative_loss,
        bound=layer.bound,
        clipped_fraction=layer.clipped_fraction,
        outlier_rate=layer.outlier_rate,
        scale_factor=layer.scale_factor,
    )
