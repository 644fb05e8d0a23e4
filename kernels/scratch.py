"""Memory of a GPU beside the operands: sums of programs that share columns, and how many have come.

It is kept for the next product, so that none is allocated while a model runs. A CUDA graph remembers
addresses: what a captured product uses is never given back, and a capture that needs more than there
is fails and says so.

Products on one device share it. A product on another stream than the last waits for that one. What this
cannot see must not happen: a graph replayed at the same time as another graph, or as a product, on
another stream; and products from two threads of the host on different streams.
"""

import torch
from torch import Tensor

_kept: dict[torch.device, list["_Scratch"]] = {}


class _Scratch:
    def __init__(self, device: torch.device, floats: int, counters: int) -> None:
        self.partials = torch.empty(floats, dtype=torch.float32, device=device)
        self.arrivals = torch.zeros(counters, dtype=torch.int32, device=device)
        self.stream: torch.cuda.Stream | None = None

    def holds(self, floats: int, counters: int) -> bool:
        return len(self.partials) >= floats and len(self.arrivals) >= counters


def scratch(device: torch.device, floats: int, counters: int) -> tuple[Tensor, Tensor]:
    """Room for sums, float32, and counters, int32, all of them 0; at least as many as asked for.

    Raises
    ------
    RuntimeError
        If a CUDA graph is being captured and there is not enough: the same products must run once
        before.
    """
    capturing = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    kept = _kept.setdefault(device, [])
    if not kept or not kept[-1].holds(floats, counters):
        if capturing:
            raise RuntimeError(
                "a quantized product needs more scratch memory than there is, and cannot get it while "
                "a CUDA graph is captured. Run the same products once before the capture."
            )
        # Twice as much as before, so that this happens rarely.
        before = kept[-1] if kept else None
        kept.append(
            _Scratch(
                device,
                max(floats, 2 * len(before.partials) if before else 0),
                max(counters, 2 * len(before.arrivals) if before else 0),
            )
        )
    chosen = kept[-1]
    if device.type == "cuda" and not capturing:
        stream = torch.cuda.current_stream(device)
        if chosen.stream is not None and chosen.stream != stream:
            stream.wait_stream(chosen.stream)
        chosen.stream = stream
    return chosen.partials, chosen.arrivals
