"""What it costs to read entropy-coded weights: whole numbers without a limit, as HPTQ stores them.

No kernel multiplies with such a stream directly: where a number begins depends on all before it. So it
is decoded when the model is loaded, into one byte a weight. This measures that, with asymmetric numeral
systems (the package `constriction`) and one table for all codes, on numbers drawn from a normal
distribution and rounded.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

SIDE = 4096  # of the square weight
SPREADS = (0.8, 1.6, 3.2)  # standard deviations: about 1.8, 2.7 and 3.7 bits


@dataclass(frozen=True)
class EntropyDecoding:
    """One weight, written and read.

    Attributes
    ----------
    weights : int
    spread : float
        Standard deviation of the codes before rounding.
    entropy : float
        Of the codes, bits.
    stored_bits : float
        Of the stream, bits a weight; without the table.
    encode_seconds, decode_seconds : float
        On one core.
    """

    weights: int
    spread: float
    entropy: float
    stored_bits: float
    encode_seconds: float
    decode_seconds: float

    @property
    def weights_per_second(self) -> float:
        """Decoded."""
        return self.weights / self.decode_seconds


def measure_decoding(
    side: int = SIDE, spreads: tuple[float, ...] = SPREADS
) -> Iterator[EntropyDecoding]:
    """Encode and decode a square weight of each spread, and check that nothing is lost.

    Raises
    ------
    ValueError
        If the package constriction is not installed.
    """
    if find_spec("constriction") is None:
        raise ValueError("constriction is not installed (pip install constriction).")
    for spread in spreads:
        yield _measure(side * side, spread)


def _measure(count: int, spread: float) -> EntropyDecoding:
    from constriction import stream

    codes = np.rint(np.random.default_rng(0).normal(0, spread, count)).astype(np.int32)
    least = codes.min()
    symbols = codes - least
    shares = np.bincount(symbols) / count
    model = stream.model.Categorical(shares.astype(np.float32), perfect=False)
    start = time.perf_counter()
    coder = stream.stack.AnsCoder()
    coder.encode_reverse(symbols, model)
    words = coder.get_compressed()
    written = time.perf_counter()
    decoded = (stream.stack.AnsCoder(words).decode(model, count) + least).astype(np.int8)
    read = time.perf_counter()
    if not np.array_equal(decoded, codes):
        raise AssertionError("the decoded codes are not those encoded")
    present = shares[shares > 0]
    return EntropyDecoding(
        weights=count,
        spread=spread,
        entropy=float(-(present * np.log2(present)).sum()),
        stored_bits=8 * words.nbytes / count,
        encode_seconds=written - start,
        decode_seconds=read - written,
    )
