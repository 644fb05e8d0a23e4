"""BKZ reduction by fpylll: LLL that looks at blocks of many vectors, not only at neighbours.

In each block of β vectors, projected as Lovász's condition projects two, an enumeration finds the
shortest vector and puts it first; for β = 2 that is what LLL does. A tour runs through all blocks;
tours follow until one changes nothing. Source: Schnorr, Euchner, *Lattice basis reduction: improved
practical algorithms and solving subset sum problems*, Mathematical Programming 66 (1994) 181-199.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lattice_core.lattice import Lattice
from lattice_core.reduction import (
    Reduction,
    ReductionCancelled,
    certified,
    columns_of,
    fpylll_reduction,
    obstacle_to_fpylll,
    run_lll,
    too_ill_conditioned,
)
from lattice_core.reduction_steps import require_delta

# An enumeration cannot be interrupted, and its time grows like β^(β/8) and worse.
LARGEST_BLOCK = 40
Ending = Literal["finished", "tours", "seconds", ""]


@dataclass(frozen=True, eq=False)
class BlockReduction(Reduction):
    """A basis reduced by BKZ, as far as it was taken. LLL-reduced in any case.

    Attributes
    ----------
    block_size : int
        β.
    tours : int
        Runs through all blocks; the last may have been cut short by the time allowed.
    insertions : int
        Shorter vectors that the enumeration found; `swaps` are those of the LLL in between.
    ended : {"finished", "tours", "seconds", ""}
        A tour changed nothing; as many tours as were allowed are done; the time allowed is over;
        or none of these yet.
    """

    block_size: int
    tours: int
    insertions: int
    ended: Ending


def bkz_reduce(
    lattice: Lattice,
    block_size: int,
    *,
    delta: float = 0.99,
    max_tours: int = 8,
    max_seconds: float = 60.0,
    cancel: Callable[[], bool] | None = None,
) -> BlockReduction:
    """Reduce a basis by BKZ; the last of `bkz_tours`, whose arguments and errors it has.

    Examples
    --------
    >>> reduction = bkz_reduce(Lattice([[1.0, 2.0], [0.0, 0.5]]), 2)
    >>> reduction.lattice.basis.tolist(), reduction.ended
    ([[0.0, 1.0], [0.5, 0.0]], 'finished')
    """
    *_, last = bkz_tours(
        lattice,
        block_size,
        delta=delta,
        max_tours=max_tours,
        max_seconds=max_seconds,
        cancel=cancel,
    )
    return last


def bkz_tours(
    lattice: Lattice,
    block_size: int,
    *,
    delta: float = 0.99,
    max_tours: int = 8,
    max_seconds: float = 60.0,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[BlockReduction]:
    """BKZ with the basis after each tour; what it yields is checked as `lll_reduce` does.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c), vectors in columns.
    block_size : int
        β, 2 … 40; a block longer than the basis is the whole basis.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1; an enumerated vector is put in if it is shorter by as much.
    max_tours : int
        At least 1.
    max_seconds : float
        Asked between blocks, LLL at the beginning not counted. A block that is begun is finished.
    cancel : callable, optional
        Asked between blocks.

    Yields
    ------
    BlockReduction
        After LLL (0 tours), then after each tour; the last says how it ended.

    Raises
    ------
    ReductionCancelled
        If `cancel` returned true.
    ValueError
        For arguments out of range, fpylll that cannot be imported (the message says why), or a basis
        so ill conditioned that float64 cannot vouch for the result.
    """
    require_delta(delta)
    if not 2 <= block_size <= LARGEST_BLOCK:
        raise ValueError(
            f"block_size is {block_size}; 2 … {LARGEST_BLOCK} was wanted. A larger block may take "
            "hours, and an enumeration cannot be interrupted."
        )
    if max_tours < 1 or not max_seconds > 0:
        raise ValueError(
            f"max_tours is {max_tours} and max_seconds {max_seconds}; at least 1, and more than 0, "
            "were wanted."
        )
    if obstacle := obstacle_to_fpylll():
        raise ValueError(f"BKZ needs fpylll, but {obstacle} LLL runs without: backend='steps'.")
    return _tours(lattice, block_size, delta, max_tours, max_seconds, cancel or (lambda: False))


def _tours(
    lattice: Lattice,
    block_size: int,
    delta: float,
    max_tours: int,
    max_seconds: float,
    cancel: Callable[[], bool],
) -> Iterator[BlockReduction]:
    from fpylll.algorithms.bkz import BKZReduction

    reduction, transform = fpylll_reduction(lattice, delta)
    swaps, insertions = run_lll(reduction, lattice, cancel), 0

    def so_far(tours: int, ended: Ending) -> BlockReduction:
        columns = columns_of(transform)
        basis = certified(lattice, columns, delta)
        return BlockReduction(
            *(basis, columns, delta, swaps, "fpylll"), block_size, tours, insertions, ended
        )

    yield so_far(0, "")
    blocks = BKZReduction(reduction)
    began = time.perf_counter()
    for tour in range(1, max_tours + 1):
        changed = late = False
        for start in range(lattice.rank - 1):
            if cancel():
                raise ReductionCancelled(f"stopped in tour {tour}, at vector {start + 1}")
            late = time.perf_counter() - began > max_seconds
            if late:
                break
            moved, found = _reduce_block(blocks, start, block_size, lattice)
            swaps, insertions = swaps + moved, insertions + found
            changed |= moved > 0 or found
        # A vector put in may have left its neighbours in want of LLL.
        swaps += run_lll(reduction, lattice, cancel)
        ended: Ending = "seconds" if late else "finished" if not changed else ""
        if not ended and tour == max_tours:
            ended = "tours"
        yield so_far(tour, ended)
        if ended:
            return


def _reduce_block(blocks: Any, start: int, block_size: int, lattice: Lattice) -> tuple[int, bool]:
    """LLL, then the block's shortest vector first; the swaps, and whether there was a shorter one.

    The parts of ``BKZReduction.svp_reduction``, without pruning: ``BKZ.DEFAULT_STRATEGY`` names a
    file that fpylll's wheels do not have.
    """
    from fpylll import BKZ, EnumerationError
    from fpylll.tools.bkz_stats import dummy_tracer
    from fpylll.util import ReductionError

    length = min(block_size, lattice.rank - start)
    parameters = BKZ.Param(block_size)
    try:
        blocks.svp_preprocessing(start, length, parameters, dummy_tracer)
        swaps = int(blocks.lll_obj.nswaps)
        try:
            shorter = blocks.svp_call(start, length, parameters)
        except EnumerationError:  # rounding hid even the first vector from it: none is shorter
            shorter = None
        if shorter is not None:
            blocks.svp_postprocessing(start, length, shorter)
        blocks.lll_obj.size_reduction(0, start + 1)
    except ReductionError as error:
        raise ValueError(too_ill_conditioned(lattice)) from error
    return swaps, shorter is not None
