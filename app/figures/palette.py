"""One meaning for each colour: Okabe and Ito's palette, readable on white and on black.

Colour never stands alone: every role also has its own marker or dash. Text has the theme's colour, for none of these
is dark enough on white and light enough on black.
"""

TARGET = "#D55E00"  # the target, and where it has moved to
PLANE = "#0072B2"  # hyperplanes of the coordinate being rounded
LEG = "#CC79A7"  # how far the target moved: the error of a step
ANSWER = "#009E73"  # the code chosen, the lattice point found, its box
NEUTRAL = "#808080"  # lattice points, axes, what came before
# Okabe and Ito's orange and sky blue, darkened until a thin line stands out from white (3 to 1).
ORANGE = "#C48800"
SKY = "#3A9BD5"

ORDER_COLORS = {
    "front_to_back": ORANGE,
    "back_to_front": "#0072B2",
    "act_order": "#009E73",
    "min_pivot": "#CC79A7",
}
ORDER_DASHES = {
    "front_to_back": "dot",
    "back_to_front": "dash",
    "act_order": "solid",
    "min_pivot": "dashdot",
}

ROUNDING_COLORS = {"round_off": ORANGE, "nearest_plane": ANSWER, "closest": PLANE}
ROUNDING_DASHES = {"round_off": "dot", "nearest_plane": "dash", "closest": "solid"}


ON_TINT = "#111111"  # text on a tint, in both themes


def ink_on(color: str) -> str:
    """Text on a full colour: of black and white the one with a contrast of 4.5 at least."""
    return "#FFFFFF" if color == PLANE else ON_TINT


def tint(color: str, share: float) -> str:
    """A colour mixed with white, opaque: the same in both themes, for what has text on it."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * part + (1 - share) * 255):02X}" for part in parts)


def translucent(color: str, opacity: float) -> str:
    """``#RRGGBB`` as ``rgba(…)``."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
