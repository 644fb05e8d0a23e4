"""An audit in sentences. Pure."""

from typing import TYPE_CHECKING

from app.figures.audit_ratios import bits_apart, same_bits
from app.figures.numbers import percent, short
from app.order_names import ORDER_NAMES

if TYPE_CHECKING:
    from app.audit.work import Found
    from lattice_core.layers.audit_results import Alternative, LayerAudit

NEAREST = "round_to_nearest"
WORTH_TELLING = 0.98  # of the audited loss
NEARLY = 1.05  # times the least loss: as good
SHARED_BY = {
    "layer": "one scale for the whole layer",
    "row": "one scale for each row",
    "column": "one scale for each column",
    "group": "one scale for each row and group of {} neighbouring columns",
    "given": "the scales that came with the file",
}
INSTEAD = {
    "min_pivot": "min-pivot",
    "act_order": "act-order",
    "keep_outliers": "no clipping",
    "ssqr": "SSQR",
    "spacing": "spacing",
}


def verdict(found: "Found") -> list[str]:
    """What was found, in Markdown."""
    audit = found.audit
    return [_grid(found), _order(found), _loss(audit), _bound(found), _better(audit)]


def order_name(order: str) -> str:
    """In a sentence."""
    return "rounding to nearest" if order == NEAREST else ORDER_NAMES[order].name


def _grid(found: "Found") -> str:
    audit, grid = found.audit, found.grid
    shared = SHARED_BY[audit.granularity].format(audit.group_size)
    if grid.has_offsets:
        kind = "It does not contain 0: each scale comes with an **offset**."
    elif grid.is_symmetric:
        half = 2 ** (audit.bits - 1)
        kind = f"It is **symmetric**: the codes are −{half} … {half - 1}."
    else:
        kind = "It is **not symmetric**: each scale comes with a zero point, the code that stands for 0."
    return (
        f"**Grid.** $Q$ lies on a grid of **{audit.bits} bits**, with {shared}. {kind} With its scales "
        f"it has {audit.bits_per_weight:.4g} bits a weight."
    )


def _order(found: "Found") -> str:
    audit = found.audit
    said = f"**Order.** {_explained(audit)}"
    if audit.damping != found.asked_damping:
        said += (
            f" That is with damping λ = {audit.damping:g}, which explains clearly more codes than the "
            f"{found.asked_damping:g} asked for."
        )
    return said


def _explained(audit: "LayerAudit") -> str:
    best, second = audit.explanations[:2]
    name, other = order_name(best.order), order_name(second.order)
    share, next_share = percent(best.step_share), percent(second.step_share)
    if best.step_share == second.step_share:
        return f"{name.capitalize()} and {other} explain {share} of the codes each."
    if not audit.is_explained:
        return (
            f"None explains the codes. The best, {name}, explains {share} of them, and {other} "
            f"{next_share}. So the layer was made in another way, or with other inputs than those "
            "of this $H$."
        )
    if best.order == NEAREST:
        return (
            f"None: **rounding to nearest**, each weight by itself, explains {share} of the codes; "
            f"the best order, {other}, {next_share}. No error was pushed on."
        )
    return f"**{name.capitalize()}** explains {share} of the codes; the next best, {other}, {next_share}."


def _loss(audit: "LayerAudit") -> str:
    return (
        f"**Loss.** Quantization changes the output by **{percent(audit.relative_loss)}** of its squared "
        f"size $\\lVert XW^\\top\\rVert^2$, damping included; without it by "
        f"{percent(audit.relative_undamped_loss)}."
    )


def _bound(found: "Found") -> str:
    audit = found.audit
    nearest = audit.order == NEAREST
    formula = (
        "$\\frac14\\sum_{ij}\\lvert\\bar H_{ij}\\rvert s_i s_j$"
        if nearest
        else "$\\frac14\\sum_j D_j s_j^2$"
    )
    ratio = short(audit.loss_over_bound) if audit.bound > 0 else "0"
    if audit.bound_holds:
        law = "" if nearest else " (law L6)"
        usual = "It is a wide one: it knows no order" if nearest else "A third is usual (law L7)"
        return (
            f"**Bound.** No code is clipped, so the loss is at most {formula}, summed over the rows{law}. "
            f"It is **{ratio}** of that. {usual}."
        )
    explained = audit.is_explained
    share = percent(audit.clipped_fraction)
    why = f"{share} of the codes are {'clipped' if explained else 'further than half a step'}"
    added = ""
    if found.clipped_share is not None:
        added = f", and they add {percent(found.clipped_share)} of the loss"
    return (
        f"**Bound.** **Void** (law L9): {why}{added}. The loss is ~~{ratio}~~ of {formula}, which is a "
        "limit only where no code is clipped."
    )


def _better(audit: "LayerAudit") -> str:
    """The best at the stored size, the cheapest of the best above it, and spacing."""
    stored = [other for other in audit.alternatives if other.bits_counted == "stored"]
    same = [other for other in stored if same_bits(other)]
    more = [other for other in stored if other not in same]
    spacing = audit.alternative("spacing")
    said, least = [], 1.0
    if same:
        best = min(same, key=lambda other: other.ratio)
        if best.ratio < WORTH_TELLING:
            least = best.ratio
            said.append(f"With the same bits, {_has(best)}")
    if more:
        lowest = min(other.ratio for other in more)
        rivals = [other for other in more if other.ratio <= NEARLY * lowest]
        cheapest = min(rivals, key=lambda other: other.bits)
        if cheapest.ratio < WORTH_TELLING * least:
            said.append(f"With {bits_apart(cheapest)}, {_has(cheapest)}")
    if spacing is not None and spacing.ratio < WORTH_TELLING:
        said.append(f"Entropy-coded, at the same entropy, {_has(spacing)}")
    if not said:
        said = ["Nothing that was tried here has a clearly smaller loss."]
    return f"**Better?** {' '.join(said)}"


def _has(other: "Alternative") -> str:
    return f"{INSTEAD[other.name]} has **{short(other.ratio)}** of this loss."
