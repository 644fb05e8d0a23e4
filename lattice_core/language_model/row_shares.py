"""Loss over bound of every row of real layers, as the numbers that a lesson ships.

``python -m lattice_core.language_model.row_shares`` writes ``lattice_core/row_shares.json``, which
`lattice_core.recorded_row_shares` reads, so that the lesson needs neither torch nor the model.

One layer from the first block and one from the middle of the packaged model, each quantized twice:
with every code kept, where the bound of law L6 binds each row, and clipped to the grid, where it is
void for every row that has a clipped code (law L9).
"""

import argparse
import json
import platform
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import load_model
from lattice_core.language_model.model_file import MODEL_FILE_SHA256, MODEL_NAME
from lattice_core.language_model.text import embedded_text, tokenize
from lattice_core.layers.row_shares import layer_row_shares
from lattice_core.layers.scales import ScaleRule
from lattice_core.recorded_row_shares import LayerRowShares

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.15.mlp.down_proj")
TOKENS = 16384
BITS = 3
GROUP_SIZE = 64
ORDER = "act_order"
SCALE_RULE: ScaleRule = "mse"
DAMPING = 0.01
FILE = Path(__file__).parents[1] / "row_shares.json"


def as_record(shares: LayerRowShares) -> dict[str, object]:
    """What the file holds of one layer, its numbers with four significant digits."""
    return {
        name: value if isinstance(value, str | int) else [float(f"{share:.4g}") for share in value]
        for name, value in asdict(shares).items()
    }


def record_row_shares() -> dict[str, object]:
    """Everything that the file holds: the provenance, then the layers."""
    loaded = load_model()
    text = embedded_text("calibration")
    tokens = tokenize(loaded, text, TOKENS)
    hessians = collect_hessians(loaded, tokens, layers=LAYERS)
    linears = linear_layers(loaded.model)
    layers = []
    for name in LAYERS:
        weight = linears[name].weight.detach()
        shares = layer_row_shares(
            name,
            weight,
            hessians[name],
            bits=BITS,
            group_size=GROUP_SIZE,
            order=ORDER,
            damping=DAMPING,
            scale_rule=SCALE_RULE,
        )
        layers.append(as_record(shares))
    return {
        "model": MODEL_NAME,
        "model_sha256": MODEL_FILE_SHA256,
        "text": text.source,
        "text_sha256": text.sha256,
        "tokens": TOKENS,
        "bits": BITS,
        "group_size": GROUP_SIZE,
        "scale_rule": SCALE_RULE,
        "order": ORDER,
        "damping": DAMPING,
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": version("transformers"),
        },
        "command": "python -m lattice_core.language_model.row_shares",
        "layers": layers,
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Record loss over bound of real layers' rows.")
    parser.add_argument("--output", type=Path, default=FILE)
    output = parser.parse_args().output
    output.write_text(json.dumps(record_row_shares()) + "\n", encoding="utf-8")
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
