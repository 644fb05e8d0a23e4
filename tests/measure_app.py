"""How fast the app answers, measured in a real Chromium: ``python tests/measure_app.py``.

Prints median and 95th percentile. Steps are timed in the page, from the first line of the drawing
to plotly's last; a dragged target from sending it until the figure that answers it is drawn; the
first page from the browser's request until its stepper has drawn.
"""

import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from browser import AppPage, chromium, serve

ENTRY = Path(__file__).parents[1] / "app" / "main.py"
# Name, link and, where there is one, the stepper's key and the limit in milliseconds.
FIRST_PAGES = (
    ("Home", "/", ""),
    ("Nearest plane", "/nearest_plane", "plane_stepper_2"),
    ("Error and bound", "/error_and_bound", "bound_stepper_2"),
    ("Quantization order", "/quantization_order", "pivot_stepper_2"),
    ("GPU kernels", "/gpu_kernels", "tile_stepper_4_128_True"),
)
STEPS = (
    ("Nearest plane, 2-D", "/nearest_plane?problem=skewed", "plane_stepper_2", 50),
    ("GPTQ is Babai, 2-D", "/gptq_is_babai?problem=skewed", "lockstep_stepper_2", 50),
    ("Error and bound, 2-D", "/error_and_bound?problem=skewed", "bound_stepper_2", 50),
    ("Nearest plane, 3-D", "/nearest_plane?problem=three_inputs", "plane_stepper_3", 200),
    ("Quantization order, 3-D", "/quantization_order?problem=three_inputs", "pivot_stepper_3", 200),
    ("GPU kernels", "/gpu_kernels", "tile_stepper_4_128_True", 50),
)
DRAGS = (
    ("Nearest plane", "/nearest_plane?step=2", "plane_stepper_2"),
    ("Error and bound", "/error_and_bound?step=2", "bound_stepper_2"),
)


def report(name: str, milliseconds: list[float], limit: float) -> None:
    """One line: what, how many, median, 95th percentile, the limit it is to keep."""
    ordered = sorted(milliseconds)
    high = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    print(
        f"{name:48} n={len(ordered):<4} median {statistics.median(ordered):7.1f} ms   "
        f"95 % {high:7.1f} ms   limit {limit:g} ms"
    )


def first_page(browser, address: str, path: str, stepper: str = "") -> float:
    """A visitor with an empty cache, from request to the page at rest and its figure drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    started = time.perf_counter()
    app = AppPage(page, address).open(path)
    page.get_by_role("heading", level=1).wait_for()
    if stepper:
        app.stepper(stepper)
    taken = (time.perf_counter() - started) * 1000
    page.context.close()
    return taken


def steps(browser, address: str, query: str, key: str) -> list[float]:
    """Milliseconds to draw each of forty steps, forth and back."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    app = AppPage(page, address).open(query)
    stepper = app.stepper(key)
    before = len(stepper.timings("drawMilliseconds"))
    for k in range(40):
        forward = (k // int(stepper.scrub.get_attribute("max") or 3)) % 2 == 0
        step = stepper.drawn_step()
        page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
        page.wait_for_timeout(60)
        stepper.wait_for_step(step + (1 if forward else -1))
    taken = stepper.timings("drawMilliseconds")[before:]
    page.close()
    return taken


def drags(browser, address: str, query: str, key: str) -> list[float]:
    """Milliseconds until each target of a drag of two hundred moves was answered."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    stepper = AppPage(page, address).open(query).stepper(key)
    page.wait_for_timeout(500)
    x, y = stepper.handle_centre()
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(200):
        page.mouse.move(x + k % 80, y - k % 50)
        page.wait_for_timeout(30)
    page.mouse.up()
    page.wait_for_timeout(1000)
    taken = stepper.timings("answerMilliseconds")
    page.close()
    return taken


def main() -> None:
    """Measure and print."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, streamlit {version('streamlit')}, "
        f"plotly {version('plotly')}, headless Chromium with software rendering"
    )
    with serve(ENTRY) as address, chromium() as browser:
        for name, path, key in FIRST_PAGES:
            ready = [first_page(browser, address, path, key) for _ in range(5)]
            report(f"first page ready: {name}", ready, 3500)
        for name, path, key, limit in STEPS:
            report(f"a step: {name}", steps(browser, address, path, key), limit)
        for name, path, key in DRAGS:
            report(f"a dragged target answered: {name}", drags(browser, address, path, key), 300)


if __name__ == "__main__":
    main()
