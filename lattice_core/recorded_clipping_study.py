"""Ways to live without clipping, on real layers, as recorded (see clipping_study.json).

Written by ``python -m lattice_core.language_model.clipping_study --record``; reading it needs NumPy alone.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from lattice_core.gaussian_reference import loss_of_components, rate_of_components
from lattice_core.huffman_tree import entropy, mean_length
from lattice_core.inputs import FloatArray
from lattice_core.scale_search import ScaleTrial


@dataclass(frozen=True)
class MethodRun:
    """One method at one size.

    Attributes
    ----------
    method : str
        As `lattice_core.layers.quantize_layer` takes it.
    bits : int
        Of the grid; the entropy-coded methods had b + 0.25, the stored size that a grid and its scales take.
    bits_per_weight : float
        Stored.
    loss, relative_loss, bound : float
        Damped, of the whole layer; the second over ``Σ wᵀHw``.
    clipped_fraction, outlier_rate, factor : float
    trials : tuple of ScaleTrial
        How the factor was found.
    """

    method: str
    bits: int
    bits_per_weight: float
    loss: float
    relative_loss: float
    bound: float
    clipped_fraction: float
    outlier_rate: float
    factor: float
    trials: tuple[ScaleTrial, ...]


@dataclass(frozen=True)
class CodedLayer:
    """HPTQ's codes at one size, and what two coders make of them.

    Attributes
    ----------
    bits : int
    values, counts : tuple of int
        The different codes, ascending, and how often each occurs.
    words : tuple of str
        Of the Huffman coder's table.
    huffman_stream_bytes, huffman_table_bytes, ans_stream_bytes, ans_table_bytes : int
    """

    bits: int
    values: tuple[int, ...]
    counts: tuple[int, ...]
    words: tuple[str, ...]
    huffman_stream_bytes: int
    huffman_table_bytes: int
    ans_stream_bytes: int
    ans_table_bytes: int

    @property
    def count_of(self) -> dict[int, int]:
        """How often each code occurs."""
        return dict(zip(self.values, self.counts, strict=True))

    @property
    def word_of(self) -> dict[int, str]:
        """Each code's word."""
        return dict(zip(self.values, self.words, strict=True))

    @property
    def entropy(self) -> float:
        """Bits a code."""
        return entropy(self.count_of)

    def ideal_bits(self, code: int) -> float:
        """``log2(1/p)``: what an ideal coder spends on a code."""
        return math.log2(sum(self.counts) / self.count_of[code])

    def bits_a_code(self, coder: str) -> float:
        """Bytes of a coder's stream, ``"huffman"`` or ``"ans"``, in bits a code."""
        stream: int = getattr(self, f"{coder}_stream_bytes")
        return 8 * stream / sum(self.counts)

    @property
    def mean_length(self) -> float:
        """Bits a code with these words."""
        return mean_length(self.count_of, self.word_of)


@dataclass(frozen=True, eq=False)
class FactorCurve:
    """What was measured (k,) with each factor (k,): stored bits, or outlier rates."""

    bits: int
    factors: FloatArray
    measured: FloatArray


