"""Fixtures for all tests, and the one import that cannot wait for its test."""

import os
import shutil

if shutil.which("nvidia-smi") is None:
    # Read when the kernels are imported: without a GPU they run in Triton's interpreter.
    os.environ.setdefault("TRITON_INTERPRET", "1")

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from requirement import not_here

from app.machine import what_is_missing

if TYPE_CHECKING:
    from lattice_core.language_model import LoadedModel

with suppress(ImportError):
    # Through cysignals it installs signal handlers, which works in the main thread only; a test
    # of a page would be the first to import it, in a thread of the app.
    import fpylll  # noqa: F401


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh for every test and always the same, so a test that fails does so again alone."""
    return np.random.default_rng(20260117)


@pytest.fixture(scope="session")
def smollm2() -> "LoadedModel":
    """The packaged model, loaded once (12 s); never changed by a test.

    Where it is not installed the test is skipped, or fails in CI.
    """
    if missing := what_is_missing():
        not_here(missing)
    from lattice_core.language_model import load_model

    return load_model()


@pytest.fixture
def model_in_app(smollm2: "LoadedModel", monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The app finds the model that these tests have loaded, and no work of earlier tests."""
    from app import cached

    monkeypatch.setattr("lattice_core.language_model.load.load_model", lambda: smollm2)
    caches = (cached.language_model, cached.background_jobs, cached.latest_hessians)
    results = (cached.order_comparison, cached.row_shares, cached.calibration_transfer)
    for cache in (*caches, *results):
        cache.clear()
    yield
    cached.background_jobs().close()
    for cache in caches:
        cache.clear()


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The model is not installed, so that nothing starts by itself; and no job of earlier tests."""
    from app import cached, machine

    missing = "SmolLM2-135M-Instruct (98 MB) is not installed. What to do: …"
    monkeypatch.setattr(machine, "what_is_missing", lambda: missing)
    cached.background_jobs.clear()
    yield
    cached.background_jobs().close()
    cached.background_jobs.clear()


@pytest.fixture
def study_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up study stands for the one that ships."""
    from whole_model_app import STUDY

    from lattice_core.language_model import study_record

    monkeypatch.setattr(study_record, "recorded_study", lambda: STUDY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers: one Chromium and one model at a time, each other file on one worker."""
    for item in items:
        if item.get_closest_marker("browser"):
            group = "browser"
        elif item.get_closest_marker("model") or "smollm2" in getattr(item, "fixturenames", ()):
            group = "model"
        else:
            group = item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
