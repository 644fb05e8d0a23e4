"""How those who multiply are drawn: a colour and a symbol for each, and their names in words."""

from app.figures.palette import ANSWER, LEG, NEUTRAL, ORANGE, PLANE, TARGET

NAMES = {
    "triton": "few bits (our Triton kernels)",
    "cpu": "few bits (torch's 4-bit product, and outliers)",
    "bfloat16": "16-bit weights (bfloat16)",
    "float32": "32-bit weights (float32)",
    "torch int4": "torch's 4-bit product",
    "gemlite": "gemlite",
    "marlin": "Marlin",
}
COLORS = {
    "triton": ANSWER,
    "cpu": ANSWER,
    "bfloat16": PLANE,
    "float32": NEUTRAL,
    "torch int4": LEG,
    "gemlite": TARGET,
    "marlin": ORANGE,
}
SYMBOLS = {
    "triton": "diamond",
    "cpu": "diamond",
    "bfloat16": "square",
    "float32": "x",
    "torch int4": "triangle-up",
    "gemlite": "cross",
    "marlin": "star",
}
DASHES = {
    "triton": "solid",
    "cpu": "solid",
    "bfloat16": "dash",
    "float32": "dot",
    "torch int4": "dashdot",
    "gemlite": "longdash",
    "marlin": "longdashdot",
}
