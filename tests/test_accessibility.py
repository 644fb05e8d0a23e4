"""Every page for those who see little, use the keyboard, listen, or hold a phone; asked of a real Chromium.

One tab walks from page to page by the menus, with one problem on show: a code is clipped, so that void bounds are seen.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import AppPage, chromium, eventually, require_chromium, serve

from app.figures.palette import ON_TINT
from app.navigation import CHAPTERS

pytestmark = pytest.mark.browser
ENTRY = Path(__file__).parents[1] / "app" / "main.py"
EVERYTHING = {"type": "tag", "values": ["wcag2a", "wcag2aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
START = "/nearest_plane?problem=clipping_bites&step=2"
MORE = {  # what else is on a page, by its link
    "gptq_is_babai.py": "/gptq_is_babai?problem=three_orders&step=2",
    "gpu_kernels.py": "/gpu_kernels?view=speed",
    "whole_model.py": "/whole_model?view=here",
}


@pytest.fixture(scope="module")
def tab() -> Iterator[AppPage]:
    require_chromium()
    with serve(ENTRY) as address, chromium() as browser:
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
        )
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        app = AppPage(page, address).open(START)
        app.errors = errors
        yield app
        assert not errors


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.file)
def test_page_is_readable_in_both_themes_and_fits_a_phone(tab, chapter) -> None:
    tab.go_to_page(chapter.section, chapter.title)
    check(tab)


@pytest.mark.parametrize("link", MORE.values(), ids=MORE)
def test_other_views_are_readable_too(tab, link) -> None:
    tab.open(link)
    check(tab)


def check(tab: AppPage) -> None:
    wait_for_figures(tab)
    faults = {"1280 px": tab.beyond_the_edge()}
    faults["light"] = settled(tab, lambda: serious_faults(tab, EVERYTHING))
    faults["light, in figures"] = settled(tab, lambda: faint_texts(tab))
    tab.page.emulate_media(color_scheme="dark")  # the page follows; nothing but colours can change
    tab.page.wait_for_timeout(300)
    faults["dark"] = settled(tab, lambda: serious_faults(tab, CONTRAST))
    faults["dark, in figures"] = settled(tab, lambda: faint_texts(tab))
    tab.page.emulate_media(color_scheme="light")
    tab.page.set_viewport_size({"width": 390, "height": 900})
    faults["390 px"] = settled(tab, tab.beyond_the_edge)
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    found = {where: each for where, each in faults.items() if each}
    assert not found, found


def wait_for_figures(tab: AppPage) -> None:
    steppers = tab.page.locator(".stepper-graph")
    for graph in steppers.all():
        eventually(lambda graph=graph: graph.evaluate("g => g.__stepper?.step ?? -1") >= 0)
    loading = tab.page.get_by_test_id("stSkeleton")
    eventually(lambda: loading.count() == 0, what="no figure is on its way")
    stale = tab.page.locator("[data-stale=true]")
    eventually(lambda: stale.count() == 0, what="nothing of the last page is left")


def settled(tab: AppPage, look) -> list[str]:
    """What is still wrong after the page has come to rest: elements fade in, and themes take a moment."""
    found = look()
    for _ in range(5):
        if not found:
            break
        tab.page.wait_for_timeout(300)
        found = look()
    return found


def serious_faults(tab: AppPage, rules: dict) -> list[str]:
    """What axe finds on the page as it is now."""
    if tab.page.evaluate("() => !window.axe"):  # it stays from page to page
        tab.page.evaluate(AXE_SCRIPT)
    faults = tab.page.evaluate(
        """async options => (await axe.run(document, options)).violations
            .filter(({ impact }) => ['serious', 'critical'].includes(impact))
            .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))""",
        {"runOnly": rules, "resultTypes": ["violations"]},
    )
    # Streamlit's own: the box of a formula may scroll, and has nothing to be reached with the Tab key. Chromium lets
    # the keyboard into such a box by itself.
    formula_box = 'scrollable-region-focusable: <span class="katex-display"'
    return [fault for fault in faults if not fault.startswith(formula_box)]


def faint_texts(tab: AppPage) -> list[str]:
    """Texts of flat figures with less contrast than 4.5 to the page; axe leaves out what is drawn as SVG."""
    return tab.page.evaluate(
        """inks => {
            const luminance = ([r, g, b]) => [r, g, b]
                .map(v => v / 255)
                .map(v => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const parts = colour => colour.match(/[\\d.]+/g).map(Number);
            const page = parts(getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor);
            const faint = [];
            for (const text of document.querySelectorAll('.js-plotly-plot svg text')) {
                const { fill, fillOpacity } = getComputedStyle(text);
                if (!text.textContent.trim() || inks.includes(fill) || fill === 'none') continue;
                if (text.classList.contains('bartext')) continue; // on its bar
                const [r, g, b, a = 1] = parts(fill);
                const share = a * fillOpacity;
                const shown = [r, g, b].map((v, i) => share * v + (1 - share) * page[i]);
                const [low, high] = [luminance(shown), luminance(page)].sort((x, y) => x - y);
                const contrast = (high + 0.05) / (low + 0.05);
                if (contrast < 4.5) faint.push(`${text.textContent.slice(0, 40)}: ${fill}, ${contrast.toFixed(1)}`);
            }
            return faint.slice(0, 5);
        }""",
        [rgb(ON_TINT), "rgb(255, 255, 255)", "rgb(0, 0, 0)"],  # on a fill of their own
    )


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"
