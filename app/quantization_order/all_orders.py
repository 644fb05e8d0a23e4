"""The orders of the problem on show: outcomes with codes kept and clipped, tables, sentences, CSV."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from app.figures.numbers import short, symbol, vector
from app.figures.order_cloud import order_text
from app.order_names import ORDER_NAMES
from lattice_core import (
    ORDERS,
    GramSchmidtStep,
    MinPivotStudy,
    OrderOutcomes,
    Problem,
    bound_floor,
    every_order,
    resolve_order,
)

NBSP = "\N{NO-BREAK SPACE}"
CSV_COLUMNS = (
    *("order", "names", "bound", "loss_kept", "codes_kept"),
    *("loss_clipped", "codes_clipped", "clipped"),
)


@dataclass(frozen=True, eq=False)
class AllOrders:
    """What a problem's orders come to.

    Attributes
    ----------
    kept : OrderOutcomes
        Every code kept, whatever the grid.
    clipped : OrderOutcomes or None
        On the problem's grid; ``None`` if it has none.
    named : dict
        By key of `lattice_core.ORDERS`: its row in the outcomes.
    floor : float
        Below this no order can bring the bound (law L10).
    ceiling : float
        ``¼ Σ ‖b_j‖²``: above this none can, since projecting only shortens.
    """

    kept: OrderOutcomes
    clipped: OrderOutcomes | None
    named: dict[str, int]
    floor: float
    ceiling: float


def all_orders(problem: Problem) -> AllOrders:
    """Round the problem's row in all c! orders."""
    row = problem.damped_hessian, problem.weights, problem.scales
    kept = every_order(*row)
    return AllOrders(
        kept,
        every_order(*row, problem.grid) if problem.grid else None,
        {name: kept.row(resolve_order(name, problem.damped_hessian)) for name in ORDERS},
        bound_floor(problem.damped_hessian, problem.scales),
        float(np.trace(problem.lattice.gram)) / 4,
    )


def best_bound_has_best_loss(orders: AllOrders) -> tuple[bool, str]:
    """Whether the order with the smallest bound has the smallest loss too, and the numbers."""
    kept = orders.kept
    best, least = int(np.argmin(kept.bounds)), int(np.argmin(kept.losses))
    yes = bool(kept.losses[best] <= kept.losses[least] + 1e-9 * kept.bounds[best])
    said = (
        f"The smallest bound, {short(kept.bounds[best])}, comes from rounding "
        f"{order_text(kept.orders[best])}. Its loss is {short(kept.losses[best])}"
    )
    if yes:
        return True, f"{said}, and no order does better."
    rival = order_text(kept.orders[least])
    return False, f"{said}; {rival} has {short(kept.losses[least])}."


def cloud_sentences(orders: AllOrders) -> str:
    """Where min-pivot stands, and how many answers there are. Markdown."""
    kept, row = orders.kept, orders.named["min_pivot"]
    place, best = kept.rank(kept.orders[row]), int(np.argmin(kept.bounds))
    answers = len(np.unique(kept.codes, axis=0))
    if place == 1:
        greedy = "Min-pivot has the smallest bound of all."
    else:
        greedy = (
            f"Min-pivot's bound is number {place} from below, {kept.bounds[row] / kept.bounds[best]:.3f} "
            f"times the smallest, which is that of {order_text(kept.orders[best])}."
        )
    points = "one lattice point" if answers == 1 else f"{answers} different lattice points"
    return (
        f"**{len(kept.orders)} orders end on {points}.** {greedy} The smallest bound is "
        f"{kept.bounds.min() / orders.floor:.3f} times the floor, the largest "
        f"{kept.bounds.max() / orders.floor:.3f} times."
    )


def named_table(orders: AllOrders, on_show: str) -> str:
    """The four named orders: who comes when, how even the box is, where it ends. Markdown."""
    kept = orders.kept
    lines = [
        "| order | rounds, first to last | $\\sum_j D_j s_j^2$ | ÷ floor | bound | codes z | loss |",
        "|---|---|--:|--:|--:|---|--:|",
    ]
    for name, row in orders.named.items():
        cells = [
            ORDER_NAMES[name].name,
            order_text(kept.orders[row]),
            short(4 * kept.bounds[row]),
            f"{kept.bounds[row] / orders.floor:.3f}",
            short(kept.bounds[row]),
            vector(kept.codes[row]),
            short(kept.losses[row]),
        ]
        lines.append(_row(cells, emphasised=name == on_show))
    return "\n".join(lines)


