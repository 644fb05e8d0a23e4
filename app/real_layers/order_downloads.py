"""What a visitor can take away from a comparison of orders: two tables."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app.real_layers.choice import LayerChoice
from app.real_layers.work import BlockData

if TYPE_CHECKING:
    from lattice_core.layers.order_results import OrderComparison


def order_downloads(choice: LayerChoice, data: BlockData, comparison: "OrderComparison") -> None:
    """Buttons for the comparison and the profiles, both CSV."""
    st.subheader("Take it away", anchor="downloads")
    name = f"orders-block-{choice.block}-{choice.linear}-{choice.bits}-bits"
    with st.container(horizontal=True):
        _button("Comparison (CSV)", f"{name}.csv", lambda: comparison_csv(choice, data, comparison))
        _button("Profiles (CSV)", f"{name}-profiles.csv", lambda: profiles_csv(comparison))
    st.caption("Pictures: the camera in the corner of each figure.")


def comparison_csv(choice: LayerChoice, data: BlockData, comparison: "OrderComparison") -> str:
    """One row for each order and treatment of overflow, with all that is needed to repeat it."""
    setting = choice.setting | {
        "group": "row" if choice.group is None else choice.group,
        "text": data.calibration.text.source,
        "text_sha256": data.calibration.text.sha256,
    }
    table = pd.DataFrame([setting | record for record in comparison.as_records()])
    return str(table.to_csv(index=False))


def profiles_csv(comparison: "OrderComparison") -> str:
    """One row for each order and position: the input column and its Gram-Schmidt length."""
    parts = [
        pd.DataFrame(
            {
                "order": profile.order,
                "position": range(1, len(profile.columns) + 1),
                "column": profile.columns,
                "length": profile.lengths,
            }
        )
        for profile in comparison.profiles
    ]
    return str(pd.concat(parts).to_csv(index=False))


def _button(label: str, file: str, make: object) -> None:
    st.download_button(
        label,
        data=make,  # type: ignore[arg-type]
        file_name=file,
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
