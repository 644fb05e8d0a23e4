"""What a table of losses between texts says, in sentences made from its numbers. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.figures.numbers import short
from lattice_core.inputs import FloatArray

if TYPE_CHECKING:
    from lattice_core.layers.calibration_transfer import CalibrationTransfer

NBSP = "\u00a0"


def of_two_texts(transfer: "CalibrationTransfer") -> list[str]:
    """Calibrated on A and on B, judged on both."""
    (own, held_out), (back, other) = transfer.losses
    return [
        f"Calibrated on A, the loss on A is {_percent(own)}. On B, which had no say in the codes, "
        f"it is **{_percent(held_out)}**. The second number is the honest one.",
        f"Calibrated on A, the loss on B is **{held_out / other:.3g} times** that of calibrating on "
        f"B itself. The other way round it is {back / own:.3g} times.",
        "Two things can make such a gap: the codes fit the very tokens they were made for, and the "
        "texts differ. Other windows of one text tell the two apart.",
        _against_nearest(held_out, transfer.nearest_losses[1]),
    ]


def of_windows(transfer: "CalibrationTransfer") -> list[str]:
    """Calibrated on several draws from A, judged on each other and on B, the last."""
    draws = len(transfer.texts) - 1
    own = transfer.own[:draws]
    among = transfer.losses[:draws, :draws][~np.eye(draws, dtype=bool)]
    held_out = transfer.losses[:draws, -1]
    return [
        f"Calibrated on {draws} draws from A, the loss on the draw itself is {_spread(own)}.",
        f"On the other draws it is {_spread(among)}. Same text, other windows: {_gap(own, among)} "
        "(Draws of many tokens may share windows, which makes a gap look smaller.)",
        f"On B it is **{_spread(held_out)}**. As far as that lies outside the range of the line "
        "before, the texts differ.",
        f"The {draws} losses on B are {_percent(held_out.max() - held_out.min())} apart. The choice "
        "of windows alone does that.",
        _against_nearest(float(held_out.mean()), transfer.nearest_losses[-1]),
    ]


def of_damping(
    dampings: Sequence[float], own: Sequence[float], held_out: Sequence[float], a: str, b: str
) -> list[str]:
    """Calibrated on a, judged on a and on b, for each damping."""
    best = int(np.argmin(held_out))
    low = int(np.argmin(own))
    return [
        f"Damping adds to the diagonal of the Hessian, so that {a} has less of a say in the codes. "
        f"On {a} itself the loss is least with λ = {dampings[low]:g}.",
        f"On {b} it is least with **λ = {dampings[best]:g}**: {_percent(held_out[best])}, where "
        f"λ = {dampings[low]:g} has {_percent(held_out[low])}."
        if best != low
        else f"On {b} the same λ is the best of these: {_percent(held_out[best])}.",
        "With ever larger λ what is added outweighs all else, and GPTQ becomes round to nearest.",
    ]


def _against_nearest(held_out: float, nearest: float) -> str:
    told = f"Round to nearest, which looks at no text, loses {_percent(nearest)} on B: "
    if held_out < nearest:
        return told + f"{nearest / held_out:.3g} times as much."
    return told + "no more. **Calibrating on A is of no use for B here.**"


def _gap(own: FloatArray, among: FloatArray) -> str:
    if among.mean() <= own.mean():
        return "there is no gap, so the codes do not overfit."
    return "this gap is **overfitting**. The codes fit the very tokens they were made for."


def _spread(losses: FloatArray) -> str:
    """``2.1 % in the mean (from 1.9 % to 2.3 %)``."""
    low, high = losses.min(), losses.max()
    return f"{_percent(losses.mean())} in the mean (from {_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{short(float(f'{100 * share:.3g}'))}{NBSP}%"
