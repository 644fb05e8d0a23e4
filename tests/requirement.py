"""What a test needs of the machine and may not find."""

import os
from typing import NoReturn

import pytest


def not_here(message: str) -> NoReturn:
    """Skip the test; in CI, where the variable CI is "true" and nothing may be missing, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
