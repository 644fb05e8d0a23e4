"""Two and three inputs of a real layer, as the numbers that the lessons ship.

``python -m lattice_core.language_model.slices`` writes ``lattice_core/real_slices.json``, so that
lessons about real data need neither torch nor the model.

The rule, so that nobody picks by hand. Layer: `LAYER` of the packaged model, its Hessian from the
first `TOKENS` tokens of the embedded calibration text. Inputs: of all sets of 2 (3) whose pairwise
correlations ``|H_ij| / sqrt(H_ii H_jj)`` all lie in 0.5 … 0.9, the set whose weakest correlation is
strongest. Row: the first in which, with the row's own 3-bit scales and 1 % damping, no code is
clipped in either natural order, no centre lies within 0.02 of a tie, the two natural orders give
different codes, and round-to-nearest is more than 1.5 times as bad as either.
"""

import argparse
import json
import platform
from datetime import date
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from lattice_core.gptq import gptq
from lattice_core.inputs import FloatArray, damped
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import load_model
from lattice_core.language_model.model_file import MODEL_FILE_SHA256, MODEL_NAME
from lattice_core.language_model.text import embedded_text, tokenize
from lattice_core.layers.scales import expand_scales, weight_scales

LAYER = "model.layers.0.mlp.up_proj"
TOKENS = 16384
BITS = 3
GROUP_SIZE = 64
DAMPING = 0.01
WEAKEST, STRONGEST = 0.5, 0.9
FILE = Path(__file__).parents[1] / "real_slices.json"


def correlated_inputs(hessian: FloatArray, size: int) -> tuple[int, ...]:
    """The inputs that the module's rule names, ascending.

    Parameters
    ----------
    hessian : (c, c) array
        Raw ``XᵀX``.
    size : int
        2 or 3.
    """
    lengths = np.sqrt(np.diag(hessian))
    correlation = np.abs(hessian) / np.outer(lengths, lengths)
    allowed = np.triu((correlation > WEAKEST) & (correlation < STRONGEST), k=1)
    sets: list[tuple[int, ...]] = [(int(i), int(j)) for i, j in np.argwhere(allowed)]
    if size == 3:
        sets = [(i, j, int(k)) for i, j in sets for k in np.flatnonzero(allowed[i] & allowed[j])]
    return max(sets, key=lambda chosen: min(correlation[p] for p in combinations(chosen, 2)))


def telling_row(hessian: FloatArray, weights: FloatArray, scales: FloatArray) -> int:
    """The first row that the module's rule allows.

    Parameters
    ----------
    hessian : (k, k) array
        Of the chosen inputs, raw.
    weights, scales : (r, k) array
    """
    damped_hessian = damped(hessian, DAMPING)
    inputs = np.arange(len(hessian))
    for row, (w, s) in enumerate(zip(weights, scales, strict=True)):
        front, back = (
            gptq(damped_hessian, w, s, order, IntegerGrid(BITS)) for order in (inputs, inputs[::-1])
        )
        centers = np.concatenate([front.centers, back.centers, w / s])
        error = s * nearest_codes(w / s, IntegerGrid(BITS)) - w
        nearest_loss = error @ damped_hessian @ error
        if (
            not (front.clipped or back.clipped)
            and (np.abs(centers - np.floor(centers) - 0.5) > 0.02).all()
            and (front.codes != back.codes).any()
            and nearest_loss > 1.5 * max(front.squared_distance, back.squared_distance)
        ):
            return row
    raise ValueError("no row of the layer fits the rule; choose another layer.")


def six_digits(values: FloatArray) -> list[float] | list[list[float]]:
    """An array as nested lists of numbers with six significant digits."""
    return np.vectorize(lambda value: float(f"{value:.6g}"))(values).tolist()


def record_slices() -> dict[str, object]:
    """Run the rule; everything that the file holds."""
    loaded = load_model()
    text = embedded_text("calibration")
    tokens = tokenize(loaded, text, TOKENS)
    hessian = collect_hessians(loaded, tokens, layers=[LAYER])[LAYER].numpy()
    weight = linear_layers(loaded.model)[LAYER].weight.detach().double()
    compact = weight_scales(weight, bits=BITS, rule="mse", group_size=GROUP_SIZE)
    scales = expand_scales(compact, group_size=GROUP_SIZE, columns=weight.shape[1]).numpy()
    slices = []
    for size, name in ((2, "real_two_inputs"), (3, "real_three_inputs")):
        inputs = list(correlated_inputs(hessian, size))
        small = hessian[np.ix_(inputs, inputs)]
        row = telling_row(small, weight.numpy()[:, inputs], scales[:, inputs])
        slices.append(
            {
                "name": name,
                "layer": LAYER,
                "row": row,
                "inputs": inputs,
                "bits": BITS,
                "hessian": six_digits(small),
                "weights": six_digits(weight.numpy()[row, inputs]),
                "scales": six_digits(scales[row, inputs]),
            }
        )
    return {
        "model": MODEL_NAME,
        "model_sha256": MODEL_FILE_SHA256,
        "text": text.source,
        "text_sha256": text.sha256,
        "tokens": TOKENS,
        "scale_rule": f"mse, {BITS} bits, groups of {GROUP_SIZE} input columns",
        "damping": DAMPING,
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": version("transformers"),
        },
        "command": "python -m lattice_core.language_model.slices",
        "slices": slices,
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Record the slices of a real layer.")
    parser.add_argument("--output", type=Path, default=FILE)
    output = parser.parse_args().output
    output.write_text(json.dumps(record_slices(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
