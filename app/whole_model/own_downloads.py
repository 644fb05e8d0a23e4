"""What a visitor can take away of the models that were quantized here."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.whole_model.choice import RECIPE
from app.whole_model.run_job import Finished
from app.whole_model.study_downloads import as_html, as_json, buttons


def own_downloads(finished: Sequence[Finished], draw: Callable[[], go.Figure]) -> None:
    """Models, layers, texts, and the figure."""
    st.subheader("Take it away", anchor="downloads")
    buttons(
        {
            ("Models (CSV)", "own-runs.csv"): lambda: own_runs_csv(finished),
            ("Layers (CSV)", "own-layers.csv"): lambda: own_layers_csv(finished),
            ("Texts (JSON)", "own-texts.json"): lambda: own_texts_json(finished),
            ("Comparison (HTML)", "own-comparison.html"): lambda: as_html(draw(), "Comparison"),
        }
    )


def own_runs_csv(finished: Sequence[Finished]) -> str:
    """A row a model: what was asked, what came of it, and on which texts."""
    rows = [
        {
            **{name: value for name, value in asdict(done.choice).items() if name in RECIPE},
            **{
                k: v
                for k, v in asdict(done.run).items()
                if k not in ("stage", "seed", "held_out_loss")
            },
            "original_perplexity": done.original_perplexity,
            "calibration": done.calibration,
            "evaluation": done.evaluation,
        }
        for done in finished
    ]
    return str(pd.DataFrame(rows).to_csv(index=False))


def own_layers_csv(finished: Sequence[Finished]) -> str:
    """A row a model and layer."""
    rows = [asdict(layer) for done in finished for layer in done.layers]
    return str(pd.DataFrame(rows).drop(columns="held_out_loss").to_csv(index=False))


def own_texts_json(finished: Sequence[Finished]) -> str:
    """What each wrote, by key, with the original's."""
    first = finished[0]
    texts = {"prompt": first.prompt, "reference": first.original_text}
    return as_json(texts | {done.run.key: done.text for done in finished})
