"""The one number to remember of the first lessons, and where each stops being true."""

from app import lesson
from app.figures.bound_bars import percent
from app.figures.numbers import short
from lattice_core.course_numbers import recorded_number
from lattice_core.recorded_row_shares import recorded_row_shares


def nearest_plane() -> None:
    """How often nearest plane finds the closest point."""
    plane, off = recorded_number("nearest_plane"), recorded_number("nearest_plane_round_off")
    lesson.takeaway(
        percent(plane.value),
        "The share of targets for which nearest plane finds the closest lattice point of all: 200 random problems "
        "with 4 correlated inputs, 100 targets each. Round-off, each coordinate by itself, finds it for "
        f"{percent(off.value)}.",
        command=plane.command,
        date=plane.date,
        doubt="Nearest plane gives a good guess, not the answer. The more inputs, and the more they go "
        "together, the more seldom it finds the closest point. And once a code is clipped, the plane it "
        "wants may not be there.",
    )


def gptq_is_babai() -> None:
    """How far apart the two algorithms are."""
    gap = recorded_number("gptq_is_babai")
    lesson.takeaway(
        short(gap.value),
        "The largest relative gap between a centre of GPTQ and of Babai, in 200 random problems of 2 to 6 "
        "inputs, each in four orders, clipped and not. In exact arithmetic it would be 0.",
        command=gap.command,
        date=gap.date,
        doubt="Both must round in the same order, on the same damped Hessian and with the same scales. "
        "GPTQ's code goes front to back where Babai goes back to front. And in float32, or with a "
        "Hessian that is nearly singular, a centre close to half way may fall on either side.",
    )


def error_and_bound() -> None:
    """How much of the bound real rows use."""
    recorded = recorded_row_shares()
    first = recorded.layers[0]
    lesson.takeaway(
        short(round(float(first.kept.mean()), 3)),
        f"Mean loss ÷ bound of the {len(first.kept)} rows of `{first.layer}`, every code kept. For "
        "targets spread evenly over the box it would be a third.",
        command=recorded.command,
        date=recorded.date,
        doubt="The bound holds only while no code is clipped, and for the damped Hessian on the inputs it was "
        "made from. That real weights come near a third is a measurement: no theorem says that they are "
        "spread evenly.",
    )


def quantization_order() -> None:
    """How often the greedy order is the best."""
    best = recorded_number("quantization_order")
    lesson.takeaway(
        percent(best.value),
        "The share of 4,000 random Hessians of 4 inputs on which min-pivot is the best of all 24 orders: no other "
        "has a smaller $\\sum_j D_j$.",
        command=best.command,
        date=best.date,
        doubt="A smaller bound is not a smaller loss: a single row may be luckier in another order. Where codes "
        "are clipped, the order with the best bound can lose to others. And the more inputs, the more often "
        "greedy misses the best.",
    )
