"""What a linked formula is made of: text, letters, fractions, and symbols that light up in the figure."""

from dataclasses import dataclass

from app.figures.numbers import short, symbol

_SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True)
class Letter:
    """One letter in italics with its index: b with a star and ₂."""

    letter: str
    index: str = ""
    star: bool = False

    @classmethod
    def of(cls, letter: str, *indices: int, star: bool = False) -> "Letter":
        """From indices that count from zero."""
        return cls(letter, "".join(str(i + 1) for i in indices), star)

    @property
    def text(self) -> str:
        """In one line: ``b*₂``."""
        subscript = "".join(symbol("", int(digit) - 1) for digit in self.index)
        return f"{self.letter}{'*' if self.star else ''}{subscript}"

    def as_data(self) -> dict:
        """For the browser."""
        return {"letter": self.letter, "index": self.index, "star": self.star}


@dataclass(frozen=True)
class Symbol:
    """What can be pointed at.

    Attributes
    ----------
    key : str
        A key of the figure's ``meta["symbols"]``.
    shown : tuple of str and Letter
    meaning : str
        What it is, said while it is lit.
    """

    key: str
    shown: tuple["str | Letter", ...]
    meaning: str

    @property
    def text(self) -> str:
        """In one line."""
        return "".join(part if isinstance(part, str) else part.text for part in self.shown)

    def as_data(self) -> dict:
        """For the browser."""
        return {
            "symbol": self.key,
            "text": self.text,
            "meaning": self.meaning,
            "shown": as_data(self.shown),
        }


@dataclass(frozen=True)
class Fraction:
    """One thing over another."""

    top: tuple["Part", ...]
    bottom: tuple["Part", ...]

    def as_data(self) -> dict:
        """For the browser."""
        return {"top": as_data(self.top), "bottom": as_data(self.bottom)}


Part = str | Letter | Symbol | Fraction


@dataclass(frozen=True)
class Formulas:
    """The formulas of one algorithm in one step.

    Attributes
    ----------
    title : str
    lines : tuple of tuples of parts
    note : tuple of parts
        What the letters without a meaning of their own stand for.
    """

    title: str
    lines: tuple[tuple[Part, ...], ...]
    note: tuple[Part, ...] = ()

    @property
    def symbols(self) -> frozenset[str]:
        """The keys of all symbols in it."""
        return frozenset(key for line in self.lines for key in _keys(line))

    def as_data(self) -> dict:
        """For the browser."""
        return {
            "title": self.title,
            "lines": [as_data(line) for line in self.lines],
            "note": as_data(self.note),
        }


def as_data(parts: tuple[Part, ...]) -> list:
    """Parts for the browser: text as it is, the others as dicts. A line breaks before ``=``, not after."""
    return [
        part.replace("= ", "=\N{NO-BREAK SPACE}") if isinstance(part, str) else part.as_data()
        for part in parts
    ]


def number(value: float) -> str:
    """A number in a formula: ``−0.1234``, ``2.5·10⁴``."""
    mantissa, e, exponent = short(value).partition("e")
    if not e:
        return mantissa
    power = exponent.replace("+", "").replace("−0", "−").lstrip("0")
    return f"{mantissa}·10{power.translate(_SUPERSCRIPTS)}"


def _keys(parts: tuple[Part, ...]) -> list[str]:
    keys = []
    for part in parts:
        if isinstance(part, Symbol):
            keys.append(part.key)
        elif isinstance(part, Fraction):
            keys += _keys(part.top) + _keys(part.bottom)
    return keys
