"""What a visitor can take away from a survey of all layers."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

if TYPE_CHECKING:
    from lattice_core.language_model import OrderSurvey


def survey_downloads(survey: "OrderSurvey") -> None:
    """Buttons for the table (CSV) and the survey as it is recorded (JSON)."""
    st.subheader("Take it away", anchor="downloads")
    name = f"all-layers-{survey.bits}-bits"
    with st.container(horizontal=True):
        for label, kind, make in (
            ("All numbers (CSV)", "csv", lambda: survey_csv(survey)),
            ("Survey (JSON)", "json", survey.to_json),
        ):
            st.download_button(
                label,
                data=make,
                file_name=f"{name}.{kind}",
                mime={"csv": "text/csv", "json": "application/json"}[kind],
                on_click="ignore",
                icon=":material/download:",
            )
    st.caption(
        "The table has one row for each layer, order and treatment of overflow. The JSON has the "
        "form of the recorded run, with all that is needed to repeat it."
    )


def survey_csv(survey: "OrderSurvey") -> str:
    """One row for each layer, order and treatment of overflow, with settings and LLL."""
    setting = {
        "text": survey.text,
        "text_sha256": survey.text_sha256,
        "tokens": survey.tokens,
        "seed": "start" if survey.seed is None else survey.seed,
        "group": survey.group_size or "row",
        "scales": survey.scale_rule,
        "damping": survey.damping,
        "date": survey.date,
    }
    reductions = survey.reductions_by_layer
    rows = []
    for layer in survey.layers:
        found = reductions.get(layer.layer, {})
        for record in layer.as_records():
            reduction = found.get(str(record["order"]))
            lll = {
                "lll_pivot_sum": reduction.pivot_sum if reduction else None,
                "lll_swaps": reduction.swaps if reduction else None,
            }
            rows.append(setting | record | lll)
    return str(pd.DataFrame(rows).to_csv(index=False))
