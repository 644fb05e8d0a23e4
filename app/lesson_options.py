"""What a lesson lets one choose beside the problem: a few named choices each, all of them in links.

A link says ``?name=code`` with the keys below; a page shows the widgets of its own options and
names them when it mirrors itself in the address bar.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.session_link import cut
from app.stepper import speaks


@dataclass(frozen=True)
class LessonOption:
    """One choice.

    Attributes
    ----------
    title : str
        Label of its widget.
    choices : dict of str
        What the widget shows, by what a link says.
    default : str
        A key of `choices`; left out of links.
    help : str
        Tooltip of the widget.
    """

    title: str
    choices: Mapping[str, str]
    default: str
    help: str = ""


OPTIONS: dict[str, LessonOption] = {
    "turn": LessonOption(
        "Turn the picture",
        {str(degrees): f"{degrees}°" for degrees in range(360)},
        "0",
        "From the horizontal to the first basis vector.",
    ),
    "mirror": LessonOption(
        "Turn it over", {"no": "As it is", "yes": "Turned over"}, "no", "The picture in a mirror."
    ),
    "delta": LessonOption(
        "δ of Lovász's test",
        {delta: delta for delta in ("0.5", "0.75", "0.99", "1.0")},
        "0.99",
        "Two neighbours are exchanged if the later is shorter by more than this. Near 1 the basis "
        "gets better and the work more.",
    ),
    "contest": LessonOption(
        "Lattice",
        {
            "random": "Random",
            "decaying": "Ill conditioned",
            "real0": "Real: block 0, attention input",
            "real1": "Real: block 0, attention output",
            "real2": "Real: block 15, MLP input",
        },
        "decaying",
        "Random: Gaussian inputs, as many samples as inputs. Ill conditioned: eigenvalues from 1 "
        "down to a millionth. Real: inputs of a layer of the language model, evenly spread.",
    ),
    "reduced": LessonOption(
        "Inputs", {size: size for size in ("10", "16", "24", "32", "40", "50", "60")}, "32"
    ),
    "block": LessonOption(
        "Block size of BKZ",
        {size: size for size in ("2", "5", "10", "15", "20", "25", "30")},
        "10",
        "How many vectors BKZ looks at together. 2 is LLL.",
    ),
    "sorted": LessonOption(
        "LLL starts from",
        {"front_to_back": "front to back", "back_to_front": "back to front"},
        "front_to_back",
    ),
    "search": LessonOption(
        "Search",
        {
            "k_best": "K-best",
            "klein": "Klein's dice",
            "enumeration": "Exact enumeration",
            "coordinate_descent": "Coordinate descent",
        },
        "k_best",
    ),
    "beam": LessonOption(
        "K",
        {count: count for count in ("1", "2", "4", "8", "16")},
        "2",
        "K-best: partial codes kept at each level. Klein's dice: runs, the best of which is kept.",
    ),
    "temperature": LessonOption(
        "Temperature of the dice",
        {warmth: warmth for warmth in ("0.1", "0.2", "0.3", "0.5", "0.8")},
        "0.3",
        "Cold dice take the nearest integer almost always. Hot ones often take another.",
    ),
    "dice": LessonOption(
        "Throw",
        {str(seed): f"{seed + 1}" for seed in range(8)},
        "0",
        "Other dice: the seed of the random numbers.",
    ),
    "toy_bits": LessonOption(
        "Bits of the grid", {bits: f"{bits} bits" for bits in ("2", "3", "4")}, "3"
    ),
    "outliers": LessonOption(
        "Outliers allowed, at most",
        {count: count for count in ("0", "1", "2", "3")},
        "3",
        "Of the 14 weights. The least factor that leaves no more is looked for.",
    ),
    "coded_size": LessonOption(
        "Stored bits a weight",
        {size: size for size in ("2", "2.25", "2.5")},
        "2.25",
        "Table and scale are counted in.",
    ),
    "kept_layer": LessonOption(
        "Recorded layer",
        {
            "0.self_attn.q_proj": "Block 0, q_proj",
            "15.self_attn.o_proj": "Block 15, o_proj",
            "15.mlp.down_proj": "Block 15, down_proj",
        },
        "15.mlp.down_proj",
    ),
    "kept_bits": LessonOption(
        "Size",
        {bits: f"{bits} bits and a quarter" for bits in ("2", "3", "4")},
        "3",
        "The grid's bits, and 16 for the scale of 64 weights. The entropy-coded methods get the same size.",
    ),
    "wrong": LessonOption(
        "GPTQ's world",
        {
            "right": "The right world",
            "no_propagation": "Propagate nothing",
            "whole_inverse": "Invert the whole Hessian",
        },
        "right",
    ),
    "wrong_outliers": LessonOption(
        "SSQR's world",
        {"right": "The right world", "forget_outliers": "Forget the outliers' error"},
        "right",
    ),
    "rotate": LessonOption(
        "Rotate the inputs (Hadamard)",
        {"none": "As they are", "hadamard": "Rotated"},
        "none",
        "Mixes all inputs by an orthonormal matrix, and the weights the other way round. "
        "Before rounding nothing changes.",
    ),
    "seen": LessonOption(
        "Calibration inputs",
        {count: count for count in ("16", "32", "48", "64", "128", "512")},
        "32",
        "The layer has 32 inputs. With fewer samples H is singular.",
    ),
    "draw": LessonOption(
        "Draw", {"0": "first", "1": "second", "2": "third"}, "0", "Another layer, other inputs."
    ),
    "recorded": LessonOption(
        "Recorded layer",
        {
            f"{block}.{part}": f"Block {block}, {part}"
            for block in (0, 10, 20)
            for part in ("q_proj", "up_proj", "down_proj")
        },
        "20.down_proj",
    ),
}


def open_options(query: Mapping[str, str]) -> list[str]:
    """Read the options of the link that opened the session; what made no sense, in words."""
    notices = []
    for name, option in OPTIONS.items():
        code = query.get(name, option.default)
        if code not in option.choices:
            notices.append(f"{name}={cut(code)} was ignored: one of {_wanted(option)} was wanted.")
            code = option.default
        st.session_state[_state(name)] = code
    return notices


def chosen(name: str) -> str:
    """The code of the choice on show."""
    code: str = st.session_state[_state(name)]
    return code


def choose(name: str, code: str) -> None:
    """Put another choice on show."""
    if code not in OPTIONS[name].choices:
        raise ValueError(f"{name} is {code!r}; one of {_wanted(OPTIONS[name])} was wanted.")
    st.session_state[_state(name)] = code


def option_select(name: str, *, width: int | str = "stretch") -> None:
    """A list to choose from."""
    _widget(st.selectbox, name, options=list(OPTIONS[name].choices), width=width)


def option_buttons(name: str) -> None:
    """The choices side by side."""
    _widget(st.segmented_control, name, options=list(OPTIONS[name].choices), required=True)


def option_slider(name: str) -> None:
    """The choices along a line, for numbers."""
    _widget(st.select_slider, name, options=list(OPTIONS[name].choices))


def options_in_link(names: tuple[str, ...]) -> dict[str, str]:
    """The query of these options, defaults left out."""
    return {name: chosen(name) for name in names if chosen(name) != OPTIONS[name].default}


def _widget(widget, name: str, **settings: object) -> None:  # type: ignore[no-untyped-def]
    option, key = OPTIONS[name], f"option_{name}"
    st.session_state[key] = chosen(name)

    def changed() -> None:
        if not speaks():  # else this is what the browser showed before the figure changed it
            choose(name, st.session_state[key])

    widget(
        option.title,
        key=key,
        format_func=lambda code: option.choices[code],
        help=option.help or None,
        on_change=changed,
        **settings,
    )


def _wanted(option: LessonOption) -> str:
    """The choices as a link says them; of more than ten the first and the last."""
    codes = list(option.choices)
    return ", ".join(codes if len(codes) <= 10 else [*codes[:2], "…", codes[-1]])


def _state(name: str) -> str:
    return f"chosen_{name}"
