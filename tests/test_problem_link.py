"""A link restores the whole problem; nonsense in it is left out with a notice, never an error."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app import shared_problem
from app.problem_link import DEFAULT, from_query, to_query
from lattice_core import ORDERS, PRESETS, Problem, random_problem

CUSTOM = Problem(
    hessian=(
        (2.0, 0.3, 0.1, 0.0),
        (0.3, 1.0, 0.2, 0.4),
        (0.1, 0.2, 3.0, 0.5),
        (0.0, 0.4, 0.5, 1.0),
    ),
    weights=(0.1, -0.25, 1 / 3, 2e-5),
    scales=(0.1, 0.2, 0.3, 0.4),
    order="min_pivot",
    bits=2,
    damping=0.03,
)
PROBLEMS = {
    **{name: preset.problem for name, preset in PRESETS.items()},
    "random": random_problem(3, 2**32 - 1),
    "custom": CUSTOM,
    "dragged": PRESETS["skewed"].problem.with_target([1 / 3, -0.7]),
    "dragged random": random_problem(2, 7).with_target([0.123456789, 1.0]),
    "clipped": replace(PRESETS["skewed"].problem, bits=1, order="act_order", damping=0.1),
    "unclipped": replace(PRESETS["clipping_bites"].problem, bits=None),
    "undamped": replace(PRESETS["real_three_inputs"].problem, damping=0.0),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_link_restores_the_problem_exactly(name) -> None:
    problem = PROBLEMS[name]
    link = from_query(to_query(problem, 2))
    assert link.problem == problem
    assert link.step == 2
    assert link.notices == ()


def test_an_unchanged_preset_has_a_short_link() -> None:
    assert to_query(PRESETS["skewed"].problem, 0) == {"problem": "skewed"}


def test_empty_link_is_the_first_preset() -> None:
    link = from_query({})
    assert link.problem == PRESETS[DEFAULT].problem
    assert (link.step, link.notices) == (0, ())


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"problem": "nonsense"}, "one of skewed"),
        ({"problem": "random", "inputs": "99"}, "inputs were wanted"),
        ({"problem": "random", "seed": "-1"}, "seed is -1"),
        ({"problem": "random", "seed": "1e3"}, "whole number was wanted"),
        ({"problem": "custom"}, "scales is missing."),
        (
            {"problem": "custom", "scales": "1,1", "weights": "0,0", "hessian": "1,2"},
            "3 were wanted",
        ),
        (
            {"problem": "custom", "scales": "1,1", "weights": "0,0", "hessian": "1,1,1"},
            "not positive definite",
        ),
        (
            {"problem": "custom", "scales": "1,0", "weights": "0,0", "hessian": "1,0,1"},
            "must be positive",
        ),
        (
            {"problem": "custom", "scales": "1,1", "weights": "0,nan", "hessian": "1,0,1"},
            "must be finite",
        ),
        ({"problem": "custom", "scales": "1", "weights": "0", "hessian": "1"}, "2 … 4 inputs"),
        ({"weights": "1"}, "(2,) was wanted"),
        ({"weights": "a,b"}, "a number was wanted"),
        ({"weights": "inf,0"}, "must be finite"),
        ({"weights": "1e20,0"}, "at most 1e+06 grid spacings"),
        ({"order": "sideways"}, "one of front_to_back"),
        ({"bits": "0"}, "from 1 to 8"),
        ({"bits": "many"}, "whole number was wanted"),
        ({"damping": "-1"}, "finite number ≥ 0"),
        ({"damping": "nan"}, "finite number ≥ 0"),
        ({"damping": "1e300"}, "at most 1e+12"),
        (
            {"problem": "custom", "scales": "1e-10,1e10", "weights": "0,0", "hessian": "1,0,1"},
            "times as long as another",
        ),
        ({"step": "-1"}, "from 0 to 70"),
        ({"step": "71"}, "from 0 to 70"),
        ({"step": "٣"}, "from 0 to 70"),
        ({"utm_source": "x"}, "utm_source"),
    ],
)
def test_nonsense_is_ignored_with_a_notice(query, says) -> None:
    link = from_query(query)
    assert link.problem == PRESETS[DEFAULT].problem
    assert link.step == 0
    assert len(link.notices) == 1
    assert says in link.notices[0]


def test_one_bad_part_does_not_spoil_the_others() -> None:
    link = from_query({"problem": "three_inputs", "order": "no", "bits": "3", "step": "2"})
    assert link.problem == replace(PRESETS["three_inputs"].problem, bits=3)
    assert link.step == 2
    assert len(link.notices) == 1


def test_a_long_value_is_cut_in_the_notice() -> None:
    (notice,) = from_query({"problem": "x" * 5000}).notices
    assert len(notice) < 300


def test_orders_in_links_are_those_of_the_core() -> None:
    for name in ORDERS:
        problem = replace(PRESETS["three_inputs"].problem, order=name)
        np.testing.assert_array_equal(
            from_query(to_query(problem, 0)).problem.order_indices, problem.order_indices
        )


def test_a_dragged_target_stays_where_it_is_put_in_any_unit(monkeypatch) -> None:
    tiny = Problem(((1.0, 0.3), (0.3, 1.0)), (0.0, 0.0), (1e-10, 1e-10))
    shown = SimpleNamespace(problem=tiny, step=0)
    monkeypatch.setattr(shared_problem.st, "session_state", shown)
    shared_problem.move_target(*tiny.lattice.point([0.25, -1.125]))
    assert shown.problem.weights == (2.5e-11, -1.125e-10)
