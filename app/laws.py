"""The live-check panel: each law's statement, both sides in numbers, and a verdict."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.figures.numbers import short, vector
from lattice_core.laws import LawCheck


def laws_panel(checks: Sequence[LawCheck]) -> None:
    """Show laws as computed now on the problem at hand."""
    st.subheader("The laws, checked on this problem", anchor="laws")
    columns = st.columns(2)
    for place, check in enumerate(checks):
        card = f"law_{check.number}_{check.title}"
        with columns[place % 2], st.container(border=True, key=card):
            st.markdown(f"**{check.number}. {check.title}** {verdict(check)}")
            st.markdown(check.statement)
            st.markdown(
                f"| {check.left_name} | | {check.right_name} |\n|---|:-:|---|\n"
                f"| {_side(check.left, False)} | {_relation(check)} | "
                f"{_side(check.right, bool(check.void))} |"
            )
            if check.void:
                st.markdown(f"The law says nothing here: {check.void}")
            st.caption(f"Source: {check.source}")
    st.caption(
        "$H = X^\\top X$ is the Hessian, $\\bar H = H + \\bar\\lambda I$ the **damped** Hessian, with "
        "$\\bar\\lambda = \\lambda \\cdot \\mathrm{mean}(\\mathrm{diag}\\,H)$. With damping $\\lambda = 0$ "
        "the two are the same."
    )


def verdict(check: LawCheck) -> str:
    """A coloured word: holds, void or fails."""
    if check.void:
        return ":orange-badge[:material/block: does not apply]"
    if check.holds:
        return ":green-badge[:material/check: holds]"
    return ":red-badge[:material/close: fails]"


def _relation(check: LawCheck) -> str:
    """What the law says; what is the case instead, where it fails."""
    if check.holds or check.void:
        return check.relation
    return {"=": "≠", "≤": ">", "∈": "∉"}[check.relation]


def _side(value: float | np.ndarray, crossed_out: bool) -> str:
    text = vector(value) if isinstance(value, np.ndarray) else short(value)
    return f"~~{text}~~" if crossed_out else text
