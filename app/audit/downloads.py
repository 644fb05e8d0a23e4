"""What a visitor can take away from an audit: numbers, the figure, and an example as a file."""

import json

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.audit.choice import LAYER, AuditChoice
from app.audit.work import Found, npz
from app.figures.audit_ratios import audit_ratios


def audit_downloads(choice: AuditChoice, found: Found) -> None:
    """Buttons for the records (CSV, JSON) and the figure (HTML)."""
    st.subheader("Take it away", anchor="downloads")
    name = f"audit-{choice.layer.replace('_', '-')}"
    makers = {
        "All numbers (CSV)": (f"{name}.csv", "text/csv", lambda: records_csv(found)),
        "All numbers (JSON)": (f"{name}.json", "application/json", lambda: records_json(found)),
        "Figure (HTML)": (f"{name}.html", "text/html", lambda: figure_html(found)),
    }
    with st.container(horizontal=True):
        for label, (file, mime, make) in makers.items():
            st.download_button(
                label,
                data=make,
                file_name=file,
                mime=mime,
                on_click="ignore",
                icon=":material/download:",
            )
    st.caption(
        "One record for the layer as it is, one for each order, one for each alternative, all with the "
        "same fields."
    )


def example_download(choice: AuditChoice, found: Found) -> None:
    """The example on show as a file that this page reads."""
    layer = found.layer
    if layer is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "This example as a file (.npz)",
            data=lambda: npz(layer),
            file_name=f"{choice.layer.replace('_', '-')}.npz",
            mime="application/octet-stream",
            on_click="ignore",
            icon=":material/download:",
        )
        st.markdown("It holds W, Q and H, and can be uploaded here as a file of yours.")


def records_csv(found: Found) -> str:
    """The audit's records, each with what was audited."""
    return str(pd.DataFrame(_records(found)).to_csv(index=False))


def records_json(found: Found) -> str:
    """The same."""
    return json.dumps(_records(found), indent=2, allow_nan=False)


def figure_html(found: Found) -> str:
    """The figure as one self-contained page."""
    figure = go.Figure(audit_ratios(found.audit.alternatives))
    title = f"What would have been better: {_layer(found)}"
    figure.update_layout(template="plotly_white", margin={"l": 24, "r": 24, "t": 60, "b": 24})
    html = figure.to_html(include_plotlyjs=True, full_html=True)
    return html.replace("<head>", "<head><title>Audit of a layer</title>", 1).replace(
        "<body>", f"<body><h3>{_escaped(title)}</h3>", 1
    )


def _records(found: Found) -> list[dict[str, object]]:
    audit = found.audit
    setting: dict[str, object] = {
        "layer": _layer(found),
        "file_sha256": found.sha256 or None,
        "rows": audit.rows,
        "columns": audit.columns,
        "grid_bits": audit.bits,
        "granularity": audit.granularity,
        "group_size": audit.group_size,
        "symmetric": found.grid.is_symmetric,
        "offsets": found.grid.has_offsets,
        "damping_asked": found.asked_damping,
        "energy": audit.energy,
    }
    return [setting | record for record in audit.as_records()]


def _layer(found: Found) -> str:
    return found.name if found.sha256 else f"{LAYER}: {found.name}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
