"""A choice among fixed options as the query of a link, and back. Pure: no streamlit here.

A choice is a frozen dataclass whose fields each have a tuple of options.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Generic, TypeVar

Choice = TypeVar("Choice")
Options = Mapping[str, tuple[object, ...]]
Word = Callable[[str, object], str]


@dataclass(frozen=True)
class ChoiceLink(Generic[Choice]):
    """What a link says, and what in it made no sense."""

    choice: Choice
    notices: tuple[str, ...] = ()


def to_query(choice: Any, word: Word) -> dict[str, str]:
    """Query parameters that restore the choice; `word` writes a field's value."""
    return {name: word(name, value) for name, value in asdict(choice).items()}


def from_query(
    kind: type[Choice],
    options: Options,
    query: Mapping[str, str],
    word: Word,
    *,
    ranges: Mapping[str, str] | None = None,
    needing_a_file: str | None = None,
) -> ChoiceLink[Choice]:
    """The choice that a link describes; what makes no sense is left out, with a notice.

    Parameters
    ----------
    kind : type
        The dataclass.
    options : mapping
        By field.
    query : mapping
    word : callable
        As the choice writes its values.
    ranges : mapping, optional
        How to name the options of a field that has many.
    needing_a_file : str, optional
        The option that no link can carry.
    """
    chosen: dict[str, object] = {}
    notices = []
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in query:
            continue
        words = {word(field.name, option): option for option in options[field.name]}
        text = query[field.name]
        if text in words and text == needing_a_file:
            notices.append(
                f"{field.name}={text} was ignored: a link carries no file. Choose it here again."
            )
        elif text in words:
            chosen[field.name] = words[text]
        else:
            wanted = (ranges or {}).get(field.name, f"one of {', '.join(words)}")
            shown = text if len(text) <= 40 else text[:39] + "…"
            notices.append(
                f"{field.name}={shown} was ignored: {wanted} was wanted. "
                f"{word(field.name, field.default)} is shown in its place."
            )
    return ChoiceLink(kind(**chosen), tuple(notices))
