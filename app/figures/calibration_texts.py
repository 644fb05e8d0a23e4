"""Calibrated on one text, judged on another: a table of losses, and the losses by damping."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import LEG, NEUTRAL, PLANE
from lattice_core.inputs import FloatArray

CLEAR = "rgba(0, 0, 0, 0)"
NEAREST = "round to<br>nearest"
ROW, FRAME = 62, 90  # pixels
SHADES = [[0, "#F2F7FA"], [1, "#56B4E9"]]  # the darker, the worse; dark text can be read on all
INK = "#0B0E11"


def transfer_table(
    texts: tuple[str, ...], losses: FloatArray, nearest_losses: FloatArray
) -> go.Figure:
    """One row for each text calibrated on, one for round-to-nearest; one column a text judged on.

    Parameters
    ----------
    texts : tuple of k str
    losses : (k, k) array
        Relative; ``[i, j]``: calibrated on i, judged on j.
    nearest_losses : (k,) array

    Notes
    -----
    Losses compare within a column. So a cell is shaded by its loss over the loss that calibrating
    on the column's own text has, on a log scale up to the worst text; round-to-nearest may lie
    beyond.
    """
    rows = [*texts, NEAREST]
    shares = np.vstack([losses, nearest_losses])
    factors = shares / np.diagonal(losses)
    darkest = max(np.log(factors[:-1]).max(), np.log(1.5))
    cells = [
        [f"<b>{100 * share:.3g}</b><br>{f:.3g} ×" for share, f in zip(*row, strict=True)]
        for row in zip(shares, factors, strict=True)
    ]
    return go.Figure(
        go.Heatmap(
            x=list(texts),
            y=rows,
            z=np.log(factors),
            zmin=0,
            zmax=darkest,
            text=cells,
            customdata=factors,
            texttemplate="%{text}",
            textfont={"color": INK, "size": 12},  # five cells fit side by side on a phone
            colorscale=SHADES,
            showscale=False,
            xgap=3,
            ygap=3,
            hovertemplate="calibrated on %{y}, judged on %{x}: %{customdata:.4g} times the loss of "
            "calibrating on %{x}<extra></extra>",
        ),
        go.Layout(
            height=ROW * len(rows) + FRAME,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            xaxis={
                "title": {"text": "judged on"},
                "side": "top",
                "type": "category",
                "fixedrange": True,
                "showgrid": False,
                "automargin": True,
            },
            yaxis={
                "title": {"text": "calibrated on"},
                "type": "category",
                "autorange": "reversed",
                "fixedrange": True,
                "showgrid": False,
                "automargin": True,
            },
        ),
    )


def damping_figure(
    dampings: Sequence[float], own: FloatArray, held_out: FloatArray, nearest: float, here: float
) -> go.Figure:
    """The loss on the text calibrated on and on the other, by damping.

    Parameters
    ----------
    dampings : sequence of m float
        Equally far apart in the picture.
    own, held_out : (m,) array
        Relative losses.
    nearest : float
        Round-to-nearest's, on the other text.
    here : float
        The damping on show.
    """
    places = [f"{damping:g}" for damping in dampings]
    looks = (
        ("on the other text", held_out, PLANE, "solid", "circle"),
        ("on the text calibrated on", own, LEG, "dash", "diamond"),
        ("round to nearest, on the other text", np.full(len(places), nearest), NEUTRAL, "dot", ""),
    )
    lines = [
        go.Scatter(
            x=places,
            y=losses,
            mode="lines+markers" if symbol else "lines",
            name=name,
            line={"color": color, "dash": dash, "width": 2.5},
            marker={
                "symbol": symbol or "circle",
                "color": color,
                "size": [16 if damping == here else 8 for damping in dampings],
            },
            hovertemplate=f"λ = %{{x}}: %{{y:.3%}}<extra>{name}</extra>",
        )
        for name, losses, color, dash, symbol in looks
    ]
    return go.Figure(
        lines,
        go.Layout(
            height=380,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={"title": {"text": "damping λ"}, "type": "category", "automargin": True},
            yaxis={
                "title": {"text": "loss, share of the output"},
                "type": "log",
                "tickformat": ".2~%",
                "dtick": "D2",
                "automargin": True,
            },
        ),
    )
