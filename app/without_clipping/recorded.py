"""The recorded layer on show."""

import csv
import io

import streamlit as st

from app.lesson_options import OPTIONS, chosen, option_select
from app.shared_problem import shows
from lattice_core.recorded_clipping_study import LayerClipping, recorded_clipping_study

COLUMNS = ("layer", "method", "grid_bits", "bits_per_weight", "loss", "relative_loss", "bound")
COLUMNS += ("clipped_fraction", "outlier_rate", "factor", "reference_rate", "distance")


def layer_on_show() -> LayerClipping:
    """The layer chosen."""
    return recorded_clipping_study().layer(f"model.layers.{chosen('kept_layer')}")


def layer_title(layer: LayerClipping) -> str:
    """``block 15, down_proj``."""
    title = OPTIONS["kept_layer"].choices[layer.layer.removeprefix("model.layers.")]
    return title[0].lower() + title[1:]


def layer_controls() -> None:
    """Choose layer and size."""
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            option_select("kept_layer")
            option_select("kept_bits")


def runs_csv() -> str:
    """Every recorded run, one a line."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for layer in recorded_clipping_study().layers:
        for run in layer.runs:
            row = [layer.layer, run.method, run.bits, run.bits_per_weight, run.loss]
            row += [run.relative_loss, run.bound, run.clipped_fraction, run.outlier_rate]
            row += [run.factor, layer.reference_rate(run), layer.distance(run)]
            table.writerow(row)
    return text.getvalue()
