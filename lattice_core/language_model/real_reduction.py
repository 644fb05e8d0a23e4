"""Inputs of real layers to reduce in a lesson, and LLL and BKZ on whole layers.

``python -m lattice_core.language_model.real_reduction`` writes ``lattice_core/real_reduction.json``,
which `lattice_core.recorded_reduction` reads, so that the lesson needs neither torch nor the model.

Whole layers: of the first, a middle and the last block, all inputs of three kinds, sorted by
min-pivot, then reduced by LLL, then by BKZ. Slices, for the lesson to reduce itself: of `SLICED` every
`STRIDE`-th input, so that nobody picks by hand.
"""

import argparse
import json
import platform
import time
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lattice_core.bkz import BlockReduction, bkz_tours
from lattice_core.inputs import FloatArray, damped
from lattice_core.language_model.calibrate import collect_hessians
from lattice_core.language_model.load import load_model
from lattice_core.language_model.model_file import MODEL_FILE_SHA256, MODEL_NAME
from lattice_core.language_model.text import embedded_text, tokenize
from lattice_core.recorded_reduction import RECORDED, LayerPivotSums
from lattice_core.reduction_contest import min_pivot_basis

KINDS = ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj")
LAYERS = tuple(f"model.layers.{block}.{kind}" for block in (0, 15, 29) for kind in KINDS)
SLICED = ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.o_proj", LAYERS[5])
STRIDE = 9  # 64 of 576 inputs
TOKENS = 16384
DAMPING = 0.01
DELTA = 0.99
BLOCK_SIZE = 20
MAX_TOURS = 4
FILE = Path(__file__).parents[1] / RECORDED


def pivot_sums(layer: str, hessian: FloatArray) -> LayerPivotSums:
    """Min-pivot, LLL and BKZ on all inputs of a layer.

    Parameters
    ----------
    layer : str
    hessian : (c, c) array
        Raw ``XᵀX``.
    """
    start = min_pivot_basis(damped(hessian, DAMPING))
    began = time.perf_counter()
    lll, *_, bkz = bkz_tours(start, BLOCK_SIZE, delta=DELTA, max_tours=MAX_TOURS, max_seconds=600.0)
    return LayerPivotSums(
        layer=layer,
        columns=len(hessian),
        min_pivot=float(np.sum(np.diag(start.gram_schmidt()[1]) ** 2)),
        lll=_pivot_sum(lll),
        bkz=_pivot_sum(bkz),
        lll_swaps=lll.swaps,
        bkz_insertions=bkz.insertions,
        bkz_ended=bkz.ended,
        seconds=round(time.perf_counter() - began, 1),
    )


def _pivot_sum(reduction: BlockReduction) -> float:
    return float(np.sum(np.diag(reduction.lattice.gram_schmidt()[1]) ** 2))


def as_slice(layer: str, hessian: FloatArray) -> dict[str, object]:
    """Every so many inputs of a layer, with five significant digits."""
    inputs = list(range(0, len(hessian), STRIDE))
    small = hessian[np.ix_(inputs, inputs)]
    triangle = [float(f"{value:.5g}") for value in small[np.triu_indices(len(inputs))]]
    return {"layer": layer, "inputs": inputs, "upper_triangle": triangle}


def record_reduction() -> dict[str, object]:
    """Everything that the file holds: the provenance, the whole layers, the slices."""
    loaded = load_model()
    text = embedded_text("calibration")
    tokens = tokenize(loaded, text, TOKENS)
    hessians = {
        name: hessian.numpy()
        for name, hessian in collect_hessians(loaded, tokens, layers=LAYERS).items()
    }
    layers = []
    for name in LAYERS:
        layers.append(pivot_sums(name, hessians[name]))
        print(layers[-1], flush=True)
    return {
        "model": MODEL_NAME,
        "model_sha256": MODEL_FILE_SHA256,
        "text": text.source,
        "text_sha256": text.sha256,
        "tokens": TOKENS,
        "damping": DAMPING,
        "delta": DELTA,
        "block_size": BLOCK_SIZE,
        "max_tours": MAX_TOURS,
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "fpylll")},
        },
        "command": "python -m lattice_core.language_model.real_reduction",
        "layers": [asdict(layer) for layer in layers],
        "slices": [as_slice(name, hessians[name]) for name in SLICED],
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Reduce the inputs of real layers.")
    parser.add_argument("--output", type=Path, default=FILE)
    output = parser.parse_args().output
    output.write_text(json.dumps(record_reduction()) + "\n", encoding="utf-8")
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
