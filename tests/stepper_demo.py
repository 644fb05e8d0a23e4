"""A small app around the stepper, for test_stepper.py: a flat page with a target, and a page with a 3-D scene.

The texts "Python saw …" show what the server was told; ``?delay=0.3`` makes every answer slow.
"""

import time

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from app.address_bar import show_link
from app.stepper import stepper

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#808080"


def flat_figure(target: tuple[float, float]) -> go.Figure:
    """81 lattice points and a path to the target on the second axes, its lengths as bars on the first; 5 steps."""
    figure = make_subplots(cols=2, column_widths=[0.35, 0.65], horizontal_spacing=0.1)
    i, j = (part.ravel() for part in np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)))
    figure.add_bar(x=["plane", "point"], y=[0, 0], name="distance", marker_color=GREEN)
    figure.add_scatter(
        x=i + 0.3 * j, y=0.9 * j, mode="markers", name="lattice", marker_color=GREY, row=1, col=2
    )
    figure.add_scatter(
        x=[], y=[], mode="lines", name="path", line={"color": BLUE, "width": 3}, row=1, col=2
    )
    for height in range(-2, 3):
        figure.add_scatter(
            x=[-6, 6],
            y=[0.9 * height] * 2,
            mode="lines",
            line_color=GREY,
            line_width=1,
            showlegend=False,
            row=1,
            col=2,
        )
    figure.add_scatter(
        x=[target[0]],
        y=[target[1]],
        mode="markers",
        name="target",
        marker={"color": ORANGE, "size": 11},
        row=1,
        col=2,
    )
    reach = 4 if abs(target[0]) < 3 else 6  # so that a drag changes the ranges
    figure.update_xaxes(range=[-reach, reach], row=1, col=2)
    figure.update_yaxes(range=[-3, 3], row=1, col=2)
    figure.update_yaxes(range=[0, 5], row=1, col=1)
    parts = np.linspace(0, 1, 5)
    figure.frames = [
        go.Frame(
            traces=[0, 2],
            data=[
                go.Bar(y=[part * abs(target[1]), part * abs(target[0])]),
                go.Scatter(x=[0, part * target[0]], y=[0, part * target[1]]),
            ],
            layout={
                "annotations": [
                    {"x": 0, "y": 2.6, "xref": "x2", "yref": "y2", "text": f"Part {part:.2f}"}
                ]
            },
        )
        for part in parts
    ]
    figure.update_annotations(showarrow=False)
    figure.layout.meta = {
        "sentences": [
            f"After {part:.0%} of the way the path ends at ({part * target[0]:.2f}, {part * target[1]:.2f}), "
            "measured from the origin of the lattice."
            for part in parts
        ],
        "handles": {"target": len(figure.data) - 1},
        "narrow": {
            "height": 640,
            "xaxis": {"domain": [0, 1]},
            "yaxis": {"domain": [0.72, 1]},
            "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0, 0.62]},
        },
    }
    return figure


def space_figure(seed: int) -> go.Figure:
    """About 200 lattice points, planes and edges; 5 steps move one plane."""
    basis = np.eye(3) + 0.3 * np.random.default_rng(seed).normal(size=(3, 3))
    codes = np.stack(np.meshgrid(*[np.arange(-3, 3)] * 3), -1).reshape(-1, 3)
    x, y, z = (codes @ basis).T
    figure = go.Figure()
    figure.add_scatter3d(
        x=x, y=y, z=z, mode="markers", name="lattice", marker={"size": 2, "color": GREY}
    )
    figure.add_scatter3d(
        x=x, y=y, z=z, mode="lines", name="edges", line={"color": GREEN, "width": 1}
    )
    corners = {
        "x": [-4, 4, 4, -4],
        "y": [-4, -4, 4, 4],
        "i": [0, 0],
        "j": [1, 2],
        "k": [2, 3],
        "opacity": 0.3,
    }
    figure.add_mesh3d(**corners, z=[0] * 4, color=BLUE, name="plane", showlegend=True)
    figure.add_mesh3d(**corners, z=[2] * 4, color=ORANGE, name="other plane", showlegend=True)
    figure.frames = [
        go.Frame(traces=[2], data=[go.Mesh3d(z=[height] * 4)]) for height in range(-2, 3)
    ]
    figure.layout.title = "A plane moves"
    figure.layout.scene.aspectmode = "data"
    figure.layout.meta = {
        "sentences": [f"The plane is at height {height}." for height in range(-2, 3)]
    }
    return figure


def answer_slowly() -> None:
    time.sleep(float(st.query_params.get("delay", 0)))


def keep_step(step: int) -> None:
    st.session_state.step = step


def flat_page() -> None:
    def keep_target(handle: str, x: float, y: float, final: bool) -> None:
        st.session_state.target = (x, y)
        st.session_state.drags = st.session_state.get("drags", 0) + (not final)
        st.session_state.drops = st.session_state.get("drops", 0) + final

    answer_slowly()
    step = st.session_state.setdefault("step", int(st.query_params.get("step", 0)))
    show_link(st.query_params.to_dict() | {"step": str(step)})
    target = st.session_state.get("target", (2.3, 1.4))
    stepper(
        lambda: flat_figure(st.session_state.get("target", (2.3, 1.4))),
        key="flat",
        step=step,
        on_step=keep_step,
        on_drag=keep_target,
        height=420,
    )
    st.button("Go to step 2", on_click=lambda: keep_step(2))
    st.button("Move the target", on_click=lambda: st.session_state.update(target=(-1.0, 0.5)))
    st.text_input("Words")
    st.write(f"Python saw step {step}")
    st.write(f"Python saw target {target[0]:.3f}, {target[1]:.3f}")
    st.write(
        f"Python saw {st.session_state.get('drags', 0)} drags and {st.session_state.get('drops', 0)} drops"
    )


def space_page() -> None:
    seed = st.session_state.setdefault("seed", 1)
    step = st.session_state.setdefault("space_step", 0)

    def redraw() -> None:
        st.session_state.seed += 1

    def space_step(step: int) -> None:
        st.session_state.space_step = step

    def second_step(step: int) -> None:
        st.session_state.second_step = step

    stepper(lambda: space_figure(seed), key="space", step=step, on_step=space_step)
    second = st.session_state.setdefault("second_step", 0)
    stepper(lambda: space_figure(seed), key="second", step=second, on_step=second_step)
    st.button("New figure", on_click=redraw)
    st.write(f"Python saw step {step}")


st.set_page_config(page_title="Stepper", layout="wide")
st.navigation(
    [st.Page(flat_page, title="Flat", default=True), st.Page(space_page, title="Space")],
    position="top",
).run()
