"""The caches, beside that of charts (`app.chart`): what is slow and depends on its arguments alone."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.background_job import BackgroundJobs
from app.classroom.tally import Tally
from app.figures.dictionary_pairs import dictionary_figure
from lattice_core import (
    PRESETS,
    ManyRoundings,
    MinPivotStudy,
    Problem,
    closest_vector,
    min_pivot_study,
)
from lattice_core.bound_laws import drawn_targets
from lattice_core.damping_path import DampingCurve, damping_curve
from lattice_core.inputs import FloatArray
from lattice_core.loss_against_work import WorkPoint, loss_against_work
from lattice_core.many_targets import closest_codes_of_many, loss_ratios, nearest_plane_of_many
from lattice_core.overfitting import Overfitting, overfitting
from lattice_core.recorded_reduction import RecordedReduction, recorded_reduction
from lattice_core.recorded_row_shares import LayerRowShares
from lattice_core.reduced_problem import ReductionStage, reduction_stages
from lattice_core.reduction_contest import Contender, contest, made_up_hessian
from lattice_core.sorting_path import SortingPath, sorting_path

if TYPE_CHECKING:
    from torch import Tensor

    from app.gpu_kernels.text_job import PackedModels
    from app.real_layers.work import LatestHessians
    from app.whole_model.run_job import Original
    from kernels.benchmark.record import Run
    from lattice_core.language_model import OrderSurvey
    from lattice_core.language_model.load import LoadedModel
    from lattice_core.layers.calibration_transfer import CalibrationTransfer
    from lattice_core.layers.order_results import OrderComparison
    from lattice_core.layers.toy_coding import ToyCoding

# Blocks whose Hessians are kept: 27 MB each.
KEPT_BLOCKS = 24


@st.cache_data(max_entries=300, show_spinner=False)
def stages_of_reduction(problem: Problem, delta: float = 0.99) -> tuple[ReductionStage, ...]:
    """Nearest plane's numbers after each move of LLL."""
    return reduction_stages(problem, delta)


@st.cache_data(max_entries=500, show_spinner=False)
def closest_codes(problem: Problem) -> np.ndarray | None:
    """The exact closest vector's codes; ``None`` for a basis too skewed to try all candidates."""
    try:
        return closest_vector(problem.lattice, problem.target, problem.grid)
    except ValueError:
        return None


@st.cache_data(max_entries=100, show_spinner=False)
def rounded_targets(
    problem: Problem, count: int, seed: int, beyond: float
) -> tuple[FloatArray, ManyRoundings]:
    """Targets drawn for the problem, and what nearest plane makes of them."""
    targets = drawn_targets(problem, count, seed, beyond)
    order = problem.order_indices
    return targets, nearest_plane_of_many(problem.lattice, targets, order, problem.grid)


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


@st.cache_data(max_entries=200, show_spinner=False)
def searches_compared(
    problem: Problem, count: int, temperature: float
) -> tuple[WorkPoint, ...] | str:
    """Every search on targets of the problem's lattice; why not, for too skewed a basis."""
    try:
        return loss_against_work(problem, count, 0, temperature)
    except ValueError as error:
        return str(error)


@st.cache_data(max_entries=20, show_spinner=False)
def min_pivot_measured(size: int, draws: int) -> MinPivotStudy:
    """min_pivot against the best order on random Hessians."""
    return min_pivot_study(size, draws)


@st.cache_resource(show_spinner=False)
def dictionary_on_show() -> go.Figure:
    """The dictionary's figure, the same for all visitors; never changed."""
    return dictionary_figure(PRESETS["skewed"].problem)


@st.cache_data(max_entries=40, show_spinner=False)
def overfitting_measured(samples: int, seed: int) -> Overfitting:
    """A made-up layer, calibrated on few or many inputs, for each damping."""
    return overfitting(samples, seed=seed)


@st.cache_data(max_entries=200, show_spinner=False)
def losses_by_damping(problem: Problem) -> DampingCurve:
    """Losses and bounds of a problem along many dampings."""
    return damping_curve(problem)


@st.cache_data(max_entries=20, show_spinner=False)
def toy_outlier_rates(bits: int) -> tuple[FloatArray, FloatArray]:
    """Factors, and SSQR's outlier rate on the toy row with each."""
    from lattice_core.toy_row import toy_outlier_curve

    factors = np.geomspace(0.2, 1.6, 60)
    return factors, np.array([run.outlier_rate for run in toy_outlier_curve(bits, factors)])


