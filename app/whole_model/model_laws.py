"""The page's laws, checked on one quantized model."""

from collections.abc import Sequence

import streamlit as st

from app.laws import laws_panel
from app.shared_problem import plain
from lattice_core.language_model import study_laws
from lattice_core.language_model.study_record import LayerRun, StudyRun


def laws_of(
    run: StudyRun, layers: Sequence[LayerRun], others: Sequence[StudyRun], title: str
) -> None:
    """The panel, and which model it is about.

    Parameters
    ----------
    run : StudyRun
    layers : sequence of LayerRun
        Of the run.
    others : sequence of StudyRun
        For the law that compares two; left out if these are not among them.
    title : str
        Of the run.
    """
    spacing = study_laws.spacing_beats_one_scale(run, others)
    checks = [
        study_laws.size_is_met(run, layers),
        study_laws.clipping_voids_the_bound(run, layers),
        study_laws.above_the_gaussian_reference(run, layers),
        *([spacing] if spacing else []),
    ]
    st.caption(f"The laws below are checked on the model chosen above: {plain(title)}.")
    laws_panel(checks)
    if spacing is None:
        st.caption(
            "Law L20 compares Spacing with HPTQ. It is shown once both were run with these bits, this order, these "
            "inputs, and all else the same."
        )
