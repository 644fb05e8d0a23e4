"""What each search takes off nearest plane's loss on recorded layers: calibrated, and held out. Pure."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import percent
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET
from app.figures.study_axes import layout
from lattice_core.recorded_search_study import Decoder, RecordedSearchStudy

COLORS = {4: LEG, 16: PLANE, 64: ANSWER, 1: TARGET}
SYMBOLS = {4: "triangle-up", 16: "circle", 64: "diamond", 1: "square"}


def search_gains(study: RecordedSearchStudy, decoders: Sequence[Decoder]) -> go.Figure:
    """A row a layer; filled on the text calibrated with, hollow on held-out text."""
    names = [short_layer(name) for name in study.layers]
    traces = []
    for decoder in decoders:
        calibrated, held_out = study.taken_off(decoder)
        for shares, hollow, text in (
            (calibrated, False, "calibrated"),
            (held_out, True, "held out"),
        ):
            symbol = SYMBOLS[decoder.k] + ("-open" if hollow else "")
            traces.append(
                go.Scatter(
                    x=100 * shares,
                    y=names,
                    mode="markers",
                    name=f"{decoder_name(decoder)}, {text}",
                    marker={
                        "color": COLORS[decoder.k],
                        "symbol": symbol,
                        "size": 12,
                        "line": {"width": 2},
                    },
                    hovertemplate=f"{decoder_name(decoder)}, {text}<br>%{{y}}: %{{x:.3g}} %<extra></extra>",
                )
            )
    x = {"title": {"text": "taken off nearest plane's loss"}, "ticksuffix": " %"}
    figure = go.Figure(traces, layout(460, x, {"autorange": "reversed"}))
    figure.update_layout(legend={"y": -0.2})
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1.5})
    return figure


def short_layer(name: str) -> str:
    """``block 10 q_proj`` of ``model.layers.10.self_attn.q_proj``."""
    parts = name.split(".")
    return f"block {parts[2]} {parts[-1]}"


def decoder_name(decoder: Decoder) -> str:
    """``K = 16``, or the search's name."""
    if decoder.search == "k_best":
        return f"K = {decoder.k}"
    return decoder.search.replace("_", " ")


def share_range(shares: np.ndarray) -> str:
    """``4.1 % to 9.8 %``."""
    return f"{percent(float(np.min(shares)))} to {percent(float(np.max(shares)))}"
