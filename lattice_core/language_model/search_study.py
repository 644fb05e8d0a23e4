"""What looking at more than one plane gains on real layers, and what of it is left on held-out text.

``python -m lattice_core.language_model.search_study --record`` writes
``lattice_core/search_study.json``, which `lattice_core.recorded_search_study` reads, so that the
lesson needs neither torch nor the model. Without ``--record`` it only prints.

Nearest plane, K-best (law L15) and coordinate descent after nearest plane (law L16), with codes kept
and clipped, in a good order and in its reverse. Times are processor seconds of one thread, so that
other work on the machine hardly counts.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import load_model
from lattice_core.language_model.study_file import print_or_record, provenance, short
from lattice_core.language_model.text import draw_windows, embedded_text
from lattice_core.layers import quantize_layer
from lattice_core.layers.audit_alternatives import column_entropy
from lattice_core.layers.hessian import damp
from lattice_core.layers.layer_problem import resolve_order_name
from lattice_core.recorded_search_study import Decoder

# K = 64 takes minutes on the 1,536 inputs of a down_proj: one of them.
LAYERS = (
    *(
        f"model.layers.{block}.self_attn.{part}"
        for block in (0, 10, 20)
        for part in ("q_proj", "o_proj")
    ),
    "model.layers.10.mlp.down_proj",
)
TOKENS = 16384
HELD_OUT_TOKENS = 8192
WINDOW = 512
SEED = 0
HOW: dict[str, Any] = {"bits": 3, "group_size": 64, "scale_rule": "mse", "damping": 0.01}
ORDER = "act_order"
FILE = Path(__file__).parents[1] / "search_study.json"

DECODERS = (
    *(
        Decoder(search, k, order, overflow)
        for order in ("good", "reversed")
        for overflow in ("keep", "clip")
        for search, k in (("nearest_plane", 1), ("coordinate_descent", 1))
    ),
    *(Decoder("k_best", k, "good", "keep") for k in (4, 16, 64)),
    Decoder("k_best", 16, "good", "clip"),
)


def study_layer(
    name: str,
    weight: Tensor,
    hessian: Tensor,
    held_out: Tensor,
    decoders: tuple[Decoder, ...] = DECODERS,
) -> dict[str, object]:
    """What the file holds of one layer, its numbers with five significant digits.

    Parameters
    ----------
    name : str
    weight : (r, c) tensor
    hessian, held_out : (c, c) tensor
        Raw ``XᵀX`` of the text calibrated with, and of the text judged on.
    decoders : tuple of Decoder
    """
    good = resolve_order_name(ORDER, damp(hessian.double(), HOW["damping"]))
    orders = {"good": good, "reversed": good[::-1].copy()}
    wide = weight.detach().double()
    energy = float(torch.linalg.vecdot(wide @ held_out, wide).sum())
    results = []
    for decoder in decoders:
        began = time.process_time()
        layer = quantize_layer(
            weight,
            hessian,
            order=orders[decoder.order],
            overflow=decoder.overflow,  # type: ignore[arg-type]
            decoder="k_best" if decoder.search == "k_best" else "nearest_plane",
            k=decoder.k,
            refine="coordinate_descent" if decoder.search == "coordinate_descent" else None,
            **HOW,
        )
        seconds = time.process_time() - began
        error = layer.dequantize() - wide
        results.append(
            {
                "loss": short(layer.loss),
                "held_out": short(
                    float(torch.linalg.vecdot(error @ held_out, error).sum()) / energy
                ),
                "relative_loss": short(layer.relative_loss),
                "clipped_fraction": short(layer.clipped_fraction),
                "entropy": short(column_entropy(layer.codes)),
                "seconds": short(seconds),
            }
        )
    return {
        "layer": name,
        "rows": weight.shape[0],
        "columns": weight.shape[1],
        "results": {key: [result[key] for result in results] for key in results[0]},
    }


def record_search_study() -> dict[str, object]:
    """Everything that the file holds: the provenance, then the layers."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    loaded = load_model()
    text, other = embedded_text("calibration"), embedded_text("evaluation")
    seen, judged = (
        collect_hessians(
            loaded,
            draw_windows(loaded, source, count, seed=SEED, window=WINDOW),
            layers=LAYERS,
            window=WINDOW,
        )
        for source, count in ((text, TOKENS), (other, HELD_OUT_TOKENS))
    )
    linears = linear_layers(loaded.model)
    layers = []
    for name in LAYERS:
        layers.append(study_layer(name, linears[name].weight.detach(), seen[name], judged[name]))
        print(f"{time.perf_counter() - began:.0f} s: {name}", flush=True)
    return {
        **provenance("search_study", began, text, other),
        "tokens": TOKENS,
        "held_out_tokens": HELD_OUT_TOKENS,
        "seed": SEED,
        "window": WINDOW,
        "order": ORDER,
        **HOW,
        "decoders": [asdict(decoder) for decoder in DECODERS],
        "layers": layers,
    }


def main() -> None:
    """Print the study, or write the file."""
    print_or_record(record_search_study, FILE, __doc__)


if __name__ == "__main__":
    main()
