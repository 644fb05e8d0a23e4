"""What a visitor can take away: the study's four files, and the figures."""

import json
from collections.abc import Callable, Mapping
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from lattice_core.language_model.study_record import (
    LAYER_RUNS,
    RUNS,
    STUDY,
    TEXTS,
    LayerRun,
    Study,
    StudyRun,
    as_csv,
)

MIMES = {"csv": "text/csv", "json": "application/json", "html": "text/html"}


def study_downloads(study: Study, figures: Mapping[str, Callable[[], go.Figure]]) -> None:
    """Buttons; a figure's key names its button and file."""
    st.subheader("Take it away", anchor="downloads")
    files = study_files(study)
    for name, draw in figures.items():
        files[f"{name} (HTML)", f"whole-model-{name.lower()}.html"] = partial(_drawn, draw, name)
    buttons(files)
    st.caption("The first four files are the study. `read_study` reads a folder that holds them.")


def study_files(study: Study) -> dict[tuple[str, str], Callable[[], str]]:
    """What is in each of the study's files, by label and file name."""
    return {
        ("Models (CSV)", RUNS): lambda: as_csv(study.runs, StudyRun),
        ("Layers (CSV)", LAYER_RUNS): lambda: as_csv(study.layers, LayerRun),
        ("The study (JSON)", STUDY): lambda: as_json(study.about),
        ("Texts (JSON)", TEXTS): lambda: as_json(study.texts),
    }


def _drawn(draw: Callable[[], go.Figure], name: str) -> str:
    return as_html(draw(), name)


def buttons(files: Mapping[tuple[str, str], Callable[[], str]]) -> None:
    """A button for each label and file name; what is in it is made when it is pressed."""
    with st.container(horizontal=True):
        for (label, file), make in files.items():
            st.download_button(
                label,
                data=make,
                file_name=file,
                mime=MIMES[file.rpartition(".")[2]],
                on_click="ignore",
                icon=":material/download:",
            )


def as_json(value: object) -> str:
    """As the files of the study have it."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def as_html(figure: go.Figure, title: str) -> str:
    """The figure as one page that needs nothing else."""
    page = go.Figure(figure).update_layout(
        template="plotly_white", height=700, margin={"l": 80, "r": 40, "t": 40, "b": 160}
    )
    html: str = page.to_html(include_plotlyjs=True, full_html=True)
    return html.replace("<head>", f"<head><title>{title}</title>", 1)
