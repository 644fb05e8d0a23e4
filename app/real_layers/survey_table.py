"""All layers in a table that can be sorted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app.order_names import ORDER_NAMES

if TYPE_CHECKING:
    from lattice_core.language_model import OrderSurvey
    from lattice_core.layers.order_results import LayerOrders

# Title, format (of Streamlit's number columns) and meaning.
COLUMNS = {
    "block": ("block", "%d", "The model's 30 blocks, first to last."),
    "linear": ("layer", None, "The linear layer in its block."),
    "size": ("size", None, "Outputs × inputs."),
    "pivots": ("tr(D)", "localized", "The sum of the pivots of this order. Smaller is better."),
    "floor": ("÷ floor", "%.3f", "tr(D) over the least that any order could have (law L10)."),
    "bound": ("bound", "localized", "The loss can be no larger if no code is clipped (law L6)."),
    "kept": ("loss, kept", "localized", "Damped, summed over rows and tokens; every code kept."),
    "kept_share": ("kept ÷ bound", "%.3f", "At most 1 (law L6)."),
    "kept_best": ("best, kept", None, "The order with the least loss, every code kept. ★ this one"),
    "clipped": ("loss, clipped", "localized", "With codes clipped to the grid."),
    "clipped_share": (
        "clipped ÷ bound",
        "%.3f",
        "May exceed 1: where codes are clipped the bound is void (law L9).",
    ),
    "clipped_best": ("best, clipped", None, "The order with the least loss, clipped. ★ this one"),
    "fraction": ("clipped codes", "percent", "Codes that wanted to lie beyond the grid."),
    "lll": ("tr(D) after LLL", "localized", "LLL started back to front; inputs up to 1,024."),
    "swaps": ("LLL swaps", "%d", "Neighbours that LLL exchanged on its way from back to front."),
    "more_swaps": ("… after min-pivot", "%d", "Neighbours exchanged when started from min-pivot."),
}


def survey_table(survey: "OrderSurvey", order: str, choose: Callable[[str], None]) -> None:
    """One row a layer, in one order; a chosen row is told by its layer's name."""
    table = table_of(survey, order)

    def tell() -> None:
        rows = st.session_state.survey_table.selection.rows
        if rows and rows[0] < len(survey.layers):
            choose(survey.layers[rows[0]].layer)

    st.dataframe(
        table,
        column_config={
            name: st.column_config.Column(title, help=meaning, pinned=name in ("block", "linear"))
            if form is None
            else st.column_config.NumberColumn(
                title, help=meaning, format=form, pinned=name in ("block", "linear")
            )
            for name, (title, form, meaning) in COLUMNS.items()
        },
        hide_index=True,
        height=420,
        key="survey_table",
        on_select=tell,
        selection_mode="single-row",
        alt="One row a layer: tr(D), bound, losses, clipped codes and LLL in the chosen order.",
    )


def table_of(survey: "OrderSurvey", order: str) -> pd.DataFrame:
    """The numbers of one order, a row a layer."""
    reductions = survey.reductions_by_layer
    rows = []
    for layer in survey.layers:
        kept, clipped = layer.result(order, "keep"), layer.result(order, "clip")
        found = reductions.get(layer.layer, {})
        natural, after = found.get("back_to_front"), found.get("min_pivot")
        rows.append(
            {
                "block": layer.block,
                "linear": layer.linear,
                "size": f"{layer.rows} × {layer.columns}",
                "pivots": _four(kept.pivot_sum),
                "floor": kept.pivot_sum / layer.pivot_floor,
                "bound": _four(kept.bound),
                "kept": _four(kept.loss),
                "kept_share": kept.loss_over_bound,
                "kept_best": _best(layer, "keep", order),
                "clipped": _four(clipped.loss),
                "clipped_share": clipped.loss_over_bound,
                "clipped_best": _best(layer, "clip", order),
                "fraction": clipped.clipped_fraction,
                "lll": natural and _four(natural.pivot_sum),
                "swaps": natural and natural.swaps,
                "more_swaps": after and after.swaps,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _best(layer: "LayerOrders", overflow: str, order: str) -> str:
    best = layer.best(overflow).order  # type: ignore[arg-type]
    return ("★ " if best == order else "") + ORDER_NAMES[best].name


def _four(value: float) -> float:
    """Four significant digits: what the eye can compare. The CSV has them all."""
    return float(f"{value:.4g}")
