"""What models write after the same prompt, side by side, marked from where a text is no longer the original's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.shared_problem import plain


@dataclass(frozen=True)
class Written:
    """A text and who wrote it."""

    name: str
    text: str


def text_columns(prompt: str, original: str, others: Sequence[Written]) -> None:
    """The original's text first."""
    st.markdown(
        "Each model goes on with the same prompt. Each next token is drawn at random by its probability, with the "
        "same random numbers for all. One token that falls otherwise changes all that comes after it."
    )
    st.markdown(f"Prompt: *{plain(prompt)}* …")
    columns = st.columns(len(others) + 1, gap="medium")
    with columns[0], st.container(border=True, height="stretch"):
        st.markdown("**The original**")
        st.markdown(in_paragraphs(original))
    for column, written in zip(columns[1:], others, strict=True):
        with column, st.container(border=True, height="stretch"):
            same, own = parted(original, written.text)
            st.markdown(f"**{plain(written.name)}**")
            st.markdown(marked(same, own))
            st.caption(_same_words(same, own))
    st.caption("Marked: from the first word that is not the original's.")


def parted(original: str, other: str) -> tuple[str, str]:
    """The other text up to the first word that differs, and the rest."""
    theirs, its = re.findall(r"\s*\S+", original), re.findall(r"\s*\S+", other)
    count = next(
        (k for k, pair in enumerate(zip(theirs, its, strict=False)) if pair[0] != pair[1]),
        min(len(theirs), len(its)),
    )
    length = sum(len(word) for word in its[:count])
    return other[:length], other[length:]


def marked(same: str, own: str) -> str:
    """Both parts as Markdown that reads neither as Markdown; the second on a coloured ground."""
    blank = " " if same and own[:1].isspace() else ""
    parts = [part.strip() for part in own.strip().split("\n")]
    dressed = "\n\n".join(f":orange-background[{plain(part)}]" if part else "" for part in parts)
    newline = "\n\n" if own[:1] == "\n" and same else blank
    return in_paragraphs(same) + newline + dressed


def in_paragraphs(text: str) -> str:
    """As Markdown that is not read as Markdown."""
    return "\n\n".join(plain(part) for part in text.split("\n") if part.strip())


def _same_words(same: str, own: str) -> str:
    count = len(same.split())
    if not own.strip():
        return f"All {count} words are the original's."
    if not count:
        return "Not even the first word is the same."
    return f"The first {count} words are the same." if count > 1 else "The first word is the same."
