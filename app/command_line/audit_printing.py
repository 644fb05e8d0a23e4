"""What an audit found, as tables for people and records for programs."""

from typing import TYPE_CHECKING, Any

from app.command_line.printing import print_table
from app.figures.numbers import percent
from app.order_names import ORDER_NAMES

if TYPE_CHECKING:
    from lattice_core.layers.audit_results import LayerAudit

_ALTERNATIVES = {
    "min_pivot": "the same scales and grid, in the min-pivot order",
    "act_order": "the same scales and grid, in act-order",
    "keep_outliers": "the same scales, no code clipped",
    "ssqr": "SSQR, 1 % of the weights kept aside",
    "spacing": "no grid, columns spaced by 1/R_jj (entropy-coded)",
}


def audit_record(audit: "LayerAudit") -> dict[str, Any]:
    """One layer, as JSON has it."""
    return {
        "rows": audit.rows,
        "columns": audit.columns,
        "bits": audit.bits,
        "granularity": audit.granularity,
        "group_size": audit.group_size,
        "bits_per_weight": audit.bits_per_weight,
        "entropy": audit.entropy,
        "records": audit.as_records(),
    }


def print_layer(name: str, audit: "LayerAudit") -> None:
    """One layer at length."""
    print(
        f"{name}: {audit.rows:,} × {audit.columns:,}, {audit.bits}-bit codes, scales by "
        f"{audit.granularity}, {audit.bits_per_weight:.3f} bits a weight stored, "
        f"entropy {audit.entropy:.3f}."
    )
    far = "are clipped" if audit.is_explained else "lie further than half a step from their centre"
    holds = "holds" if audit.bound_holds else f"void, for codes {far}"
    made = "Made in" if audit.is_explained else "No order explains the codes; the closest is"
    print(
        f"{made}: {_readable(audit.order)} ({percent(audit.best.step_share)} of the codes explained, "
        f"damping {audit.damping:g}). Loss {percent(audit.relative_loss)} of the output, "
        f"bound {percent(audit.relative_bound)} ({holds}).\n"
    )
    print_table(
        ["order", "explained", "clipped", "bound", "loss if made so", "to this layer's"],
        [
            (
                _readable(one.order),
                percent(one.step_share),
                percent(one.clipped_fraction),
                percent(one.bound / audit.energy if audit.energy > 0 else 0.0),
                percent(one.loss / audit.energy if audit.energy > 0 else 0.0),
                f"{one.loss / audit.loss:.3f}" if audit.loss > 0 else "–",
            )
            for one in audit.explanations
        ],
    )
    print()
    print_table(
        ["instead", "loss, to this layer's", "bits", "this layer's", "counted"],
        [
            (
                _ALTERNATIVES.get(other.name, other.name),
                f"{other.ratio:.3f}",
                f"{other.bits:.3f}",
                f"{other.audited_bits:.3f}",
                other.bits_counted,
            )
            for other in audit.alternatives
        ],
    )


def print_layers(found: "list[tuple[str, LayerAudit]]") -> None:
    """A line a layer."""
    rows = [
        (
            name,
            f"{audit.bits_per_weight:.3f}",
            f"{audit.entropy:.3f}",
            _readable(audit.order) + ("" if audit.is_explained else "?"),
            percent(audit.best.step_share),
            percent(audit.clipped_fraction),
            percent(audit.relative_loss),
            percent(audit.relative_bound) if audit.bound_holds else "void",
            _ratio(audit, "min_pivot"),
            _ratio(audit, "spacing"),
        )
        for name, audit in found
    ]
    head = ["layer", "bits", "entropy", "made in", "explained", "clipped", "loss", "bound"]
    print_table([*head, "× min-pivot", "× spacing"], rows)
    print(
        "\nbits: with codes of fixed width. × min-pivot, × spacing: the loss, to this layer's, of the same scales in "
        "the min-pivot order, and of columns spaced by 1/R_jj at this entropy."
    )


def _ratio(audit: "LayerAudit", name: str) -> str:
    other = audit.alternative(name)
    return f"{other.ratio:.3f}" if other else "–"


def _readable(order: str) -> str:
    return ORDER_NAMES[order].name if order in ORDER_NAMES else order.replace("_", " ")
