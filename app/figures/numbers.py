"""How numbers and symbols are written in figures, sentences and tables."""

from collections.abc import Iterable

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def short(value: float) -> str:
    """Four significant digits, a true minus sign, no trailing noise: ``−0.1234``, ``2.5e+04``, ``∞``."""
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        text = f"{value:.3g}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", "−").replace("inf", "∞")


def vector(values: Iterable[float]) -> str:
    """``(0.25, −1)``."""
    return "(" + ", ".join(short(float(value)) for value in values) + ")"


def symbol(letter: str, index: int) -> str:
    """``w₂`` for index 1: people count from one, arrays from zero."""
    return letter + str(index + 1).translate(_SUBSCRIPTS)


def percent(share: float) -> str:
    """``1.23 %``: three digits, never rounded up to 100 % nor down to 0 %."""
    if 0.999 < share < 1:
        return f"{100 * min(share, 0.99999):.3f} %"
    return "0 %" if share == 0 else f"{100 * share:.3g} %"
