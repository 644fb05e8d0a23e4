"""All laws of the course: what each says, who says so, and the pages that check it live."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class IndexedLaw:
    """One law.

    Attributes
    ----------
    number : str
        As on the pages and in the tests.
    says : str
        Markdown.
    kind : {"theorem", "heuristic", "measurement", "reference"}
        A heuristic is a rule whose own steps are checked; a measurement may fail elsewhere; a
        reference is what numbers are compared with.
    source : str
        Keys of `app.lesson.PAPERS` in brackets, with the place.
    pages : tuple of str
        Files of the pages that show it.
    """

    number: str
    says: str
    kind: Literal["theorem", "heuristic", "measurement", "reference"]
    source: str
    pages: tuple[str, ...]


LAWS = (
    IndexedLaw(
        "L1",
        "Quantizing is a closest vector problem: only the damped Hessian matters.",
        "theorem",
        "[C] Theorem 1",
        ("closest_vector.py", "gptq_is_babai.py"),
    ),
    IndexedLaw(
        "L2",
        "Pushing an error is projecting the target; the squares of the moves add up to the loss.",
        "theorem",
        "[C] Theorem 2",
        ("nearest_plane.py", "gptq_is_babai.py", "error_and_bound.py", "audit.py"),
    ),
    IndexedLaw(
        "L3",
        "OBQ rounds the weight whose plane is nearest.",
        "theorem",
        "[C] Corollary 3",
        ("gptq_is_babai.py",),
    ),
    IndexedLaw(
        "L4",
        "GPTQ and nearest plane round the same centres to the same codes.",
        "theorem",
        "[C] Theorem 4; [B] Theorem 2.1",
        ("gptq_is_babai.py",),
    ),
    IndexedLaw(
        "L5",
        "Running nearest plane on GPTQ's moved weights gains nothing: the later centres stay as they are.",
        "theorem",
        "[C] Appendix C.4",
        ("gptq_is_babai.py",),
    ),
    IndexedLaw(
        "L6",
        "Without clipping the loss is at most $\\frac14\\sum_j D_j s_j^2$.",
        "theorem",
        "[C] Theorem 5; [B]",
        (
            "nearest_plane.py",
            "error_and_bound.py",
            "quantization_order.py",
            "damping.py",
            "real_layers.py",
            "audit.py",
        ),
    ),
    IndexedLaw(
        "L7",
        "For targets spread evenly over the box, the loss is a third of that bound on average.",
        "theorem",
        "[C] Appendix D.2",
        ("error_and_bound.py",),
    ),
    IndexedLaw(
        "L8",
        "Without clipping, nearest plane's loss is at most $\\gamma^2$ times the least possible.",
        "theorem",
        "[C], here with a slightly tighter constant",
        ("closest_vector.py", "error_and_bound.py", "lattice_reduction.py"),
    ),
    IndexedLaw(
        "L9",
        "With a clipped code the error leaves the box, and the bound says nothing any more.",
        "theorem",
        "[C] Theorem 5 assumes that nothing is clipped",
        ("without_clipping.py", "real_layers.py", "whole_model.py", "audit.py"),
    ),
    IndexedLaw(
        "L10",
        "The product of the pivots does not depend on the order; so no order beats the floor.",
        "theorem",
        "determinant of a triangular factor; arithmetic and geometric mean",
        ("closest_vector.py", "nearest_plane.py", "quantization_order.py", "real_layers.py"),
    ),
    IndexedLaw(
        "L11",
        "Min-pivot takes the shortest arrow that is left. It need not be the best order.",
        "heuristic",
        "[C] Algorithm 3",
        ("quantization_order.py",),
    ),
    IndexedLaw(
        "L12",
        "Min-pivot's order satisfies Lovász's condition; size reduction alone changes no answer.",
        "theorem",
        "the greedy choice of [C] Algorithm 3",
        ("quantization_order.py", "lattice_reduction.py"),
    ),
    IndexedLaw(
        "L13",
        "Reduction keeps the lattice: its transform is an integer matrix with determinant ±1.",
        "theorem",
        "[LLL]",
        ("lattice_reduction.py",),
    ),
    IndexedLaw(
        "L14",
        "Damping appends a multiple of the identity below the inputs; with much of it all is rounded to nearest.",
        "theorem",
        "[B]",
        ("damping.py",),
    ),
    IndexedLaw(
        "L15",
        "K-best loses no more than nearest plane, and with enough paths it is exact.",
        "theorem",
        "Babai's path is always kept",
        ("beyond_babai.py",),
    ),
    IndexedLaw(
        "L16",
        "Coordinate descent never raises the loss and stops at a local optimum.",
        "theorem",
        "each move lowers the loss",
        ("beyond_babai.py",),
    ),
    IndexedLaw(
        "L17",
        "With clipping the order with the smaller bound may have the larger loss.",
        "measurement",
        "seen on this model's layers, and on a small problem that the lesson sets for you",
        ("quantization_order.py", "real_layers.py"),
    ),
    IndexedLaw(
        "L18",
        "Entropy-coded codes come back as they were, and Huffman's words take less than a bit more than the entropy.",
        "theorem",
        "[C] section 5, Algorithm 11; Huffman (1952)",
        ("without_clipping.py", "whole_model.py"),
    ),
    IndexedLaw(
        "L19",
        "With outliers kept apart the loss is the sum over what was rounded, and it has a bound again.",
        "theorem",
        "[C] section 5, Algorithm 9",
        ("without_clipping.py",),
    ),
    IndexedLaw(
        "L20",
        "Spacings in inverse proportion to $R_{jj}$ attain the floor, in every order.",
        "theorem",
        "[W]",
        ("without_clipping.py", "whole_model.py"),
    ),
    IndexedLaw(
        "L21",
        "For Gaussian weights no method needs fewer bits than reverse water-filling says.",
        "reference",
        "rate-distortion theory; real weights are no Gaussian draws",
        ("without_clipping.py", "whole_model.py"),
    ),
    IndexedLaw(
        "L22",
        "Refitting the scales after coding never raises the loss.",
        "theorem",
        "least squares, in closed form",
        ("without_clipping.py",),
    ),
)
