"""The app in a real Chromium: starting the server and the browser, and every selector and wait in one place."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from requirement import not_here

from app.__main__ import THREAD_POLICY
from app.static_files import provide_plotly

REPOSITORY = Path(__file__).parents[1]
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def require_chromium() -> str:
    """Path of the installed Chromium. Without one the test is skipped, or fails in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    not_here("No Chromium found. Get it with `apt-get install chromium` and run the tests again.")


@contextmanager
def serve(entry: Path, seconds: float = 60) -> Iterator[str]:
    """Run ``streamlit run entry`` on a free port while the block lasts; yields the address of the app."""
    provide_plotly(entry.parent / "static")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    options = {
        "server.port": port,
        "server.address": "localhost",
        "server.headless": "true",
        "server.enableStaticServing": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    # From the repository root, where `python -m` finds our packages even if they are not installed.
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(entry), *flags],
        cwd=REPOSITORY,
        env=THREAD_POLICY | os.environ,
    )
    address = f"http://localhost:{port}"
    try:
        wait_until_healthy(server, address, seconds)
        yield address
    finally:
        server.terminate()
        server.wait()


def wait_until_healthy(server: subprocess.Popen, address: str, seconds: float = 60) -> None:
    """Until the server answers; an error if it ends or takes longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(
                f"streamlit ended with status {server.returncode} before it served {address}."
            )
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"{address} did not answer within {seconds} s.")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium (playwright's Browser) while the block lasts."""
    from playwright.sync_api import sync_playwright

    path = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def eventually(check: Callable[[], bool], seconds: float = 30, what: str = "") -> None:
    """Wait until ``check()`` is true; it is polled from here, so it may use any of the methods below."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds} s: {what or check}")
        time.sleep(0.02)


class AppPage:
    """One browser tab with the app in it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address

    def open(self, path: str = "/") -> "AppPage":
        self.page.goto(self.address + path)
        self.wait()
        return self

    def reload(self) -> None:
        self.page.reload()
        self.wait()

    def wait(self) -> None:
        """Until the script has finished and nothing more is on its way."""
        self.page.wait_for_selector("[data-testid='stApp'][data-test-connection-state='CONNECTED']")
        self.page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")

    def go_to(self, title: str) -> None:
        """By a link on the page or in its side bar."""
        self.page.get_by_role("link", name=title).click()
        self.wait()

    def go_to_chapter(self, section: str, title: str) -> None:
        """By the menus at the top, as a visitor does."""
        self.page.get_by_text(section).first.click()
        self.page.get_by_role("menuitem", name=title).click()
        self.wait()

    def go_to_page(self, section: str, title: str) -> None:
        """By the navigation at the top, whatever the page's place in it; waits until it is there."""
        if section:
            self.page.get_by_test_id("stTopNavSection").filter(has_text=section).click()
            self.page.get_by_role("menuitem", name=title).click()
        else:
            self.page.get_by_test_id("stTopNavLink").filter(has_text=title).first.click()
        self.page.wait_for_function(
            "title => document.title.startsWith(title)", arg=title if section else "Nearest Plane"
        )
        self.wait()

    def beyond_the_edge(self) -> list[str]:
        """Elements that stick out of the window; tables, formulas, code and figures scroll by themselves."""
        return self.page.evaluate(
            "[...document.querySelectorAll('[data-testid=stMain] *')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth + 1"
            " && !e.closest('table, .katex, pre, .stepper-graph, .stDataFrame, .stElementToolbar, [role=dialog]')"
            " && !e.parentElement.style.clip)"  # the input of a slider, which nobody sees
            ".map(e => e.tagName + '.' + e.className).slice(0, 3)"
        )

    def press_button(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str, option: str) -> None:
        """Open a selectbox and take an option; a rerun under way may close the list, then it is opened again."""
        listed = self.page.get_by_role("option", name=option)

        def is_open() -> bool:
            if not listed.is_visible():
                self.page.get_by_role("combobox", name=name).click()
                self.page.wait_for_timeout(500)
            return bool(listed.is_visible())

        eventually(is_open, what=f"the list of {name} shows {option}")
        listed.click(timeout=5_000)

    def text_input(self, label: str) -> Any:
        return self.page.get_by_label(label)

    def number_input(self, label: str) -> Any:
        return self.page.get_by_role("spinbutton", name=label)

    def wait_for_text(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).wait_for()

    def text(self, pattern: str) -> str:
        """The one line of text on the page that matches the regular expression."""
        return self.page.get_by_text(re.compile(pattern)).inner_text()

    def symbol(self, key: str) -> Any:
        """The buttons of a linked formula's symbol, by its key."""
        return self.page.locator(f".linked-formulas [data-symbol='{key}']")

    def lit_symbols(self) -> set[str]:
        """Keys of the symbols that are lit in linked formulas."""
        lit = self.page.locator(".linked-formulas [data-lit]")
        return {button.get_attribute("data-symbol") for button in lit.all()}

    def stepper(self, key: str) -> "StepperOnPage":
        found = StepperOnPage(self.page, key)
        eventually(lambda: found.drawn_step() is not None, what=f"stepper {key!r} is drawn")
        return found


class StepperOnPage:
    """The stepper that was mounted with ``key``."""

    def __init__(self, page: Any, key: str) -> None:
        self.page = page
        self.root = page.locator(f".st-key-{key} .stepper")
        self.graph = self.root.locator(".stepper-graph")
        self.handle = self.handle_of("target")
        self.sentence = self.root.locator(".stepper-sentence")
        self.position = self.root.locator(".stepper-position")
        self.message = self.root.locator(".stepper-message")
        self.scrub = self.root.get_by_role("slider")

    def button(self, name: str) -> Any:
        """By its label: "First step", "Step back", "Play", "Pause", "Step forward", "Last step", "Reset view", …"""
        return self.root.get_by_role("button", name=name, exact=True)

    def ask(self, expression: str) -> Any:
        """Evaluate a JavaScript expression of ``gd``, the plotly graph element."""
        return self.graph.evaluate(f"gd => {expression}")

    def drawn_step(self) -> int | None:
        """The step on the screen; None before the first drawing."""
        if self.graph.count() == 0:
            return None
        return self.ask("gd.__stepper?.step ?? null")

    def wait_for_step(self, step: int) -> None:
        eventually(lambda: self.drawn_step() == step, what=f"step {step} is drawn")

    def timings(self, name: str) -> list[float]:
        """``drawMilliseconds`` or ``answerMilliseconds``; see the head of stepper.js."""
        return self.ask(f"gd.__stepper.{name}")

    def trace(self, index: int) -> dict:
        """Position of a trace as plotly holds it now, after all merging."""
        return self.ask(f"({{x: [...gd._fullData[{index}].x], y: [...gd._fullData[{index}].y]}})")

    def camera(self, scene: str = "scene") -> dict:
        return self.ask(f"gd._fullLayout.{scene}.camera.eye")

    def handle_of(self, name: str) -> Any:
        """The ring around a point that can be dragged."""
        return self.root.locator(f".stepper-handle[data-handle={name}]")

    def handle_centre(self, name: str = "target") -> tuple[float, float]:
        box = self.handle_of(name).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def turn_scene(self, right: float = 80, down: float = 40) -> None:
        """Drag the 3-D scene with the mouse."""
        box = self.graph.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        before = self.camera()
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right / 2, y + down / 2)
        self.page.mouse.move(x + right, y + down)
        self.page.mouse.up()
        eventually(lambda: self.camera() != before, what="the camera has turned")
