"""How much damping a real layer wants: loss on held-out text, calibrated with few and many tokens.

``python -m lattice_core.language_model.damping_study --record`` writes
``lattice_core/damping_study.json``, which `lattice_core.recorded_damping_study` reads, so that the
lesson needs neither torch nor the model. Without ``--record`` it only prints.

Codes are kept, not clipped: damping alone decides.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import LoadedModel, load_model
from lattice_core.language_model.study_file import print_or_record, provenance, short
from lattice_core.language_model.text import draw_windows, embedded_text
from lattice_core.layers.calibration_transfer import calibration_transfer

LAYERS = tuple(
    f"model.layers.{block}.{part}"
    for block in (0, 10, 20)
    for part in ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj")
)
DAMPINGS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
TOKENS = (512, 2048, 16384)
HELD_OUT_TOKENS = 16384
WINDOW = 512
SEED = 0
HOW: dict[str, Any] = {
    "bits": 4,
    "group_size": 64,
    "scale_rule": "absmax",
    "overflow": "keep",
    "order": "act_order",
}
HELD_OUT = "held out"
FILE = Path(__file__).parents[1] / "damping_study.json"


def study_layer(
    name: str,
    weight: Tensor,
    hessians: Mapping[int, Tensor],
    held_out: Tensor,
    dampings: Sequence[float] = DAMPINGS,
) -> dict[str, object]:
    """What the file holds of one layer, its numbers with five significant digits.

    Parameters
    ----------
    name : str
    weight : (r, c) tensor
    hessians : mapping of int to (c, c) tensor
        Raw ``XᵀX`` by the number of tokens calibrated with.
    held_out : (c, c) tensor
        Raw ``XᵀX`` of the text judged on.
    dampings : sequence of float
    """
    texts = {str(count): hessian for count, hessian in hessians.items()} | {HELD_OUT: held_out}
    transfers = [
        calibration_transfer(weight, texts, damping=damping, **HOW) for damping in dampings
    ]
    count = len(hessians)
    return {
        "layer": name,
        "rows": weight.shape[0],
        "columns": weight.shape[1],
        "own": [[short(t.own[i]) for t in transfers] for i in range(count)],
        "held_out": [[short(t.losses[i, -1]) for t in transfers] for i in range(count)],
        "informed": [short(t.own[-1]) for t in transfers],
        "nearest": short(transfers[0].nearest_losses[-1]),
    }


def record_damping_study() -> dict[str, object]:
    """Everything that the file holds: the provenance, then the layers."""
    began = time.perf_counter()
    loaded = load_model()
    text, other = embedded_text("calibration"), embedded_text("evaluation")
    seen = draw_windows(loaded, text, max(TOKENS), seed=SEED, window=WINDOW)
    hessians = {count: _hessians(loaded, seen[:count]) for count in TOKENS}
    held_out = _hessians(
        loaded, draw_windows(loaded, other, HELD_OUT_TOKENS, seed=SEED, window=WINDOW)
    )
    linears = linear_layers(loaded.model)
    layers = []
    for name in LAYERS:
        of_layer = {count: found[name] for count, found in hessians.items()}
        layers.append(study_layer(name, linears[name].weight.detach(), of_layer, held_out[name]))
        print(f"{time.perf_counter() - began:.0f} s: {name}", flush=True)
    return {
        **provenance("damping_study", began, text, other),
        "tokens": TOKENS,
        "held_out_tokens": HELD_OUT_TOKENS,
        "seed": SEED,
        "window": WINDOW,
        **HOW,
        "dampings": DAMPINGS,
        "layers": layers,
    }


def _hessians(loaded: LoadedModel, tokens: Tensor) -> dict[str, Tensor]:
    print(f"Hessians of {len(tokens):,} tokens", flush=True)
    return collect_hessians(loaded, tokens, layers=LAYERS, window=WINDOW)


def main() -> None:
    """Print the study, or write the file."""
    print_or_record(record_damping_study, FILE, __doc__)


if __name__ == "__main__":
    main()
