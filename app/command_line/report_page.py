"""An HTML page that needs nothing but itself: words, tables and figures, light or dark as the reader's system is.

Plotly's script is in it once, figures as JSON beside it, and a policy that lets nothing be loaded from elsewhere.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs


@dataclass(frozen=True)
class Part:
    """A section of the page.

    Attributes
    ----------
    key, title : str
    html : str
        Whole and escaped.
    """

    key: str
    title: str
    html: str


@dataclass(eq=False)
class Figures:
    """The figures of a page, by the key of the element that they are drawn in."""

    drawn: dict[str, Any] = field(default_factory=dict)

    def place(self, key: str, figure: go.Figure, label: str) -> str:
        """The element for a figure, which is remembered."""
        self.drawn[key] = {"shown": as_plain(figure)}
        return f'<div class="figure" id="{key}" role="img" aria-label="{escape(label)}"></div>'

    def choose(self, key: str, figures: Mapping[str, go.Figure], title: str, label: str) -> str:
        """One of several figures, chosen from a list."""
        plain = {name: as_plain(figure) for name, figure in figures.items()}
        self.drawn[key] = {"choices": [plain], "shown": next(iter(plain.values()))}
        options = [(name, name) for name in figures]
        return (
            _select(f"{key}-0", title, options)
            + f'<div class="figure" id="{key}" role="img" aria-label="{escape(label)}"></div>'
        )

    def patch(
        self,
        key: str,
        base: go.Figure,
        patches: Mapping[str, Mapping[str, Any]],
        titles: tuple[str, str],
        label: str,
    ) -> str:
        """A figure whose parts depend on two lists: `patches[first][second]`, made by who draws."""
        self.drawn[key] = {"shown": as_plain(base), "patches": patches}
        first = [(name, name) for name in patches]
        second = [(name, name) for name in next(iter(patches.values()))]
        return (
            (_select(f"{key}-0", titles[0], first) if len(first) > 1 else "")
            + _select(f"{key}-1", titles[1], second)
            + f'<div class="figure" id="{key}" role="img" aria-label="{escape(label)}"></div>'
        )


def page(title: str, lead: str, parts: Sequence[Part], figures: Figures) -> str:
    """The whole page.

    Parameters
    ----------
    title, lead : str
        Plain text.
    parts : sequence of Part
    figures : Figures
        Those placed in the parts.
    """
    links = "".join(f'<a href="#{part.key}">{escape(part.title)}</a>' for part in parts)
    sections = "".join(
        f'<section id="{part.key}"><h2>{escape(part.title)}</h2>{part.html}</section>'
        for part in parts
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(lead)}</p><nav>{links}</nav></header>"
        f"<main>{sections}</main>"
        "<noscript><p>The figures need JavaScript; the tables do not.</p></noscript>"
        f"<script>{get_plotlyjs()}</script>"
        f'<script type="application/json" id="figures">{_as_script(figures.drawn)}</script>'
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, struck: str = "") -> str:
    """A table; columns of numbers to the right. Cells that begin with `struck` are crossed out."""
    body = [[str(cell) for cell in row] for row in rows]
    numbers = [
        all(_is_number(row[place].removeprefix(struck)) for row in body)
        for place in range(len(head))
    ]

    def line(cells: Sequence[str], tag: str) -> str:
        inner = ""
        for cell, number in zip(cells, numbers, strict=True):
            crossed = struck and cell.startswith(struck)
            text = escape(cell.removeprefix(struck))
            kind = ' class="number"' if number else ""
            inner += f"<{tag}{kind}>{f'<s>{text}</s>' if crossed else text}</{tag}>"
        return f"<tr>{inner}</tr>"

    lines = [line(head, "th"), *(line(row, "td") for row in body)]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and what they are."""
    inner = "".join(f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in pairs)
    return f"<dl>{inner}</dl>"


def paragraph(text: str) -> str:
    """Plain text."""
    return f"<p>{escape(text)}</p>"


def cards(texts: Iterable[tuple[str, str, str]]) -> str:
    """Texts side by side: a name, what all of them begin with, and how each goes on."""
    inner = "".join(
        f"<article><h3>{escape(name)}</h3><p><b>{escape(prompt)}</b>{escape(text)}</p></article>"
        for name, prompt, text in texts
    )
    return f'<div class="cards">{inner}</div>'


