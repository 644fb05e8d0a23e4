"""The only caches: what is slow and depends on its arguments alone."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.background_job import BackgroundJobs
from app.layer_choice import LayerChoice
from lattice_core import Problem, closest_vector

if TYPE_CHECKING:
    from torch import Tensor

    from lattice_core.language_model.load import LoadedModel
    from lattice_core.layers.order_comparison import OrderComparison

# Blocks whose Hessians are kept: 27 MB each.
KEPT_BLOCKS = 24


@st.cache_data(max_entries=500, show_spinner=False)
def closest_codes(problem: Problem) -> np.ndarray | None:
    """The exact closest vector's codes; ``None`` for a basis too skewed to try all candidates."""
    try:
        return closest_vector(problem.lattice, problem.target, problem.grid)
    except ValueError:
        return None


@st.cache_resource(show_spinner=False)
def background_jobs() -> BackgroundJobs:
    """The long work of all visitors."""
    return BackgroundJobs(keep=KEPT_BLOCKS)


@st.cache_resource(show_spinner=False)
def language_model() -> "LoadedModel":
    """The packaged model, loaded once for all visitors and never changed."""
    from lattice_core.language_model.load import load_model

    return load_model()


@st.cache_data(max_entries=300, show_spinner=False)
def order_comparison(
    choice: LayerChoice, _weight: "Tensor", _hessian: "Tensor"
) -> "OrderComparison":
    """All orders on a layer; the choice determines the two tensors."""
    from lattice_core.layers.order_comparison import compare_orders

    return compare_orders(
        _weight,
        _hessian,
        bits=choice.bits,
        group_size=choice.group,
        scale_rule=choice.scales,  # type: ignore[arg-type]
        damping=choice.damping,
    )
