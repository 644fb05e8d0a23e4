"""The words of the course, from both sides."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word and what it means.

    Attributes
    ----------
    name : str
    symbol : str
        LaTeX; empty if there is none.
    meaning : str
        Markdown.
    page : str
        File of the page where it is met first.
    """

    name: str
    symbol: str
    meaning: str
    page: str


GLOSSARY: dict[str, tuple[Term, ...]] = {
    "The layer": (
        Term(
            "Weights",
            "w",
            "One row of a layer's matrix $W$. A layer computes $Wx$, one row for each output.",
            "closest_vector.py",
        ),
        Term(
            "Calibration inputs",
            "X",
            "What the layer was fed while the model read some sample text; one row for each token.",
            "closest_vector.py",
        ),
        Term(
            "Hessian",
            "H",
            "$H = X^\\top X$. Its entry $H_{ij}$ says how much inputs $i$ and $j$ go together, and its "
            "diagonal how active each one is.",
            "closest_vector.py",
        ),
        Term(
            "Damping",
            "\\lambda",
            "A multiple of the identity added to the Hessian, $\\lambda$ times the mean of its diagonal. The "
            "sum is the damped Hessian $\\bar H$.",
            "damping.py",
        ),
        Term(
            "Spacing, or scale",
            "s_j",
            "The distance between two neighbouring values that weight $j$ may take.",
            "closest_vector.py",
        ),
        Term(
            "Code",
            "z_j",
            "The integer that is stored for weight $j$. The quantized weight is $q_j = s_j z_j$.",
            "closest_vector.py",
        ),
        Term(
            "Loss",
            "",
            "$(q - w)^\\top \\bar H (q - w)$: the squared error of the layer's output on the calibration "
            "inputs, the damping included. Without the damping it is $\\lVert X(q - w)\\rVert^2$.",
            "closest_vector.py",
        ),
        Term(
            "Held-out inputs",
            "",
            "Inputs from text that was not used for calibration. The loss on them tells what calibration is worth.",
            "damping.py",
        ),
    ),
    "The lattice": (
        Term(
            "Lattice",
            "",
            "All sums of integer multiples of some independent vectors: a regular grid of points, usually "
            "askew.",
            "closest_vector.py",
        ),
        Term(
            "Basis vector",
            "b_j",
            "One of those vectors: input $j$'s column of $X$ times the spacing $s_j$. The matrix $B$ has them as "
            "columns, so that $Bz$ is the lattice point with codes $z$.",
            "closest_vector.py",
        ),
        Term(
            "Target",
            "y",
            "The point $y = Xw$ where the original weights would be: seldom a lattice point.",
            "closest_vector.py",
        ),
        Term(
            "Closest vector problem",
            "",
            "Find the lattice point closest to the target. In many dimensions nobody knows a fast way.",
            "closest_vector.py",
        ),
        Term(
            "Voronoi cell",
            "",
            "All targets that are closer to one lattice point than to any other.",
            "closest_vector.py",
        ),
        Term(
            "Determinant, or volume",
            "",
            "The volume of a cell. It is the same for every basis of the lattice, and for every way to cut "
            "space into one cell a point.",
            "closest_vector.py",
        ),
        Term(
            "Unimodular matrix",
            "T",
            "An integer matrix with determinant ±1. $BT$ is another basis of the same lattice.",
            "lattice_reduction.py",
        ),
    ),
    "Rounding": (
        Term(
            "Round-off",
            "",
            "Round every coordinate by itself. For weights this is round-to-nearest (RTN).",
            "closest_vector.py",
        ),
        Term(
            "Nearest plane",
            "",
            "Babai's algorithm: choose the nearest of the parallel planes that hold the lattice, move the "
            "target onto it, and go on inside that plane.",
            "nearest_plane.py",
        ),
        Term(
            "Centre",
            "\\zeta_j",
            "Where the moved target stands between the planes of coordinate $j$, in units of their distance. The "
            "code is the integer next to it.",
            "nearest_plane.py",
        ),
        Term(
            "GPTQ",
            "",
            "The usual way to quantize: round one weight, then change those that remain so that they make up "
            "for its error as well as they can.",
            "gptq_is_babai.py",
        ),
        Term(
            "Pushing an error",
            "",
            "GPTQ's change of the remaining weights. In the lattice: moving the target onto the chosen plane.",
            "gptq_is_babai.py",
        ),
        Term(
            "OBQ",
            "",
            "Optimal brain quantization, GPTQ's ancestor: at each step it rounds the weight that costs least.",
            "gptq_is_babai.py",
        ),
        Term(
            "Order of rounding",
            "",
            "Which weight is rounded first, second, and so on. *Back to front* is Babai's.",
            "quantization_order.py",
        ),
        Term(
            "Act-order",
            "",
            "The most active input first: largest $H_{jj}$.",
            "quantization_order.py",
        ),
        Term(
            "Min-pivot",
            "",
            "An order built from its end: the shortest input is rounded last, then the shortest of what is left "
            "of the others once its direction is removed, and so on.",
            "quantization_order.py",
        ),
    ),
    "The error": (
        Term(
            "Gram-Schmidt length",
            "s_j\\sqrt{D_j}",
            "The length of what is left of a basis vector once the directions of those rounded after it are "
            "removed. It is the distance between two planes.",
            "error_and_bound.py",
        ),
        Term(
            "Pivot",
            "D_j",
            "A pivot of Gaussian elimination on $\\bar H$ that begins with the weight rounded last. It is the square "
            "of the Gram-Schmidt length before scaling by $s_j$.",
            "error_and_bound.py",
        ),
        Term(
            "Box",
            "",
            "The targets that nearest plane sends to one lattice point, the middle of the box. Its edges are the "
            "Gram-Schmidt lengths.",
            "error_and_bound.py",
        ),
        Term(
            "Bound",
            "",
            "$\\frac14\\sum_j D_j s_j^2$: the loss at a corner of the box. No loss is larger unless a code is "
            "clipped.",
            "error_and_bound.py",
        ),
        Term(
            "Floor",
            "",
            "What the bound would be if all edges were equal. No order goes below.",
            "quantization_order.py",
        ),
        Term(
            "Clipping",
            "",
            "Taking the last code of the integer grid where the nearest integer lies beyond it.",
            "without_clipping.py",
        ),
        Term(
            "Outlier",
            "",
            "A weight stored by itself with 16 bits, since its code does not fit into the grid.",
            "without_clipping.py",
        ),
    ),
    "Better bases, better searches": (
        Term(
            "LLL",
            "",
            "The algorithm of Lenstra, Lenstra and Lovász: it makes a basis short and nearly orthogonal by "
            "subtracting multiples and exchanging neighbours.",
            "lattice_reduction.py",
        ),
        Term(
            "Size reduction",
            "",
            "Subtracting integer multiples of earlier basis vectors from a later one.",
            "lattice_reduction.py",
        ),
        Term(
            "Lovász's condition",
            "\\delta",
            "LLL exchanges two neighbours unless $\\delta R_{jj}^2 \\le R_{j,j+1}^2 + R_{j+1,j+1}^2$.",
            "lattice_reduction.py",
        ),
        Term(
            "BKZ",
            "",
            "Block reduction: like LLL, with whole blocks of neighbours made as good as possible at once.",
            "lattice_reduction.py",
        ),
        Term(
            "K-best",
            "K",
            "Nearest plane that keeps the $K$ best partial codes at every step in place of one.",
            "beyond_babai.py",
        ),
        Term(
            "Klein's rounding",
            "",
            "Nearest plane with dice: a plane is drawn at random, near ones more often. The best of several "
            "runs is kept.",
            "beyond_babai.py",
        ),
        Term(
            "Enumeration",
            "",
            "Trying every lattice point that could still be closer than the best one found.",
            "beyond_babai.py",
        ),
        Term(
            "Coordinate descent",
            "",
            "Changing one code at a time as long as that lowers the loss.",
            "beyond_babai.py",
        ),
    ),
    "Bits": (
        Term(
            "Entropy",
            "",
            "How many bits a code takes on average if frequent ones get short words: the least that any "
            "code of words can reach.",
            "without_clipping.py",
        ),
        Term(
            "Huffman code",
            "",
            "The best set of words of whole bits, one for each integer.",
            "without_clipping.py",
        ),
        Term(
            "RTN", "", "Round-to-nearest: the name of round-off for weights.", "without_clipping.py"
        ),
        Term(
            "SSQR",
            "",
            "GPTQ that keeps what would be clipped as outliers, and goes on with their errors.",
            "without_clipping.py",
        ),
        Term(
            "HPTQ, HRTN",
            "",
            "GPTQ, or round-to-nearest, with one spacing for the whole layer, no clipping, and entropy-coded "
            "integers.",
            "without_clipping.py",
        ),
        Term(
            "WaterSIC",
            "",
            "HPTQ with a spacing for each column that makes all edges of the box equal.",
            "without_clipping.py",
        ),
        Term(
            "Rate-distortion limit",
            "",
            "The fewest bits with which any method could reach a loss, for weights drawn from a Gaussian.",
            "without_clipping.py",
        ),
        Term(
            "Perplexity",
            "",
            "How many words the model hesitates between, on average, at each place of a text. Lower is better.",
            "whole_model.py",
        ),
    ),
}


def terms_with(text: str) -> dict[str, tuple[Term, ...]]:
    """The terms whose name or meaning has this text, by section; sections without any are left out."""
    wanted = text.casefold().strip()
    found = {
        section: tuple(t for t in terms if wanted in f"{t.name} {t.meaning}".casefold())
        for section, terms in GLOSSARY.items()
    }
    return {section: terms for section, terms in found.items() if terms}
