"""K-best: the nearest plane with K partial codes kept a row instead of one (law L15).

Column by column in quantization order, each of the K best partial codes offers its nearest integers, and
of all offers the K with the least damped loss so far go on. The nearest-plane codes are computed beside
it, in float64, and a row keeps the better of the two: the result is never worse than Babai's.

K = 1 with one child is the nearest plane. With `children` = K the answer is exact as soon as K is no less
than the number of partial codes within Babai's radius at each column.
"""

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.solver import PivotFactor, Rounding, round_columns

# Columns between two products with the factor. Errors of a block are put in order at each of its columns,
# those of all columns before it once a block.
BLOCK = 24
CHILDREN = 2
# Beams, of all rows taken together, that are worked on at once: bounds the memory of the errors
# (1536 columns: 100 MB) and keeps a block in the processor's cache.
CHUNK = 1 << 14


def k_best_rounding(
    weight: Tensor,
    factor: PivotFactor,
    scales: Tensor,
    grid: IntegerGrid | None,
    *,
    k: int,
    children: int = CHILDREN,
) -> Rounding:
    """Codes of every row by beam search, at least as good as the nearest plane's.

    Parameters
    ----------
    weight, scales : (r, c) float64 tensor
    factor : PivotFactor
    grid : IntegerGrid or None
        Admissible codes.
    k : int
        Partial codes kept for each row.
    children : int
        Nearest integers that each of them offers.

    Returns
    -------
    Rounding
        Its offsets are from the centres of the codes chosen. Beyond ±½ a code was clipped, or another
        integer than the nearest was taken for the good of later columns. Such a neighbour does not count
        as clipped where the nearest plane clips nothing in the row, for then its bound holds.
    """
    babai = round_columns(weight, factor, scales, grid)
    if k == 1 and children == 1:
        return babai
    step = max(1, CHUNK // k)
    codes = torch.cat(
        [
            _search(rows, factor, spacings, grid, k, children)
            for rows, spacings in zip(weight.split(step), scales.split(step), strict=True)
        ]
    )
    offsets = centers_of(weight, factor, scales, codes) - codes
    costs = scales.square() * factor.pivots
    better = (costs * offsets.square()).sum(dim=1) < (costs * babai.offsets.square()).sum(dim=1)
    choose = better[:, None]
    # A neighbour taken freely is not clipped: its offset is told as the nearest integer's. But being
    # better than codes that were clipped is no bound: in such a row it is told as it is.
    if grid is None:
        free = torch.ones_like(codes, dtype=torch.bool)
    else:
        nearest = (codes + offsets).round()
        free = (nearest >= grid.low) & (nearest <= grid.high)
        free &= ~babai.clipped.any(dim=1, keepdim=True)
    told = torch.where(free, offsets.clamp(-0.5, 0.5), offsets)
    return Rounding(
        torch.where(choose, codes, babai.codes), torch.where(choose, told, babai.offsets)
    )


def centers_of(weight: Tensor, factor: PivotFactor, scales: Tensor, codes: Tensor) -> Tensor:
    """The centres that codes chosen in any way were rounded from, (r, c).

    ``center_j = (w_j + Σ_{k>j} U_jk e_k) / s_j`` with the errors of those very codes.
    """
    pivot_order = factor.order.flip(0)
    error = weight - scales * codes
    carried = error[:, pivot_order] @ factor.unit_upper.T  # with e_j itself
    centers = torch.empty_like(weight)
    centers[:, pivot_order] = carried
    return centers / scales + codes


def _search(
    weight: Tensor,
    factor: PivotFactor,
    scales: Tensor,
    grid: IntegerGrid | None,
    k: int,
    children: int,
) -> Tensor:
    """(r, c) codes of the best of the K; in float32, for only the choice depends on it."""
    pivot_order = factor.order.flip(0)
    targets = weight.T[pivot_order].float()  # (c, r)
    spacings = scales.T[pivot_order].float()
    pivots = factor.pivots[pivot_order].float()
    upper = factor.unit_upper.float()
    # A dead input costs nothing: its neighbours would fill the beam with copies of one another.
    offered = [children if pivot > 0 else 1 for pivot in pivots.tolist()]
    columns, rows = targets.shape
    errors = targets.new_zeros(columns, rows, k)
    costs = targets.new_full((rows, k), torch.inf)
    costs[:, 0] = 0
    end = columns
    while end > 0:
        start = max(0, end - BLOCK)
        # What the columns settled before add to this block.
        moved = (upper[start:end, end:] @ errors[end:].view(columns - end, rows * k)).view(
            end - start, rows, k
        )
        moved += targets[start:end, :, None]
        parents = []
        for j in range(end - 1, start - 1, -1):
            costs, parent, offset = _step(
                moved[j - start] / spacings[j, :, None],
                pivots[j] * spacings[j].square(),
                costs,
                grid,
                offered[j],
            )
            center = (moved[j - start] / spacings[j, :, None]).gather(1, parent)
            errors[j] = targets[j, :, None] - spacings[j, :, None] * (center - offset).round()
            parents.append(parent)
            if j > start:
                moved = moved[: j - start].gather(2, parent.expand(j - start, rows, k))
                moved.addcmul_(upper[start:j, j, None, None], errors[j])
        _put_in_order(errors, parents[::-1], start, end)
        end = start
    best = costs.argmin(dim=1)
    error = errors.gather(2, best.expand(columns, rows)[..., None])[..., 0]
    codes = ((targets - error) / spacings).round()
    return codes[pivot_order.argsort()].T.long()


def _put_in_order(errors: Tensor, parents: list[Tensor], start: int, end: int) -> None:
    """Trace the beams of a block back, so that a slot holds one beam's errors at every column."""
    _, rows, k = errors.shape
    slot = torch.arange(k, device=errors.device).expand(rows, k)
    for j, parent in zip(range(start, end), parents, strict=True):
        errors[j] = errors[j].gather(1, slot)
        slot = parent.gather(1, slot)
    if end < len(errors):
        errors[end:] = errors[end:].gather(2, slot.expand(len(errors) - end, rows, k))


def _step(
    center: Tensor, weight: Tensor, costs: Tensor, grid: IntegerGrid | None, children: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One column: the new costs, the slot each came from, and its offset from that slot's centre.

    Parameters
    ----------
    center, costs : (r, k) tensor
    weight : (r,) tensor
        ``D_j s_j²``, the cost of an offset of 1.
    """
    rows, k = costs.shape
    nearest = center.round()
    if grid is not None:
        nearest.clamp_(grid.low, grid.high)
    aside = torch.where(center >= nearest, 1.0, -1.0)
    # 0, then a step to the centre's side, then one to the other, then two …
    shifts = [(child + 1) // 2 * (1 if child % 2 else -1) for child in range(children)]
    offered = torch.stack([nearest + shift * aside for shift in shifts], dim=2)  # (r, k, children)
    offsets = center[..., None] - offered
    offers = torch.addcmul(costs[..., None], weight[:, None, None], offsets.square())
    if grid is not None:
        offers.masked_fill_((offered < grid.low) | (offered > grid.high), torch.inf)
    best, place = offers.view(rows, k * children).topk(k, dim=1, largest=False, sorted=False)
    return best, place // children, offsets.view(rows, k * children).gather(1, place)
