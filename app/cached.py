"""The only caches: what is slow and depends on its arguments alone."""

import numpy as np
import streamlit as st

from lattice_core import Problem, closest_vector, round_off


@st.cache_data(max_entries=500, show_spinner=False)
def answers(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Codes by plain rounding, and the exact closest vector's."""
    return (
        round_off(problem.lattice, problem.target, problem.grid),
        closest_vector(problem.lattice, problem.target, problem.grid),
    )
