"""Losses against damping: of one row with their bounds, and of layers on held-out inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf

import numpy as np
import plotly.graph_objects as go

from app.figures.damping_path import damping_name
from app.figures.numbers import percent, short, vector
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET
from app.figures.study_axes import layout, log_axis
from lattice_core.damping_path import DampedRounding, DampingCurve
from lattice_core.inputs import FloatArray

# λ = 0 and λ = ∞ have no place on a logarithmic axis: they stand at its ends.
LEAST, MOST = 2e-4, 5e3
AXIS = {
    "type": "log",
    "title": {"text": "damping λ"},
    "range": [np.log10(LEAST) - 0.25, np.log10(MOST) + 0.25],
    "tickvals": [LEAST, 1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, MOST],
    "ticktext": ["0", "0.001", "0.01", "0.1", "1", "10", "100", "1000", "∞"],
}


@dataclass(frozen=True)
class Look:
    """How one quantity is drawn."""

    name: str
    color: str
    dash: str
    symbol: str


UNDAMPED = Look("loss on the data", TARGET, "solid", "circle")
DAMPED = Look("damped loss", LEG, "dash", "diamond")
BOUND = Look("bound with the damped H", ANSWER, "solid", "triangle-up")
WRONG = Look("bound with H alone", NEUTRAL, "dot", "x-thin")


def loss_by_damping(
    curve: DampingCurve,
    path: Sequence[DampedRounding],
    *,
    here: float,
    own: float,
    nearest: float,
) -> go.Figure:
    """Both losses and both bounds of one row; the steps of the picture are the marks.

    Parameters
    ----------
    curve : DampingCurve
    path : sequence of DampedRounding
        The steps, 0 and ∞ among them.
    here, own : float
        The λ of the step on show, and of the problem itself.
    nearest : float
        The loss of round-to-nearest on the data.
    """
    looks = {
        BOUND: (curve.bounds, [step.bound for step in path]),
        DAMPED: (curve.damped_losses, [step.damped_loss for step in path]),
        UNDAMPED: (curve.undamped_losses, [step.undamped_loss for step in path]),
        WRONG: (curve.undamped_bounds, [step.undamped_bound for step in path]),
    }
    traces = []
    for look, (along, at_steps) in looks.items():
        traces += [_line(curve.dampings, along, look), _marks(path, at_steps, look, here)]
    traces.append(_level("round to nearest, on the data", nearest))
    shown = [
        value
        for trace in traces
        for value in trace.y
        if value is not None and 0 < value < inf  # an error of exactly 0 has no logarithm
    ]
    high = max(shown)
    low = max(min(shown), 1e-12 * high)  # less is rounding error
    traces.append(_own_damping(own, (low, high)))
    return go.Figure(
        traces, go.Layout(layout(440, AXIS, log_axis("squared error", low, high, room=1.6)))
    )


@dataclass(frozen=True)
class HeldOut:
    """A layer calibrated once for each damping.

    Attributes
    ----------
    name : str
        What it was calibrated with.
    color, symbol : str
    held_out, own : (m,) array
        Relative losses on inputs not seen, and on those calibrated with.
    """

    name: str
    color: str
    symbol: str
    held_out: FloatArray
    own: FloatArray


def held_out_by_damping(
    dampings: Sequence[float], series: Sequence[HeldOut], nearest: float
) -> go.Figure:
    """Losses on held-out inputs (solid) and on the calibration inputs (dotted), the least ringed.

    Parameters
    ----------
    dampings : sequence of m float
        λ > 0.
    series : sequence of HeldOut
    nearest : float
        Round-to-nearest's, on held-out inputs.
    """
    traces = []
    for one in series:
        for losses, kind, dash in ((one.held_out, "held out", "solid"), (one.own, "seen", "dot")):
            traces.append(
                go.Scatter(
                    x=list(dampings),
                    y=list(losses),
                    mode="lines+markers",
                    name=f"{one.name}, {kind}",
                    line={"color": one.color, "dash": dash, "width": 2.5 if dash == "solid" else 2},
                    marker={"symbol": one.symbol, "color": one.color, "size": 7},
                    opacity=1 if dash == "solid" else 0.75,
                    hovertemplate=f"λ = %{{x:.3g}}: %{{y:.3%}}<extra>{one.name}, {kind}</extra>",
                )
            )
        least = int(np.argmin(one.held_out))
        traces.append(
            go.Scatter(
                x=[dampings[least]],
                y=[one.held_out[least]],
                mode="markers",
                showlegend=False,
                name=f"{one.name}: least",
                marker={
                    "symbol": "circle-open",
                    "size": 18,
                    "color": one.color,
                    "line": {"width": 3},
                },
                hovertemplate=f"least at λ = {dampings[least]:.3g}: "
                f"{percent(float(one.held_out[least]))}<extra>{one.name}</extra>",
            )
        )
    traces.append(_level("round to nearest, held out", nearest, (dampings[0], dampings[-1])))
    values = [float(v) for one in series for v in (*one.held_out, *one.own)] + [nearest]
    low, high = np.log10(dampings[0]) - 0.15, np.log10(dampings[-1]) + 0.15
    ticks = [10.0**k for k in range(-4, 3) if low <= k <= high]
    x = {
        "type": "log",
        "title": {"text": "damping λ"},
        "range": [low, high],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
    y = log_axis("loss, share of the output", min(values), max(values), percent=True)
    return go.Figure(traces, go.Layout(layout(440, x, y)))


def _line(dampings: FloatArray, values: FloatArray, look: Look) -> go.Scatter:
    return go.Scatter(
        x=list(dampings),
        y=[_drawn(value) for value in values],
        mode="lines",
        name=look.name,
        line={"color": look.color, "dash": look.dash, "width": 2.5},
        hovertemplate=f"λ = %{{x:.3g}}: %{{y:.4g}}<extra>{look.name}</extra>",
    )


def _marks(
    path: Sequence[DampedRounding], values: Sequence[float], look: Look, here: float
) -> go.Scatter:
    texts = [
        f"λ = {damping_name(step.damping)}, z = {vector(step.codes)}: {short(value)}"
        for step, value in zip(path, values, strict=True)
    ]
    return go.Scatter(
        x=[_place(step.damping) for step in path],
        y=[_drawn(value) for value in values],
        text=texts,
        mode="markers",
        name=look.name,
        showlegend=False,
        marker={
            "symbol": look.symbol,
            "color": look.color,
            "size": [15 if step.damping == here else 8 for step in path],
            "line": {"color": look.color, "width": 2},
        },
        hovertemplate=f"%{{text}}<extra>{look.name}</extra>",
    )


def _level(name: str, value: float, ends: tuple[float, float] = (LEAST, MOST)) -> go.Scatter:
    return go.Scatter(
        x=list(ends),
        y=[_drawn(value)] * 2,
        mode="lines",
        name=name,
        line={"color": PLANE, "dash": "longdash", "width": 2},
        hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
    )


def _own_damping(damping: float, ends: tuple[float, float]) -> go.Scatter:
    name = f"the problem's λ = {damping:g}"
    return go.Scatter(
        x=[_place(damping)] * 2,
        y=list(ends),
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": "dashdot", "width": 1.5},
        hovertemplate=f"{name}<extra></extra>",
    )


def _place(damping: float) -> float:
    return LEAST if damping == 0 else MOST if isinf(damping) else min(max(damping, LEAST), MOST)


def _drawn(value: float) -> float | None:
    """On a logarithmic axis there is no 0, and no ∞."""
    return float(value) if 0 < value < inf else None