@dataclass(frozen=True, eq=False)
class LayerClipping:
    """One layer.

    Attributes
    ----------
    layer : str
        Its name in the model.
    rows, columns : int
        Outputs r and inputs c.
    variance : float
        σ², the mean square of the weights.
    spectrum : (c,) array
        Eigenvalues of the damped Hessian, ascending.
    pivots : (c,) array
        D by input column.
    exponents : (c,) int array
        WaterSIC's spacings are ``2^(−e_j / 8)`` times one number.
    runs : tuple of MethodRun
    codes : tuple of CodedLayer
    size_curves, outlier_curves : tuple of FactorCurve
        Of HPTQ and of SSQR.
    """

    layer: str
    rows: int
    columns: int
    variance: float
    spectrum: FloatArray
    pivots: FloatArray
    exponents: FloatArray
    runs: tuple[MethodRun, ...]
    codes: tuple[CodedLayer, ...]
    size_curves: tuple[FactorCurve, ...]
    outlier_curves: tuple[FactorCurve, ...]

    def run(self, method: str, bits: int) -> MethodRun:
        """A method at a size."""
        return next(run for run in self.runs if (run.method, run.bits) == (method, bits))

    def coded(self, bits: int) -> CodedLayer:
        """HPTQ's codes at a size."""
        return next(coded for coded in self.codes if coded.bits == bits)

    def size_curve(self, bits: int) -> FactorCurve:
        """Stored bits by HPTQ's scale, around the one found for a size."""
        return next(curve for curve in self.size_curves if curve.bits == bits)

    def outlier_curve(self, bits: int) -> FactorCurve:
        """SSQR's outlier rate by its factor, on a grid."""
        return next(curve for curve in self.outlier_curves if curve.bits == bits)

    @property
    def components(self) -> FloatArray:
        """Variances of the Gaussian reference's components, (c,): ``σ² λ``."""
        return np.asarray(self.variance * self.spectrum)

    def loss_a_coordinate(self, run: MethodRun) -> float:
        """The damped loss of a row over c, the mean over the rows."""
        return run.loss / (self.rows * self.columns)

    def reference_rate(self, run: MethodRun) -> float:
        """Bits a weight of the Gaussian reference at this run's loss (law L21)."""
        return rate_of_components(self.components, self.loss_a_coordinate(run))

    def distance(self, run: MethodRun) -> float:
        """Stored bits above the reference; may be negative."""
        return run.bits_per_weight - self.reference_rate(run)

    def reference_losses(self, rates: FloatArray) -> FloatArray:
        """The reference's relative losses at these rates, (k,), in the unit of `relative_loss`."""
        unit = self.runs[0].relative_loss / self.loss_a_coordinate(self.runs[0])
        return unit * np.array([loss_of_components(self.components, float(r)) for r in rates])

    @property
    def excess_rate(self) -> float:
        """``½ log2(mean D / geomean D)``: bits a weight that one scale costs more than spacing (law L20)."""
        return excess_rate(self.pivots)

    @property
    def spaced_edges(self) -> FloatArray:
        """``D_j s_j²`` of WaterSIC's spacings over their geometric mean, (c,); 1 but for the rounding of e."""
        edges = self.pivots * 2.0 ** (-self.exponents / 4)
        return np.asarray(edges / np.exp(np.log(edges).mean()))

    @property
    def edges(self) -> FloatArray:
        """``D_j s²`` of one scale over their geometric mean, (c,)."""
        return np.asarray(self.pivots / np.exp(np.log(self.pivots).mean()))


@dataclass(frozen=True, eq=False)
class ClippingStudy:
    """The recorded layers, and how they were made.

    Attributes
    ----------
    layers : tuple of LayerClipping
    model, text : str
        What ran, and the source of the calibration text.
    model_sha256, text_sha256 : str
    tokens, group_size : int
    scale_rule, order : str
        As `lattice_core.layers.quantize_layer` takes them.
    damping : float
        λ.
    date, command : str
        When it was recorded (ISO 8601), and with what.
    seconds : float
        It took.
    versions : dict of str
        Of Python and the libraries.
    """

    layers: tuple[LayerClipping, ...]
    model: str
    model_sha256: str
    text: str
    text_sha256: str
    tokens: int
    group_size: int
    scale_rule: str
    order: str
    damping: float
    date: str
    command: str
    seconds: float
    versions: dict[str, str]

    def layer(self, name: str) -> LayerClipping:
        """A layer by its name in the model."""
        return next(layer for layer in self.layers if layer.layer == name)


def excess_rate(pivots: FloatArray) -> float:
    """``½ log2(mean D / geomean D)`` in bits a weight, for positive pivots (c,) (law L20)."""
    return 0.5 * math.log2(float(pivots.mean())) - 0.5 * float(np.log2(pivots).mean())


@cache
def recorded_clipping_study() -> ClippingStudy:
    """What the file holds."""
    path = files("lattice_core").joinpath("clipping_study.json")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    about = {name: recorded[name] for name in ClippingStudy.__annotations__ if name != "layers"}
    return ClippingStudy(layers=tuple(map(layer_from_record, recorded["layers"])), **about)


def layer_from_record(entry: dict[str, Any]) -> LayerClipping:
    """One layer as the file has it."""
    return LayerClipping(
        layer=entry["layer"],
        rows=entry["rows"],
        columns=entry["columns"],
        variance=entry["variance"],
        spectrum=np.array(entry["spectrum"]),
        pivots=np.array(entry["pivots"]),
        exponents=np.array(entry["exponents"], dtype=np.float64),
        runs=tuple(_run(run) for run in entry["runs"]),
        codes=tuple(map(_coded, entry["codes"])),
        size_curves=tuple(map(_curve, entry["size_curves"])),
        outlier_curves=tuple(map(_curve, entry["outlier_curves"])),
    )


def _coded(entry: dict[str, Any]) -> CodedLayer:
    lists = {name: tuple(entry[name]) for name in ("values", "counts", "words")}
    return CodedLayer(**(entry | lists))


def _run(entry: dict) -> MethodRun:
    trials = tuple(
        ScaleTrial(**{**t, "enough": math.inf if t["enough"] is None else t["enough"]})
        for t in entry["trials"]
    )
    return MethodRun(**{**entry, "trials": trials})


def _curve(entry: dict) -> FactorCurve:
    return FactorCurve(
        entry["bits"], np.array(entry["factors"]), np.array(entry["measured"], dtype=np.float64)
    )
