"""How the contenders of the study are drawn: a name, a colour, a symbol and a dash for each."""

from app.figures.palette import ORANGE, SKY

NAMES = {
    "rtn": "RTN",
    "gptq": "GPTQ",
    "gptq_huffman": "GPTQ + Huffman",
    "ssqr": "SSQR 1 %",
    "hrtn": "HRTN",
    "hptq": "HPTQ",
    "watersic": "Spacing",
    "watersic_k_best": "Spacing, K-best, rate-aware",
}
LEGEND = NAMES | {
    "watersic_k_best": "Spacing, K-best"
}  # short, so that two stand side by side on a phone
# The same codes have the same colour; how they are stored is the symbol's to say.
COLORS = {
    "rtn": "#808080",
    "gptq": ORANGE,
    "gptq_huffman": ORANGE,
    "ssqr": "#CC79A7",
    "hrtn": SKY,
    "hptq": "#0072B2",
    "watersic": "#009E73",
    "watersic_k_best": "#D55E00",
}
SYMBOLS = {
    "rtn": "x",
    "gptq": "square",
    "gptq_huffman": "diamond",
    "ssqr": "cross",
    "hrtn": "triangle-down",
    "hptq": "triangle-up",
    "watersic": "circle",
    "watersic_k_best": "star",
}
DASHES = {
    "rtn": "dot",
    "gptq": "solid",
    "gptq_huffman": "dash",
    "ssqr": "dashdot",
    "hrtn": "dot",
    "hptq": "solid",
    "watersic": "solid",
    "watersic_k_best": "longdash",
}
