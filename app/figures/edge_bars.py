"""The squared edges of each named order's box, end to end: the bound's share of every weight."""

import plotly.graph_objects as go

from app.figures.numbers import short, symbol
from app.figures.palette import NEUTRAL, ON_TINT, ORANGE, PLANE, SKY, ink_on, translucent
from app.order_names import ORDER_NAMES
from lattice_core import OrderOutcomes

CLEAR = "rgba(0, 0, 0, 0)"
# By input; the bars also carry the weight's name.
INPUT_COLORS = (PLANE, ORANGE, "#009E73", "#CC79A7", SKY, "#D55E00")


def edges_figure(outcomes: OrderOutcomes, named: dict[str, int], floor: float) -> go.Figure:
    """The squared edges of each named order's box, laid end to end, over the floor's equal ones."""
    c = outcomes.orders.shape[1]
    rows = {ORDER_NAMES[name].name: row for name, row in named.items()}
    titles = [*rows, "floor: all equal"]
    traces = []
    for k in range(c):
        columns = [int(outcomes.orders[row, k]) for row in rows.values()]
        edges = [float(outcomes.squared_edges[row, k]) for row in rows.values()]
        traces.append(
            go.Bar(
                y=titles,
                x=[*edges, 4 * floor / c],
                orientation="h",
                marker={
                    "color": [*(INPUT_COLORS[j] for j in columns), translucent(NEUTRAL, 0.45)],
                    "line": {"width": 1, "color": "white"},
                },
                text=[*(symbol("w", j) for j in columns), ""],
                textposition="inside",
                insidetextanchor="middle",
                insidetextfont={"color": [*(ink_on(INPUT_COLORS[j]) for j in columns), ON_TINT]},
                textangle=0,
                customdata=[*(short(edge) for edge in edges), short(4 * floor / c)],
                hovertemplate=f"%{{y}}<br>rounded as number {k + 1}: %{{text}}"
                "<br>squared edge %{customdata}<extra></extra>",
                showlegend=False,
            )
        )
    return go.Figure(
        traces,
        go.Layout(
            barmode="stack",
            height=300,
            margin={"l": 10, "r": 10, "t": 34, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            bargap=0.25,
            uniformtext={"mode": "hide", "minsize": 10},
            xaxis={
                "title": {"text": "squared edges Dⱼ sⱼ², first rounded … last"},
                "automargin": True,
            },
            yaxis={"autorange": "reversed", "automargin": True},
            shapes=[
                {
                    "type": "line",
                    "x0": 4 * floor,
                    "x1": 4 * floor,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": {"color": NEUTRAL, "width": 1.5, "dash": "longdash"},
                }
            ],
        ),
    )
