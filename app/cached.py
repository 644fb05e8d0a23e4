"""The only caches: what is slow and depends on its arguments alone."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.background_job import BackgroundJobs
from lattice_core import Problem, closest_vector
from lattice_core.bound_laws import drawn_targets
from lattice_core.inputs import FloatArray
from lattice_core.many_targets import closest_codes_of_many, loss_ratios, nearest_plane_of_many

if TYPE_CHECKING:
    from torch import Tensor

    from app.real_layers.work import LatestHessians
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


@st.cache_data(max_entries=200, show_spinner=False)
def sampled_loss_ratios(problem: Problem, count: int, seed: int) -> FloatArray | None:
    """Loss over least possible loss of targets in the box; ``None`` for too skewed a basis."""
    targets = drawn_targets(problem, count, seed)
    lattice, order = problem.lattice, problem.order_indices
    codes = nearest_plane_of_many(lattice, targets, order).codes
    try:
        return loss_ratios(lattice, targets, codes, closest_codes_of_many(lattice, targets, order))
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


@st.cache_resource(show_spinner=False)
def latest_hessians() -> "LatestHessians":
    """The Hessians of the whole model that were gathered last."""
    from app.real_layers.work import LatestHessians

    return LatestHessians()


@st.cache_data(max_entries=300, show_spinner=False)
def order_comparison(
    layer: tuple[object, ...],
    bits: int,
    group: int | None,
    scales: str,
    damping: float,
    _weight: "Tensor",
    _hessian: "Tensor",
) -> "OrderComparison":
    """All orders on a layer, whose name and calibration determine the two tensors."""
    from lattice_core.layers.order_comparison import compare_orders

    return compare_orders(
        _weight,
        _hessian,
        bits=bits,
        group_size=group,
        scale_rule=scales,  # type: ignore[arg-type]
        damping=damping,
    )
