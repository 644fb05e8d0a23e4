"""Fixtures for all tests, and the one import that cannot wait for its test."""

import numpy as np
import pytest

try:
    # Through cysignals it installs signal handlers, which works in the main thread only; a test
    # of a page would be the first to import it, in a thread of the app.
    import fpylll  # noqa: F401
except ImportError:
    pass


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh for every test and always the same, so a test that fails does so again alone."""
    return np.random.default_rng(20260117)
