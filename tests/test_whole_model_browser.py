"""The page *Whole model* as a visitor uses it, in a real Chromium."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve

from lattice_core.language_model.study_record import recorded_study

pytestmark = pytest.mark.browser
ENTRY = Path(__file__).parents[1] / "app" / "main.py"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    require_chromium()
    try:
        recorded_study()
    except ValueError:
        pytest.skip("no study is recorded yet")
    with serve(ENTRY) as served:
        yield served


def query(app: AppPage) -> dict[str, str]:
    search = app.page.evaluate("location.search.slice(1)")
    return {name: found[0] for name, found in parse_qs(search).items()}


def test_pressed_cell_tells_its_layer_and_the_link_restores_it(address) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        app = AppPage(page, address).open("/whole_model")
        cells = page.locator(".st-key-model_map .js-plotly-plot")
        cells.scroll_into_view_if_needed()
        app.wait()
        x, y = cells.evaluate(
            "gd => [gd._fullLayout.xaxis, gd._fullLayout.yaxis].map((axis, k) => "
            "axis._offset + axis.d2p([3, 'up_proj'][k]))"
        )
        box = cells.bounding_box()
        page.mouse.click(box["x"] + x, box["y"] + y)
        eventually(lambda: query(app).get("layer") == "3-up_proj", what="the link has the layer")
        app.wait()
        page.get_by_text("Block 3, up_proj.").wait_for()
        app.reload()
        page.get_by_text("Block 3, up_proj.").wait_for()
        frames = page.locator(".st-key-model_map .js-plotly-plot").evaluate(
            "gd => gd.data[1].selectedpoints.length"
        )
        assert frames == 1


def test_page_fits_a_phone_in_the_dark_and_the_views_change(address) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
        app = AppPage(context.new_page(), address).open("/whole_model?compare=inputs")
        charts = app.page.locator(".js-plotly-plot")
        eventually(lambda: charts.count() == 3, what="three figures")
        assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
        boxes = [chart.bounding_box() for chart in charts.all()]
        assert all(box["x"] + box["width"] <= 390 for box in boxes)
        app.page.get_by_text("Run it here", exact=True).click()
        eventually(lambda: query(app).get("view") == "here")
        app.page.get_by_role("button", name="Start").wait_for()
        assert query(app)["compare"] == "inputs"
        context.close()
