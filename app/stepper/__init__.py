"""The one custom component: shows a plotly figure with frames, steps through it, drags its points.

Python decides what is drawn; the browser only shows it. The figure arrives with one frame a step, so stepping needs
no server; the server is told where the browser stopped and where a point was dragged. There is no lattice
arithmetic in ``stepper.js``.

Two parts. The figure is in a fragment of its own: while a point is dragged, only the figure is answered, at once.
Where the visitor stopped (a step, a point let go) is told through a second, invisible component in the page itself,
so that the whole page follows. (``st.rerun`` in the fragment would do the same, but with quick steps the figure is now
and then taken down and put up again, and loses its camera.)

Who is ahead? Each thing the visitor does in the browser carries a growing ``count``. Every answer echoes the last
count that Python had seen. While the echo lags behind, the browser keeps its own step and points, because the answer
is older than the visitor's hand; once it has caught up, the browser follows the server, whatever it says.
"""

import json
from collections.abc import Callable
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st

# Called with a handle's name, where it is now, and whether it was let go.
OnDrag = Callable[[str, float, float, bool], None]

# In the session: of each figure, the count of the last event that it has answered.
_HEARD = "stepper_heard"

# Relative, so that it also works behind a proxy's prefix; the version makes browsers drop an older cached copy.
_PLOTLY_URL = f"app/static/plotly.min.js?v={plotly.__version__}"


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "nearest_plane_stepper",
    html=_text("stepper.html"),
    css=_text("stepper.css"),
    js=_text("marks.js") + _text("stepper.js"),
    isolate_styles=False,  # plotly puts its own rules into document.head, out of reach of a shadow root
)


# Tells the page where the visitor stopped, and the stepper what the page has heard; they meet under the stepper's name.
_tell = st.components.v2.component(
    "nearest_plane_stepper_tell",
    js="""export default function ({ data, setStateValue }) {
        window.__stepperTell ??= {};
        window.__stepperTell[data.name] = { tell: setStateValue, heard: data.heard };
    }""",
)


def stepper(
    draw: Callable[[], go.Figure],
    *,
    key: str,
    step: int,
    on_step: Callable[[int], None],
    on_drag: OnDrag | None = None,
    height: int = 520,
) -> None:
    """Show a figure with frames: buttons, keys and a scrub bar step through it, some of its points can be dragged.

    Parameters
    ----------
    draw : callable
        Returns the figure for what is on show now; called again for every position of a drag.
        Frame ``k`` is the picture at step ``k``, with plotly's meaning: ``frame.data[i]`` is merged into base trace
        ``frame.traces[i]``, ``frame.layout`` into the layout; objects attribute by attribute, lists as a whole.
        ``figure.layout.meta`` is a dict with

        - ``"sentences"``: plain text for every frame, shown below the figure and read by screen readers;
        - ``"handles"`` (optional): name of each point that may be dragged, to the index of its trace, a 2-D scatter
          of this one point; ``{"target": 3}``. A screen reader hears the trace's name;
        - ``"symbols"`` (optional): for every frame, what lights up for the symbols of a formula beside the figure;
          see `app.figures.symbol_marks` and `app.linked_formula`;
        - ``"narrow"`` (optional): layout patch for components narrower than 640 px.

        Colours of text, axes, legend and background follow the page's theme unless the figure sets them.
    key : str
        Unique on the page; also names the file that "Save image" downloads.
    step : int
        The step to show. The browser follows it whenever it has no newer step of its own. A step past the last frame
        shows the last, since a new figure may have fewer frames than the step in a link.
    on_step : callable
        ``on_step(step)`` is called before the page is rerun when the browser has stopped at another step.
    on_drag : callable, optional
        ``on_drag(handle, x, y, final)`` is called before the figure is drawn anew while a point is dragged, in the
        coordinates of its axes; ``final`` is true once it is let go: then the whole page is rerun.
    height : int
        Height of the figure in pixels, without the controls; ``meta["narrow"]["height"]`` replaces it when narrow.

    Raises
    ------
    ValueError
        If the figure has no frames, not one sentence a frame, or points to drag and no ``on_drag``.
    """

    def stopped() -> None:
        on_step(st.session_state[_teller(key)]["step"]["step"])

    def dropped() -> None:
        drag = st.session_state[_teller(key)]["drag"]
        if on_drag:
            on_drag(drag["handle"], drag["x"], drag["y"], True)

    with st.container(gap=None):
        _figure(draw, key, step, on_drag, height)
        _tell(
            key=_teller(key),
            data={"name": key, "heard": max(_counts(_teller(key)))},
            default={"step": None, "drag": None},
            on_step_change=stopped,
            on_drag_change=dropped,
            height="content",
        )


def speaks() -> bool:
    """Whether a figure has said something that no figure has answered yet; for callbacks of widgets.

    With every event the browser sends what its widgets show. While answers are on their way, that is what they
    showed before a drag changed it, and Streamlit takes it for a change by the visitor, who has no hand free for one.
    """
    heard: dict[str, int] = st.session_state.get(_HEARD, {})
    return any(max(_counts(key) + _counts(_teller(key))) > count for key, count in heard.items())


@st.fragment
def _figure(
    draw: Callable[[], go.Figure],
    key: str,
    step: int,
    on_drag: OnDrag | None,
    height: int,
) -> None:
    described = json.loads(draw().to_json())
    _require_contract(described, on_drag)
    echo = max(_counts(key) + _counts(_teller(key)))
    st.session_state.setdefault(_HEARD, {})[key] = echo

    def dragged() -> None:
        drag = st.session_state[key]["drag"]
        # One run may bring a drag and the drop after it, in either order: the older must not win.
        if on_drag and drag["count"] > max(_counts(_teller(key))):
            on_drag(drag["handle"], drag["x"], drag["y"], False)

    _mount(
        key=key,
        data={
            "figure": described,
            "step": step,
            "height": height,
            "echo": echo,
            "name": key,
            "plotly_url": _PLOTLY_URL,
        },
        default={"drag": None},
        on_drag_change=dragged,
        height="content",
    )


def _teller(key: str) -> str:
    return f"{key}_tell"


def _counts(key: str) -> list[int]:
    """The counts of the events that Python has last seen from this component."""
    state = st.session_state.get(key) or {}
    events = (state.get(name) for name in ("step", "drag"))
    return [0, *(event["count"] for event in events if event)]


def _require_contract(described: dict, on_drag: OnDrag | None) -> None:
    frames = described.get("frames") or []
    meta = described["layout"].get("meta") or {}
    sentences = meta.get("sentences") or []
    if not frames:
        raise ValueError("stepper: the figure has no frames; give it one go.Frame for each step.")
    if len(sentences) != len(frames):
        raise ValueError(
            f"stepper: {len(sentences)} sentences for {len(frames)} frames; "
            'put one for each frame into figure.layout.meta["sentences"].'
        )
    if meta.get("handles") and on_drag is None:
        raise ValueError("stepper: the figure has handles; pass on_drag, or leave handles out.")
