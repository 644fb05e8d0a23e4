"""What the page *GPU kernels* shows: a record, and the query of a link. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from app import choice_link
from app.choice_link import ChoiceLink
from kernels.benchmark.shapes import SHAPES

VIEWS = ("how", "speed", "text")
OPTIONS: dict[str, tuple[object, ...]] = {
    "view": VIEWS,
    "bits": (2, 3, 4),
    "group": (32, 64, 128, None),
    "outliers": (0.0, 0.01, 0.05),
    "shape": tuple(SHAPES),
    "tokens": (64, 128, 256),
}


@dataclass(frozen=True)
class KernelChoice:
    """How a weight is stored, which product, and the view on show.

    Attributes
    ----------
    view : {"how", "speed", "text"}
        How the kernels work; how fast they are; what a model writes with them.
    bits : int
    group : int or None
        Columns that share a scale; ``None`` is the whole row.
    outliers : float
        Rate.
    shape : str
        A key of `kernels.benchmark.shapes.SHAPES`.
    tokens : int
        To generate.
    """

    view: str = "how"
    bits: int = 4
    group: int | None = 128
    outliers: float = 0.01
    shape: str = "4096x4096"
    tokens: int = 64

    @property
    def columns_and_rows(self) -> tuple[int, int]:
        """Inputs and outputs of the shape."""
        return SHAPES[self.shape]

    def to_query(self) -> dict[str, str]:
        """Query parameters that restore the choice."""
        return choice_link.to_query(self, _word)


def from_query(query: Mapping[str, str]) -> ChoiceLink[KernelChoice]:
    """The choice that a link describes; what makes no sense is left out, with a notice."""
    return choice_link.from_query(KernelChoice, OPTIONS, query, _word)


def _word(name: str, value: object) -> str:
    if value is None:
        return "row"
    return f"{value:g}" if isinstance(value, float) else str(value)
