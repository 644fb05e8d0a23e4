"""The options that several commands have, each explained in a sentence or two."""

from pathlib import Path
from typing import Annotated, Literal

import typer

MOST_TOKENS = 16_384  # where --tokens is left out and the text has more
WINDOW = 1024

# What a method is. The keys are those of `lattice_core.layers.methods.METHODS`, which needs torch; a test compares.
METHODS = {
    "rtn": "Round to nearest: every weight by itself, to b bits, with a scale for each --group-size weights.",
    "gptq": "GPTQ, which is Babai's nearest plane: the error of each rounding is made up for by the columns that are "
    "still to come. b bits, the scales of rtn, codes beyond the grid clipped.",
    "ssqr": "gptq with scales so wide that few weights do not fit; those are kept aside in 16 bits (--outlier-rate).",
    "hrtn": "rtn on one scale for the layer and without a grid: nothing is clipped, and the codes are entropy-coded.",
    "hptq": "gptq on one scale for the layer and without a grid, entropy-coded. The error bound holds.",
    "watersic": "hptq with columns spaced by 1/R_jj, so that all parts of the error weigh the same: the fewest bits.",
}
MethodName = Literal["rtn", "gptq", "ssqr", "hrtn", "hptq", "watersic"]
OrderName = Literal["front_to_back", "back_to_front", "act_order", "min_pivot"]

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="A folder with safetensors, a .gguf file, or an id on the Hugging Face hub. "
        "Left out: the model that the set-up brings.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(metavar="NAME", help="Where to compute: cpu, cuda, or cuda:1 for the second GPU."),
]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16"],
    typer.Option(
        help="In what the model runs. Layers are quantized in float64 all the same. bfloat16 and float16 take half "
        "the memory, and are slow on most processors."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Threads of torch; left out, as many as torch takes by itself (OMP_NUM_THREADS, or the cores). Sums "
        "depend on their number in the last digits, so a run that goes on takes as many as it began with.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout in place of tables.")
]
TextFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="UTF-8 text. Left out: a part of the documentation that comes with Python (one part is for calibration, "
        "one for evaluation; they have no paragraph in common).",
        show_default=False,
    ),
]
Tokens = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help=f"How many tokens of the text. Left out: {MOST_TOKENS:,}, or all if there are fewer.",
        show_default=False,
    ),
]
First = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="The first token taken, counted from 0: so one file serves for two things that must not overlap.",
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Tokens that see one another; the text is cut into such pieces."
    ),
]
Damping = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="λ: this share of the mean diagonal is added to the Hessian's diagonal.",
    ),
]
