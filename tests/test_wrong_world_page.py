"""*GPTQ is Babai* with a line of GPTQ wrong: said, shown in figure and table, caught by the laws, mended."""

import re

import numpy as np
import pytest
from test_pages import figure_on, open_page, texts

from app.figures.number_lines import lockstep_figure
from app.figures.numbers import short
from lattice_core import PRESETS, random_problem
from lattice_core.wrong_worlds import GPTQ_WORLDS, gptq_in_world

PAGE = "gptq_is_babai.py"
BREAKS = random_problem(3, 40)


def verdicts(app) -> dict[str, str]:
    return dict(re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app)))


@pytest.mark.parametrize(("world", "step"), [("no_propagation", 1), ("whole_inverse", 2)])
def test_laws_of_the_push_turn_red_and_mending_turns_them_back(world, step) -> None:
    app = open_page(PAGE, BREAKS, step, wrong=world)
    red = {law for law, icon in verdicts(app).items() if icon == "close"}
    assert red == {"L4", "L2", "L5"}
    assert "| ≠ |" in texts(app)
    assert len(app.error) == 1
    broken = gptq_in_world(BREAKS, world)
    assert short(broken.centers[-1]) in texts(app)  # in the law, beside Babai's
    app.button(key="mend").click().run()
    assert set(verdicts(app).values()) == {"check"}
    assert not app.error


def test_before_the_first_step_the_law_is_checked_where_it_goes_wrong() -> None:
    app = open_page(PAGE, BREAKS, 0, wrong="whole_inverse")
    assert verdicts(app)["L2"] == "close"
    assert "the plane chosen in step 2" in texts(app)


def test_two_inputs_forgive_the_whole_inverse_and_the_page_says_why() -> None:
    app = open_page(PAGE, PRESETS["skewed"].problem, 1, wrong="whole_inverse")
    assert set(verdicts(app).values()) == {"check"}
    assert "**No law fails.** With two inputs" in texts(app)


def test_banner_stays_when_a_link_hides_the_controls() -> None:
    app = open_page(PAGE, BREAKS, 1, wrong="no_propagation", hide="controls")
    assert len(app.error) == 1
    assert app.button(key="mend")


def test_unknown_world_in_a_link_is_the_right_one() -> None:
    app = open_page(PAGE, BREAKS, 1, wrong="upside_down")
    assert "wrong=upside\\_down was ignored" in app.warning[0].value
    assert not app.error


@pytest.mark.parametrize("world", GPTQ_WORLDS)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_figure_shows_the_broken_run(world, size) -> None:
    problem = random_problem(size, 3)
    broken = gptq_in_world(problem, world)
    figure = lockstep_figure(problem, broken)
    assert len(figure.frames) == len(figure.layout.meta["sentences"]) == size + 2
    last = figure.frames[size]
    centres = next(t for t in last.data if t.name == "centre")
    np.testing.assert_allclose(sorted(centres.x), sorted(broken.centers))
    assert (
        f"Broken GPTQ ends at z = {str(tuple(broken.codes.tolist())).replace('-', '−')}"
        in (figure.layout.meta["sentences"][-1])
    )
    places = [t for t in last.data if t.name == "wrong weights"]
    assert len(places) == (size < 4)
    if places:
        drawn = [getattr(places[0], axis)[0] for axis in "xyz"[:size]]
        np.testing.assert_allclose(drawn, problem.lattice.point(broken.codes))


def test_switch_is_on_the_page_and_in_the_figure_sent_to_the_browser() -> None:
    app = open_page(PAGE, BREAKS, 1)
    app.segmented_control(key="option_wrong").set_value("no_propagation").run()
    assert app.query_params["wrong"] == "no_propagation"
    sentences = figure_on(app)["figure"]["layout"]["meta"]["sentences"]
    assert "Broken GPTQ" in sentences[1]
