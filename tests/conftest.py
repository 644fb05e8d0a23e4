"""Fixtures for all tests, and the one import that cannot wait for its test."""

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

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
    """The packaged model, loaded once (12 s); never changed by a test."""
    pytest.importorskip("transformers")
    from lattice_core.language_model import load_model
    from lattice_core.language_model.model_file import packaged_model_file

    if packaged_model_file() is None:
        pytest.skip("the model is not installed; `make test` fetches it when there is a network")
    return load_model()
