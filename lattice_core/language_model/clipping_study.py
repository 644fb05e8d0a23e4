"""Ways to live without clipping, on real layers, as the numbers that a lesson ships.

``python -m lattice_core.language_model.clipping_study --record`` writes
``lattice_core/clipping_study.json``, which `lattice_core.recorded_clipping_study` reads, so that the
lesson needs neither torch nor the model. Without ``--record`` it only prints.

Each layer is quantized by every method at three sizes. RTN, GPTQ and SSQR get b bits and a 16-bit scale for
64 weights; HRTN, HPTQ and WaterSIC get the stored size that this makes, b + 0.25.
"""

import sys
import time
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import load_model
from lattice_core.language_model.study_file import print_or_record, provenance, short
from lattice_core.language_model.text import embedded_text, tokenize
from lattice_core.layers.coding import decode_codes, encode_codes
from lattice_core.layers.coding.huffman import code_words
from lattice_core.layers.coding.side_information import pack_arrays
from lattice_core.layers.decoders import decode
from lattice_core.layers.layer_problem import (
    ENTROPY_CODED,
    METHOD_NAMES,
    FactoredHessian,
    LayerProblem,
    Settings,
    checked_layer,
    factor_hessian,
)
from lattice_core.layers.methods.ssqr import outlier_rates
from lattice_core.layers.methods.stored_size import one_scale, stored_sizes
from lattice_core.layers.methods.watersic import spacing_exponents
from lattice_core.layers.quantize_layer import quantize_factored
from lattice_core.layers.quantized_layer import QuantizedLayer

LAYERS = (
    "model.layers.0.self_attn.q_proj",
    "model.layers.15.self_attn.o_proj",
    "model.layers.15.mlp.down_proj",
)
TOKENS = 16384
BITS = (2, 3, 4)
GROUP_SIZE = 64
SCALE_BITS = 16 / GROUP_SIZE
ORDER = "act_order"
DAMPING = 0.01
CURVE_FACTORS = np.geomspace(0.5, 2, 17)  # around 1 for SSQR, around what HPTQ found
FILE = Path(__file__).parents[1] / "clipping_study.json"


def study_layer(name: str, weight: Tensor, hessian: Tensor) -> dict[str, object]:
    """What the file holds of one layer.

    Parameters
    ----------
    name : str
    weight : (r, c) tensor
    hessian : (c, c) tensor
        Raw ``XᵀX``.
    """
    wide, raw = checked_layer(weight, hessian)
    factored = factor_hessian(raw, order=ORDER, damping=DAMPING)
    runs = {
        (method, bits): _run(wide, factored, method, bits)
        for bits in BITS
        for method in METHOD_NAMES
    }
    return {
        "layer": name,
        "rows": weight.shape[0],
        "columns": weight.shape[1],
        "variance": short(wide.square().mean().item()),
        "spectrum": _shorts(torch.linalg.eigvalsh(factored.damped)),
        "pivots": _shorts(factored.factor.pivots),
        "exponents": spacing_exponents(factored.factor.pivots).tolist(),
        "runs": [_run_record(run, bits) for (_, bits), run in runs.items()],
        "codes": [_codes_record(runs["hptq", bits], bits) for bits in BITS],
        "size_curves": [_size_curve(wide, factored, runs["hptq", bits], bits) for bits in BITS],
        "outlier_curves": [_outlier_curve(wide, factored, bits) for bits in BITS],
    }


def _settings(method: str, bits: int) -> Settings:
    size = bits + SCALE_BITS if method in ENTROPY_CODED else bits
    return Settings(method, bits=size, group_size=GROUP_SIZE)


def _run(weight: Tensor, hessian: FactoredHessian, method: str, bits: int) -> QuantizedLayer:
    return quantize_factored(weight, hessian, _settings(method, bits))


def _run_record(run: QuantizedLayer, bits: int) -> dict[str, object]:
    return {
        "method": run.method,
        "bits": bits,
        "bits_per_weight": short(run.bits_per_weight),
        "loss": short(run.loss),
        "relative_loss": short(run.relative_loss),
        "bound": short(run.bound),
        "clipped_fraction": short(run.clipped_fraction),
        "outlier_rate": short(run.outlier_rate),
        "factor": short(run.scale_factor),
        "trials": [
            {
                "factor": short(trial.factor),
                "measured": short(trial.measured),
                "too_small": short(trial.too_small),
                "enough": short(trial.enough) if isfinite(trial.enough) else None,
                "sample": trial.sample,
            }
            for trial in run.trials
        ],
    }


def _codes_record(run: QuantizedLayer, bits: int) -> dict[str, object]:
    """How often each code occurs, its word, and the bytes of both coders."""
    codes = run.codes.cpu().numpy()
    values, counts = np.unique(codes, return_counts=True)
    record: dict[str, object] = {
        "bits": bits,
        "values": values.tolist(),
        "counts": counts.tolist(),
    }
    for coder in ("huffman", "ans"):
        encoded = encode_codes(codes, coder)
        if not np.array_equal(decode_codes(encoded), codes):
            raise AssertionError(f"{coder} does not give back the codes that were encoded")
        record[f"{coder}_stream_bytes"] = len(encoded.stream)
        record[f"{coder}_table_bytes"] = len(pack_arrays(encoded.side))
        if coder == "huffman":
            words = code_words(encoded)
            record["words"] = [words[value] for value in values.tolist()]
    return record


def _size_curve(
    weight: Tensor, hessian: FactoredHessian, run: QuantizedLayer, bits: int
) -> dict[str, object]:
    factors = run.scale_factor * CURVE_FACTORS
    problem = LayerProblem(weight, hessian, _settings("hptq", bits))
    sizes = stored_sizes(problem, one_scale, decode, factors.tolist())
    return {"bits": bits, "factors": _shorts(factors), "measured": _shorts(sizes)}


def _outlier_curve(weight: Tensor, hessian: FactoredHessian, bits: int) -> dict[str, object]:
    problem = LayerProblem(weight, hessian, _settings("ssqr", bits))
    rates = outlier_rates(problem, CURVE_FACTORS.tolist())
    return {"bits": bits, "factors": _shorts(CURVE_FACTORS), "measured": _shorts(rates)}


def record_clipping_study() -> dict[str, object]:
    """Everything that the file holds: the provenance, then the layers."""
    began = time.perf_counter()
    loaded = load_model()
    text = embedded_text("calibration")
    hessians = collect_hessians(loaded, tokenize(loaded, text, TOKENS), layers=LAYERS)
    linears = linear_layers(loaded.model)
    layers = []
    for name in LAYERS:
        layers.append(study_layer(name, linears[name].weight.detach(), hessians[name]))
        print(f"{time.perf_counter() - began:.0f} s: {name}", file=sys.stderr, flush=True)
    return {
        **provenance("clipping_study", began, text),
        "tokens": TOKENS,
        "group_size": GROUP_SIZE,
        "scale_rule": Settings("gptq").scale_rule,
        "order": ORDER,
        "damping": DAMPING,
        "layers": layers,
    }


def _shorts(values: object) -> list[float]:
    return [short(float(value)) for value in values]  # type: ignore[attr-defined]


def main() -> None:
    """Print the study, or write the file."""
    print_or_record(record_clipping_study, FILE, __doc__)


if __name__ == "__main__":
    main()
