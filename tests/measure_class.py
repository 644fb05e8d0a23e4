"""Can a class of thirty use the app at once? ``python tests/measure_class.py [--seconds N] [--pupils N]``.

Thirty pupils in one room step, drag, predict, change the problem and turn pages for two minutes, over websockets; two
tabs of a real Chromium, the teacher's and a pupil's, are open beside them. Everything runs on this machine: server,
pupils and browser share its cores. Timed is each message until the server has finished what it asked for.

Exit status 1 if a limit is missed: no error, 95 % of the answers within half a second, at most 1.5 GB of memory.
"""

import argparse
import asyncio
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from browser import AppPage, chromium, wait_until_healthy
from visitor import Answer, Visitor

PROJECT = Path(__file__).parents[1]
LESSONS = [
    "nearest_plane",
    "gptq_is_babai",
    "error_and_bound",
    "quantization_order",
    "closest_vector",
    "damping",
    "lattice_reduction",
    "beyond_babai",
    "without_clipping",
]
ROOM = "room=class"
PAUSE = (3.0, 6.0)  # seconds between two things a pupil does
ARRIVING = 10.0  # seconds within which all open their first page
LIMIT_SECONDS = 0.5
LIMIT_BYTES = 1.5e9


@contextmanager
def served() -> Iterator[tuple[str, psutil.Process]]:
    """The app as `make app` starts it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app", "--port", str(port)]
    environment = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true"}
    server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        wait_until_healthy(server, address)
        yield address, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


async def look_through(address: str) -> None:
    """Somebody, such as the teacher, has opened every lesson once before the class comes."""
    for lesson in LESSONS:
        await Visitor(address, "", 0).stay([lesson], lambda: True, PAUSE)


async def visit(
    address: str, server: psutil.Process, pupils: int, seconds: float
) -> tuple[list[Visitor], int]:
    """The class; the visitors when it is over, and the server's memory at its largest."""
    visitors = [Visitor(address, ROOM, seed) for seed in range(pupils)]
    begun = time.monotonic()
    over = begun + ARRIVING + seconds
    largest = 0

    async def pupil(number: int) -> None:
        await asyncio.sleep(ARRIVING * number / pupils)
        first = number % len(LESSONS)
        try:
            await visitors[number].stay(
                LESSONS[first:] + LESSONS[:first], lambda: time.monotonic() > over, PAUSE
            )
        except OSError as error:
            visitors[number].errors.append(f"connection: {error}")

    async def watch_memory() -> None:
        nonlocal largest
        while time.monotonic() < over:
            largest = max(largest, server.memory_info().rss)
            await asyncio.sleep(1)

    await asyncio.gather(*map(pupil, range(pupils)), watch_memory())
    return visitors, largest


class Tabs:
    """The teacher's tab and a pupil's, in a real browser."""

    def __init__(self, browser: Any, address: str) -> None:
        self.errors: list[str] = []
        self.turn = 0
        self.teacher = self._open(browser, address, f"/nearest_plane?{ROOM}&teach=1")
        self.pupil = self._open(browser, address, f"/error_and_bound?{ROOM}")

    def _open(self, browser: Any, address: str, link: str) -> Any:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.on("pageerror", lambda error: self.errors.append(f"browser: {error}"))
        AppPage(page, address).open(link)
        return page

    def act(self) -> None:
        """The teacher steps and reveals, the pupil steps."""
        self.turn += 1
        forward = self.turn % 6 < 3
        self.teacher.keyboard.press("PageDown" if forward else "PageUp")
        self.pupil.keyboard.press("ArrowRight" if forward else "ArrowLeft")
        if self.turn % 10 == 0:
            self.teacher.keyboard.press("v")
        self.teacher.wait_for_timeout(4000)
        for page in (self.teacher, self.pupil):
            self.errors += page.locator("[data-testid='stException']").all_inner_texts()


def line(name: str, answers: list[Answer]) -> str:
    """How long these answers took."""
    milliseconds = sorted(answer.seconds * 1000 for answer in answers)

    def at(share: float) -> float:
        return milliseconds[min(len(milliseconds) - 1, round(share * (len(milliseconds) - 1)))]

    return (
        f"{name:32} n={len(milliseconds):<6} median {statistics.median(milliseconds):6.0f} ms   "
        f"95 % {at(0.95):6.0f} ms   99 % {at(0.99):6.0f} ms"
    )


def report(visitors: list[Visitor], largest: int, tab_errors: list[str], seconds: float) -> bool:
    """Print what was measured; whether all limits were kept."""
    answers = [answer for visitor in visitors for answer in visitor.answers]
    errors = [error for visitor in visitors for error in visitor.errors] + tab_errors
    for title, key in (("", "kind"), ("page ", "page")):
        groups = defaultdict(list)
        for answer in answers:
            groups[getattr(answer, key)].append(answer)
        for name in sorted(groups):
            print(line(title + name, groups[name]))
    asked = [answer for answer in answers if answer.kind != "waiting"]
    print(line("all that pupils did", asked))
    sent = sum(visitor.bytes_received for visitor in visitors)
    print(
        f"{len(visitors)} pupils, {seconds:g} s, {len(asked) / seconds:.1f} things done a second, "
        f"{sent / 1e6 / seconds:.1f} MB/s sent by the server"
    )
    late = sum(answer.seconds > LIMIT_SECONDS for answer in asked) / len(asked)
    kept = {
        f"errors: {len(errors)}": not errors,
        f"answers later than {LIMIT_SECONDS:g} s: {late:.1%} (limit 5 %)": late <= 0.05,
        f"memory of the server: {largest / 1e9:.2f} GB (limit 1.5)": largest <= LIMIT_BYTES,
    }
    for text, good in kept.items():
        print(f"{'kept  ' if good else 'MISSED'} {text}")
    for error in sorted(set(errors))[:20]:
        print(f"       {errors.count(error)} × {error}")
    return all(kept.values())


def main() -> None:
    """Measure, print, and say by the exit status whether the limits were kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--pupils", type=int, default=30)
    chosen = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, streamlit {version('streamlit')}",
        flush=True,
    )
    with served() as (address, server):
        asyncio.run(look_through(address))
        with chromium() as browser, ThreadPoolExecutor(1) as pool:
            tabs = Tabs(browser, address)
            busy = sum(server.cpu_times()[:2])
            # In a thread of its own: playwright has a loop of its own in this one.
            coming = pool.submit(asyncio.run, visit(address, server, chosen.pupils, chosen.seconds))
            while not coming.done():
                tabs.act()
            visitors, largest = coming.result()
            busy = (sum(server.cpu_times()[:2]) - busy) / (ARRIVING + chosen.seconds)
    print(f"load after {os.getloadavg()[0]:.1f}; the server used {busy:.2f} of the cores")
    sys.exit(0 if report(visitors, largest, tabs.errors, chosen.seconds) else 1)


if __name__ == "__main__":
    main()
