"""The examples in the docstrings of the small core are run."""

import doctest
from importlib import import_module
from pkgutil import iter_modules

import lattice_core


def test_examples_in_docstrings_give_what_they_show() -> None:
    # The subpackages need torch and are tested with it.
    names = [module.name for module in iter_modules(lattice_core.__path__) if not module.ispkg]
    results = [doctest.testmod(import_module(f"lattice_core.{name}")) for name in names]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) > 0
