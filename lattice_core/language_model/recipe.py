"""How a whole model is quantized: everything that its bytes depend on, as a record."""

import hashlib
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from lattice_core.language_model.text import WINDOW
from lattice_core.layers.hessian import require_damping
from lattice_core.layers.layer_problem import Settings, require_order_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Inputs = Literal["sequential", "one_shot"]
Targets = Literal["own", "unquantized"]


@dataclass(frozen=True)
class Recipe:
    """What to do to every layer, and from which inputs.

    Attributes
    ----------
    settings : Settings
        Method, bits and options.
    order : str
        A key of `ORDERS`.
    damping : float
    inputs : {"sequential", "one_shot"}
        What a layer's Hessian is gathered from: text that went through the blocks before it as they are
        quantized, or as they were.
    targets : {"own", "unquantized"}
        What a layer is to reproduce: its own output on those inputs, or its output in the unquantized
        model, whose errors before it are then made up for. The second with sequential inputs only.
    window : int
        Calibration tokens that see one another.

    Raises
    ------
    ValueError
        For an unknown name, or options that do not go together.
    """

    settings: Settings
    order: str = "act_order"
    damping: float = 0.01
    inputs: Inputs = "sequential"
    targets: Targets = "own"
    window: int = field(default=WINDOW)

    def __post_init__(self) -> None:
        require_order_name(self.order)
        require_damping(self.damping)
        if self.inputs not in ("sequential", "one_shot"):
            raise ValueError(f"inputs is {self.inputs!r}; sequential or one_shot was wanted.")
        if self.targets not in ("own", "unquantized"):
            raise ValueError(f"targets is {self.targets!r}; own or unquantized was wanted.")
        if self.targets == "unquantized" and self.inputs == "one_shot":
            raise ValueError(
                "targets='unquantized' makes up for errors of earlier blocks, which one_shot inputs "
                "do not see; use inputs='sequential'."
            )

    def as_record(self) -> dict[str, Any]:
        """Flat, as JSON has it."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "settings"}
        return asdict(self.settings) | own

    @staticmethod
    def from_record(record: dict[str, Any]) -> "Recipe":
        """The inverse of `as_record`."""
        own = {f.name for f in fields(Recipe)} - {"settings"}
        settings = Settings(**{k: v for k, v in record.items() if k not in own})
        return Recipe(settings, **{k: v for k, v in record.items() if k in own})


def model_hash(model: "PreTrainedModel") -> str:
    """SHA-256 over the names, shapes and bytes of all parameters."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(_raw_bytes(parameter))
    return digest.hexdigest()


def tokens_hash(tokens: Tensor) -> str:
    """SHA-256 of token ids."""
    return hashlib.sha256(_raw_bytes(tokens)).hexdigest()


def _raw_bytes(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    values: np.ndarray = flat.view(torch.uint8).numpy()
    return values.data
