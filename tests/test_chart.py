"""Figures made once for the same inputs."""

import plotly.graph_objects as go
import pytest
from test_pages import figure_on, open_page

from app.chart import chart, drawn
from app.figures.plane import plane_figure
from lattice_core import PRESETS


def test_figure_of_a_problem_is_made_once_and_anew_for_another() -> None:
    problem = PRESETS["skewed"].problem
    first = drawn(plane_figure, problem)
    assert drawn(plane_figure, PRESETS["skewed"].problem) is first
    moved = drawn(plane_figure, problem.with_target([0.1, 0.2]))
    assert moved.to_json() == plane_figure(problem.with_target([0.1, 0.2])).to_json()
    assert moved.to_json() != first.to_json()


def test_figure_that_may_depend_on_more_is_made_each_time() -> None:
    calls = []
    for _ in range(2):
        drawn(lambda shown: calls.append(shown) or plane_figure(shown), PRESETS["skewed"].problem)
    assert len(calls) == 2


def test_pages_do_not_show_one_anothers_figures_and_a_figure_follows_the_session() -> None:
    turned = open_page("closest_vector.py", problem="order_matters", turn="90")
    as_it_is = open_page("closest_vector.py", problem="order_matters")
    lockstep = open_page("gptq_is_babai.py", problem="order_matters")
    shown = [figure_on(page)["figure"] for page in (turned, as_it_is, lockstep)]
    assert shown[0]["data"] != shown[1]["data"]
    assert len(shown[2]["frames"]) == 4


def test_chart_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="function of a module"):
        chart(lambda: go.Figure(), key="a", alt="")
