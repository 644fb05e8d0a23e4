"""What this machine lacks is said in the same words on *Home* and on the page that needs it."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from requirement import not_here
from streamlit.testing.v1 import AppTest

from app import machine
from app.machine import LIBRARIES, Ability, abilities, what_is_missing
from lattice_core.language_model import model_file


@pytest.fixture
def folder_of_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All libraries, and the folder of a model's wheel with no file in it yet."""
    monkeypatch.setattr(machine, "find_spec", lambda _: object())
    monkeypatch.setattr(model_file, "MODEL_PACKAGE", "a_model_of_this_test")
    package = tmp_path / model_file.MODEL_PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def ability(name: str) -> Ability:
    return next(found for found in abilities() if found.name == name)


def test_whole_model_is_on_disk(folder_of_model: Path) -> None:
    with (folder_of_model / model_file.MODEL_FILE_NAME).open("wb") as file:
        file.truncate(model_file.MODEL_FILE_BYTES)  # all zeros; takes no room on the disk
    assert what_is_missing() == ""
    model = ability("Small language model")
    assert model.present
    assert "on disk" in model.detail


def test_truncated_model_is_named(folder_of_model: Path) -> None:
    (folder_of_model / model_file.MODEL_FILE_NAME).write_bytes(b"GGUF")
    model = ability("Small language model")
    assert not model.present
    assert "has 4 bytes where the model of the set-up has 98,362,432" in model.detail
    assert what_is_missing() == model.detail


def test_wheel_without_its_file_is_told_on_home(folder_of_model: Path) -> None:
    app = AppTest.from_file("../app/main.py", default_timeout=60).run()
    assert not app.exception
    told = next(text.value for text in app.markdown if "**Small language model**" in text.value)
    assert f"{model_file.MODEL_FILE_NAME} is missing" in told
    assert what_is_missing() in told


def test_missing_wheel_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MODEL_PACKAGE", "a_package_that_nobody_installed")
    assert "is not installed" in ability("Small language model").detail
    assert "make app" in ability("Small language model").detail


@pytest.mark.parametrize("library", LIBRARIES)
def test_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda n: None if n == library else find_spec(n))
    libraries = ability("PyTorch and transformers")
    assert not libraries.present
    assert f"not installed: {library}." in libraries.detail
    assert what_is_missing() == libraries.detail


def test_fpylll_counts_for_nothing_without_cysignals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda n: None if n == "cysignals" else object())
    assert not ability("fpylll").present


# What the tests themselves lack


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip), ("true", pytest.fail)])
def test_what_a_test_lacks_skips_it_and_fails_it_in_ci(ci, outcome, monkeypatch) -> None:
    monkeypatch.setenv("CI", ci)
    # Both are awaited, for a skip that nobody catches would skip this test.
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="no such") as raised:
        not_here("no such thing")
    assert raised.type is outcome.Exception
