"""The model file of the set-up: found without importing its package, and checked bit for bit."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lattice_core.language_model import model_file
from lattice_core.language_model.model_file import (
    check_model_size,
    check_packaged_model,
    packaged_model_file,
)


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that cannot be imported, as the real one without its dependencies."""
    folder = tmp_path / model_file.MODEL_PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('its dependencies are not installed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_file_is_found_without_importing_its_package(fake_package: Path) -> None:
    (fake_package / model_file.MODEL_FILE_NAME).touch()
    assert packaged_model_file() == fake_package / model_file.MODEL_FILE_NAME
    assert model_file.MODEL_PACKAGE not in sys.modules


def test_missing_wheel_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MODEL_PACKAGE", "a_package_that_nobody_installed")
    assert packaged_model_file() is None


def test_wheel_without_its_file_is_an_error(fake_package: Path) -> None:
    with pytest.raises(ValueError, match=r"Q4_1\.gguf is missing.*--force-reinstall"):
        packaged_model_file()


@pytest.mark.parametrize("check", [check_model_size, check_packaged_model])
def test_truncated_file_is_an_error(check: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(ValueError, match=r"short\.gguf has 4 bytes.*98,362,432.*--force-reinstall"):
        check(path)


def test_file_with_other_contents_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    with path.open("wb") as file:
        file.truncate(model_file.MODEL_FILE_BYTES)  # all zeros; takes no room on the disk
    with pytest.raises(ValueError, match=rf"SHA-256 .*{model_file.MODEL_FILE_SHA256}"):
        check_packaged_model(path)


def test_installed_file_is_the_recorded_one() -> None:
    path = packaged_model_file()
    if path is None:
        pytest.skip("the model is not installed; `make test` fetches it when there is a network")
    check_packaged_model(path)
