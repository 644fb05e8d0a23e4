"""A stepped figure is sent unchecked, for speed; it must be what plotly would have sent."""

import base64
import json

import numpy as np
import pytest

from app.figures.error_and_bound import error_figure
from app.figures.number_lines import lockstep_figure
from app.figures.plane import plane_figure
from app.figures.residual_arrows import arrows_figure
from app.figures.space import space_figure
from app.figures.stepped import scatter, stepped_figure
from lattice_core import PRESETS


def plain(value: object) -> object:
    """Without plotly's packing of numeric arrays, and without lists of nothing."""
    if isinstance(value, dict) and "bdata" in value:
        shape = [int(n) for n in str(value.get("shape", "-1")).split(",")]
        return (
            np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).reshape(shape).tolist()
        )
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if part != []}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (plane_figure, "skewed"),
        (plane_figure, "clipping_bites"),
        (space_figure, "three_inputs"),
        (lockstep_figure, "skewed"),
        (lockstep_figure, "three_inputs"),
        (error_figure, "clipping_bites"),
        (error_figure, "three_inputs"),
        (arrows_figure, "three_inputs"),
    ],
)
def test_what_is_sent_is_what_plotly_accepts(draw, name) -> None:
    problem = PRESETS[name].problem
    figure = draw(problem)
    assert plain(json.loads(figure.to_json())) == plain(json.loads(figure.checked.to_json()))


def test_what_plotly_does_not_know_is_found_when_looked_into() -> None:
    figure = stepped_figure([scatter(name="a", colour="red")], lambda k: [], ["only"], {})
    with pytest.raises(ValueError, match="colour"):
        _ = figure.data
