"""The page *Whole model* on the made-up study, for tests."""

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from laboratory_app import open_laboratory
from streamlit.testing.v1 import AppTest

pytest.importorskip("torch")

from made_up_study import made_up_study

from lattice_core.language_model import study_record

STUDY = made_up_study()
KEYS = tuple(run.key for run in STUDY.runs)
GPTQ = "A-gptq-3.25-act_order-clip-one_shot-own-text"
HPTQ = "A-hptq-3.25-act_order-clip-one_shot-own-text"
open_page = partial(open_laboratory, "whole_model")


def figure(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[place].proto.spec)


def lines(app: AppTest, place: int = 0) -> dict[str, dict]:
    """The traces of a figure, by name."""
    return {trace["name"]: trace for trace in figure(app, place)["data"] if "name" in trace}


def values(trace: dict, axis: str) -> list[float]:
    """As numbers: plotly packs arrays of NumPy."""
    found = trace[axis]
    if isinstance(found, dict):
        import base64

        return np.frombuffer(base64.b64decode(found["bdata"]), found["dtype"]).tolist()
    return found


def run_of(key: str) -> study_record.StudyRun:
    found = STUDY.run(key)
    assert found is not None
    return found