def folded(title: str, html: str) -> str:
    """Something that opens when it is asked for."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def as_plain(figure: go.Figure) -> dict[str, Any]:
    """A figure as JSON has it, without plotly's template: the page has its own for light and dark."""
    plain = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    return {"data": plain["data"], "layout": plain["layout"]}


def known(value: float) -> float | None:
    """The number, or ``None`` for JSON where there is none."""
    return value if math.isfinite(value) else None


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or (text[:1] in ("+", "-", "−", "–") and text[1:2].isdigit())


def _select(key: str, title: str, options: Iterable[tuple[str, str]]) -> str:
    inner = "".join(
        f'<option value="{escape(value)}">{escape(name)}</option>' for value, name in options
    )
    return f'<label>{escape(title)} <select id="{key}">{inner}</select></label>'


def _as_script(value: object) -> str:
    """JSON in which nothing can end the script that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
_STYLE = """
:root{--text:#1d1f23;--soft:#5b6068;--back:#fff;--card:#f4f5f7;--line:#d9dce1;--link:#0b5fa5}
@media (prefers-color-scheme:dark){:root{--text:#e8eaed;--soft:#a3a9b3;--back:#15171b;--card:#1f2228;--line:#3a3f48;
--link:#7db8ee}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--text);
background:var(--back)}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.5rem;font-size:1.3rem}h3{font-size:1rem;margin:0 0 .4rem}
p{max-width:48rem}nav{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}a{color:var(--link)}
.figure{min-height:380px}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
td:first-child{white-space:normal;min-width:12rem}th{color:var(--soft);font-weight:600}.number{text-align:right;font-variant-numeric:tabular-nums}
label{display:inline-block;margin:.4rem 1.2rem .4rem 0;color:var(--soft)}
select{font:inherit;max-width:90vw;color:var(--text);background:var(--card);border:1px solid var(--line);
border-radius:.3rem;padding:.15rem .4rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}
article{background:var(--card);border-radius:.5rem;padding:.8rem 1rem;overflow-wrap:anywhere}
article p{margin:0;white-space:pre-wrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}details{margin:1rem 0}summary{cursor:pointer;color:var(--link)}
@media (max-width:40rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
"""
_SCRIPT = """
"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
function template() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = {gridcolor: color("--line"), linecolor: color("--line"), zerolinecolor: color("--line")};
  return {layout: {font: {color: color("--text"), family: "system-ui, sans-serif"}, xaxis: axis, yaxis: axis,
    hoverlabel: {bgcolor: color("--card"), bordercolor: color("--line"), font: {color: color("--text")}}}};
}
function draw(key) {
  const {data, layout} = figures[key].shown;
  Plotly.react(key, data, {...layout, template: template(), autosize: true},
    {responsive: true, displaylogo: false});
}
function chosen(key, place) {
  const list = document.getElementById(key + "-" + place);
  return list ? list.value : null;
}
function choose(key) {
  const figure = figures[key];
  if (figure.choices) figure.shown = figure.choices[0][chosen(key, 0)];
  if (figure.patches) {
    const first = chosen(key, 0) ?? Object.keys(figure.patches)[0];
    const patch = figure.patches[first][chosen(key, 1)];
    const [cells, points] = figure.shown.data;
    figure.shown.data = [
      {...cells, z: patch.z, zmin: patch.zmin, zmax: patch.zmax,
        colorbar: {...cells.colorbar, title: {...cells.colorbar.title, text: patch.title},
          tickformat: patch.tickformat}},
      {...points, text: patch.text, hovertemplate: "<b>%{customdata}</b><br>" + patch.title +
        ": %{text}<extra></extra>"},
    ];
  }
  draw(key);
}
for (const key of Object.keys(figures)) {
  for (const place of [0, 1]) {
    const list = document.getElementById(key + "-" + place);
    if (list) list.addEventListener("change", () => choose(key));
  }
  choose(key);
}
dark.addEventListener("change", () => Object.keys(figures).forEach(draw));
"""