@st.cache_data(max_entries=20, show_spinner=False)
def toy_coded(size: float) -> "ToyCoding":
    """HPTQ and a Huffman coder on the toy layer."""
    from lattice_core.layers.toy_coding import toy_coding

    return toy_coding(size)


@st.cache_resource(show_spinner=False)
def recorded_real_reduction() -> RecordedReduction:
    """Inputs of real layers, and what was made of whole ones; read once."""
    return recorded_reduction()


@st.cache_data(max_entries=20, show_spinner=False)
def sorting_of(which: int, size: int, order: str) -> SortingPath:
    """LLL on so many inputs of a recorded slice, swap by swap."""
    record = recorded_real_reduction()
    hessian = record.slices[which].damped_hessian(size, record.damping)
    return sorting_path(hessian, order, delta=record.delta)


def contest_hessian(kind: str, size: int) -> FloatArray:
    """The Hessian that a choice of the lesson *Lattice reduction* names: ``random``, … ``real2``."""
    if not kind.startswith("real"):
        return made_up_hessian(kind, size, seed=0)  # type: ignore[arg-type]
    record = recorded_real_reduction()
    return record.slices[int(kind.removeprefix("real"))].damped_hessian(size, record.damping)


@st.cache_data(max_entries=100, show_spinner="LLL is at work.")
def reduction_contest(kind: str, size: int, delta: float) -> tuple[Contender, ...]:
    """Orders and LLL on a lattice, with their times."""
    return contest(contest_hessian(kind, size), delta)


@st.cache_resource(show_spinner=False)
def background_jobs() -> BackgroundJobs:
    """The long work of all visitors."""
    return BackgroundJobs(keep=KEPT_BLOCKS)


@st.cache_resource(show_spinner=False)
def tally() -> Tally:
    """The predictions of all classes."""
    return Tally()


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


@st.cache_resource(show_spinner=False)
def recorded_survey() -> "OrderSurvey":
    """All layers in every order, as shipped; read once."""
    from lattice_core.language_model import recorded_survey as read

    return read()


@st.cache_resource(show_spinner=False)
def recorded_kernel_runs() -> "dict[str, Run]":
    """Runs of the kernels' benchmark, as shipped, by file name; read once."""
    from kernels.benchmark.record import recorded_runs

    return recorded_runs()


@st.cache_resource(show_spinner=False)
def device_limits(device: str) -> tuple[float, float]:
    """Copy bandwidth in bytes a second, and microseconds of a launch."""
    import torch

    from kernels.benchmark.timing import copy_bandwidth, launch_microseconds

    return copy_bandwidth(torch.device(device)), launch_microseconds(torch.device(device))


@st.cache_resource(show_spinner=False)
def packed_models() -> "PackedModels":
    """The packaged model as it was packed last."""
    from app.gpu_kernels.text_job import PackedModels

    return PackedModels()


@st.cache_resource(show_spinner=False)
def original_models() -> "dict[int, Original]":
    """What the packaged model makes of the text that others are judged on, by its tokens."""
    return {}


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


@st.cache_data(max_entries=500, show_spinner=False)
def row_shares(
    layer: tuple[object, ...],
    bits: int,
    group: int | None,
    scales: str,
    damping: float,
    order: str,
    _weight: "Tensor",
    _hessian: "Tensor",
) -> LayerRowShares:
    """Loss over bound of each row, kept and clipped; arguments as in `order_comparison`."""
    from lattice_core.layers.row_shares import layer_row_shares

    return layer_row_shares(
        str(layer[0]),
        _weight,
        _hessian,
        bits=bits,
        group_size=group,
        scale_rule=scales,  # type: ignore[arg-type]
        damping=damping,
        order=order,
    )


@st.cache_data(max_entries=500, show_spinner=False)
def calibration_transfer(
    layer: tuple[object, ...],
    bits: int,
    group: int | None,
    scales: str,
    damping: float,
    _weight: "Tensor",
    _hessians: "dict[str, Tensor]",
) -> "CalibrationTransfer":
    """The layer calibrated on each text; its name and the calibrations determine the tensors."""
    from lattice_core.layers.calibration_transfer import calibration_transfer

    return calibration_transfer(
        _weight,
        _hessians,
        bits=bits,
        group_size=group,
        scale_rule=scales,  # type: ignore[arg-type]
        damping=damping,
    )
