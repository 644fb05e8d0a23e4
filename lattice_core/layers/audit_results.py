"""What an audit finds on one layer."""

from dataclasses import dataclass

from lattice_core.layers.implied_grid import ImpliedGrid

ROUND_TO_NEAREST = "round_to_nearest"

EXPLAINED = 0.99  # of the codes


@dataclass(frozen=True)
class OrderExplanation:
    """How well one order accounts for the codes, and what it would have given on the same grid.

    Attributes
    ----------
    order : str
        A key of `ORDERS`, or ``"round_to_nearest"``: no order, every weight by itself.
    damping : float
        λ with which the order was resolved and the errors were propagated.
    step_share : float
        Of all codes, those that this order's next step gives after **the audited layer's own** codes
        before them. One code that differs costs one code.
    share : float
        Of all codes, those that come out when the layer is quantized anew. One code that differs
        moves all later ones of its row.
    clipped_fraction : float
        Of the audited codes, those more than half a step from their centre in this order (law L9).
    bound : float
        ``¼ Σ D_j s_j²``, summed over the rows (law L6); for round-to-nearest ``¼ Σ_ij |H_ij| s_i s_j``.
    loss : float
        Damped, of the layer quantized anew in this order, with the audited scales and grid.
    """

    order: str
    damping: float
    step_share: float
    share: float
    clipped_fraction: float
    bound: float
    loss: float

    @property
    def bound_holds(self) -> bool:
        """Whether the bound says anything about the audited codes: none is clipped (law L9)."""
        return self.clipped_fraction == 0


@dataclass(frozen=True)
class Alternative:
    """What could have been done instead.

    Attributes
    ----------
    name : {"min_pivot", "act_order", "keep_outliers", "ssqr", "spacing"}
        The audited scales and grid in another order; the audited scales with no code clipped; SSQR
        with 1 % of the weights kept aside; codes without a grid on scales ``s_j ∝ 1/R_jj``.
    order : str
        A key of `ORDERS`, in which it was run.
    loss : float
        Damped, summed over the rows.
    ratio : float
        The loss over that of the audited layer.
    bits, audited_bits : float
        Bits a weight, of the alternative and of the audited layer, counted alike.
    bits_counted : {"stored", "entropy"}
        ``"stored"``: codes of fixed width, scales, zero points, outliers. ``"entropy"``: the mean
        over the columns of the empirical entropy of their codes; with few rows it is too small, for
        both alike.
    """

    name: str
    order: str
    loss: float
    ratio: float
    bits: float
    audited_bits: float
    bits_counted: str


@dataclass(frozen=True, eq=False)
class LayerAudit:
    """A quantized layer judged from outside: from W, Q and H alone.

    Losses are sums over the rows; damped ones count ``H + λ̄I``. The loss is that of Q as it came,
    rounding to 16 bits included.

    Attributes
    ----------
    rows, columns : int
        r and c.
    grid : ImpliedGrid or None
        Codes and scales; ``None`` where audits of many layers are kept.
    bits : int
        Code width of the grid.
    group_size : int or None
    granularity : str
        What shares a scale, as in `ImpliedGrid`.
    bits_per_weight : float
        Stored: codes of fixed width, scales, zero points.
    entropy : float
        Mean over the columns of the empirical entropy of their codes, bits.
    damping : float
        λ: the one asked for, or another that explains the codes clearly better.
    loss, undamped_loss : float
    energy : float
        ``Σ wᵀHw`` with the raw Hessian.
    explanations : tuple of OrderExplanation
        Round-to-nearest and the four orders, best first.
    alternatives : tuple of Alternative
    """

    rows: int
    columns: int
    grid: ImpliedGrid | None
    bits: int
    group_size: int | None
    granularity: str
    bits_per_weight: float
    entropy: float
    damping: float
    loss: float
    undamped_loss: float
    energy: float
    explanations: tuple[OrderExplanation, ...]
    alternatives: tuple[Alternative, ...]

    @property
    def best(self) -> OrderExplanation:
        """The order that explains the codes best."""
        return self.explanations[0]

    @property
    def order(self) -> str:
        """Its name."""
        return self.best.order

    @property
    def bound(self) -> float:
        """The bound in the order that explains the codes best; void unless `bound_holds`."""
        return self.best.bound

    @property
    def clipped_fraction(self) -> float:
        """Of all codes, those more than half a step from their centre in that order (law L9)."""
        return self.best.clipped_fraction

    @property
    def is_explained(self) -> bool:
        """Whether that order made the codes, but for rounding errors."""
        return self.best.step_share >= EXPLAINED

    @property
    def bound_holds(self) -> bool:
        """Whether no code is clipped."""
        return self.best.bound_holds

    @property
    def relative_loss(self) -> float:
        """The damped loss over the energy; 0 for an all-zero layer."""
        return self.loss / self.energy if self.energy > 0 else 0.0

    @property
    def relative_undamped_loss(self) -> float:
        """The undamped loss over the energy; 0 for an all-zero layer."""
        return self.undamped_loss / self.energy if self.energy > 0 else 0.0

    @property
    def relative_bound(self) -> float:
        """The bound over the energy; 0 for an all-zero layer."""
        return self.bound / self.energy if self.energy > 0 else 0.0

    @property
    def loss_over_bound(self) -> float:
        """About ⅓ where nothing is clipped (law L7, measured)."""
        return self.loss / self.bound

    def alternative(self, name: str) -> Alternative | None:
        """The alternative of this name, or ``None`` if it could not be run here."""
        return next((other for other in self.alternatives if other.name == name), None)

    def as_records(self) -> list[dict[str, object]]:
        """Flat records, all with the same keys, for a table, a CSV or a JSON file.

        First the layer as it is (``part`` is ``"audited"``), then ``"order"`` for each explanation,
        then ``"alternative"`` for each alternative. ``None`` where a key has no meaning.
        """
        audited = {
            "part": "audited",
            "name": "audited",
            "order": self.order,
            "damping": self.damping,
            "loss": self.loss,
            "undamped_loss": self.undamped_loss,
            "relative_loss": self.relative_loss,
            "ratio": 1.0,
            "bits": self.bits_per_weight,
            "audited_bits": self.bits_per_weight,
            "bits_counted": "stored",
            "bound": self.bound,
            "bound_holds": self.bound_holds,
            "clipped_fraction": self.clipped_fraction,
            "step_share": self.best.step_share,
            "share": self.best.share,
        }
        nothing: dict[str, object] = dict.fromkeys(audited)
        tried = [
            {
                "part": "order",
                "name": each.order,
                "order": each.order,
                "damping": each.damping,
                "loss": each.loss,
                "relative_loss": each.loss / self.energy if self.energy > 0 else 0.0,
                "ratio": loss_ratio(each.loss, self.loss),
                "bound": each.bound,
                "bound_holds": each.bound_holds,
                "clipped_fraction": each.clipped_fraction,
                "step_share": each.step_share,
                "share": each.share,
            }
            for each in self.explanations
        ]
        instead = [
            {
                "part": "alternative",
                "name": each.name,
                "order": each.order,
                "damping": self.damping,
                "loss": each.loss,
                "relative_loss": each.loss / self.energy if self.energy > 0 else 0.0,
                "ratio": each.ratio,
                "bits": each.bits,
                "audited_bits": each.audited_bits,
                "bits_counted": each.bits_counted,
            }
            for each in self.alternatives
        ]
        return [nothing | record for record in (audited, *tried, *instead)]


def loss_ratio(loss: float, audited: float) -> float:
    """One loss over the other; 1 where nothing was lost."""
    return loss / audited if audited > 0 else 1.0