def clipping_table(orders: AllOrders, clipped: OrderOutcomes, on_show: str) -> str:
    """The four named orders on the grid; a void bound is crossed out. Markdown."""
    kept = orders.kept
    lines = [
        "| order | bound | loss, codes kept | codes clipped | codes z | loss, clipped |",
        "|---|--:|--:|--:|---|--:|",
    ]
    for name, row in orders.named.items():
        bound = short(kept.bounds[row])
        cells = [
            ORDER_NAMES[name].name,
            f"~~{bound}~~" if clipped.clipped[row] else bound,
            short(kept.losses[row]),
            f"{clipped.clipped[row]} of {clipped.codes.shape[1]}",
            vector(clipped.codes[row]),
            short(clipped.losses[row]),
        ]
        lines.append(_row(cells, emphasised=name == on_show))
    return "\n".join(lines)


def clipping_sentence(orders: AllOrders, clipped: OrderOutcomes) -> str:
    """Whether clipping turns the ranking of the bounds around. Markdown."""
    if not clipped.clipped.any():
        return "No order clips a code here: every bound holds."
    best = min(orders.named, key=lambda name: orders.kept.bounds[orders.named[name]])
    least = min(orders.named, key=lambda name: clipped.losses[orders.named[name]])
    row, rival = orders.named[best], orders.named[least]
    said = f"Of the four, {ORDER_NAMES[best].name} has the smallest bound."
    if clipped.losses[row] <= clipped.losses[rival] * (1 + 1e-9):
        return f"{said} On this target no other of the four has a smaller clipped loss."
    return (
        f"{said} Yet its clipped loss is **{clipped.losses[row] / clipped.losses[rival]:.2f} times** "
        f"that of {ORDER_NAMES[least].name}, whose bound is larger."
    )


def study_table(studies: list[MinPivotStudy], size: int) -> str:
    """How often the greedy order misses the best one, by number of inputs. Markdown."""
    lines = ["| inputs | min-pivot misses the best in | at worst |", "|--:|--:|--:|"]
    for study in studies:
        cells = [str(study.size), f"{100 * study.missed:.1f} %", f"{study.worst:.2f} times"]
        lines.append(_row(cells, emphasised=study.size == size))
    return "\n".join(lines)


def residual_table(steps: tuple[GramSchmidtStep, ...], step: int) -> str:
    """The length left of each input before each step so far, the one taken marked. Markdown."""
    shown = steps[: max(step, 1)]
    heads = [str(k) for k in range(1, len(steps) + 1)]
    lines = [f"| step | {' | '.join(heads)} |", "|---|" + "--:|" * len(steps)]
    for j in range(len(steps)):
        cells = [symbol("x", j)]
        for k in range(len(steps)):
            if k >= len(shown):
                cells.append("…")
            elif not shown[k].lengths[j]:
                cells.append("")
            else:
                length = f"{shown[k].lengths[j]:.3g}"
                taken = step > 0 and shown[k].index == j
                cells.append(f"**{length}** ★" if taken else length)
        lines.append(_row(cells, emphasised=False))
    return "\n".join(lines)


def all_orders_csv(problem: Problem) -> str:
    """One row an order: bound, loss and codes, kept and clipped (empty without a grid)."""
    orders, text = all_orders(problem), io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for i, order in enumerate(orders.kept.orders):
        names = " ".join(name for name, row in orders.named.items() if row == i)
        kept = [_spaced(order), names, orders.kept.bounds[i], *_losses(orders.kept, i)]
        table.writerow([*kept, *_on_grid(orders.clipped, i)])
    return text.getvalue()


def _losses(outcomes: OrderOutcomes, i: int) -> list[object]:
    return [outcomes.losses[i], _spaced(outcomes.codes[i])]


def _on_grid(clipped: OrderOutcomes | None, i: int) -> list[object]:
    return ["", "", ""] if clipped is None else [*_losses(clipped, i), clipped.clipped[i]]


def _spaced(values: np.ndarray) -> str:
    return " ".join(map(str, values))


def _row(cells: list[str], *, emphasised: bool) -> str:
    unbroken = [cell.replace(" ", NBSP) for cell in cells]
    return f"| {' | '.join(f'**{cell}**' if emphasised and cell else cell for cell in unbroken)} |"
