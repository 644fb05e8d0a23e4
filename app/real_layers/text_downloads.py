"""The losses between texts as a table to take away."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from app.real_layers.choice import LayerChoice
from app.real_layers.work import Calibration

if TYPE_CHECKING:
    from lattice_core.layers.calibration_transfer import CalibrationTransfer

NEAREST = "round to nearest"


def transfer_csv(
    choice: LayerChoice,
    calibrations: Mapping[str, Calibration],
    transfer: "CalibrationTransfer",
    order: str,
) -> str:
    """One row for each text calibrated on and text judged on, with all that repeats it."""
    setting = {
        "layer": choice.layer,
        "bits": choice.bits,
        "group": "row" if choice.group is None else choice.group,
        "scales": choice.scales,
        "damping": choice.damping,
        "order": order,
        "overflow": "clip",
    }
    rows = [*zip(transfer.texts, transfer.losses, strict=True), (NEAREST, transfer.nearest_losses)]
    records = [
        {
            **setting,
            **_described("calibrated_on", name, calibrations.get(name)),
            **_described("judged_on", judge, calibrations[judge]),
            "relative_loss": loss,
        }
        for name, losses in rows
        for judge, loss in zip(transfer.texts, losses, strict=True)
    ]
    return str(pd.DataFrame(records).to_csv(index=False))


def _described(role: str, name: str, calibration: Calibration | None) -> dict[str, object]:
    """Round-to-nearest has no calibration: its cells are empty."""
    return {
        role: name,
        f"{role}_source": calibration and calibration.text.source,
        f"{role}_sha256": calibration and calibration.text.sha256,
        f"{role}_tokens": calibration and calibration.tokens,
        f"{role}_seed": calibration and (calibration.seed or "from its start"),
    }
