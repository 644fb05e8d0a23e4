"""Asymmetric numeral systems with a table for each width of codes; `constriction` does the work.

The spread of codes differs by column (their spacings and pivots differ) and by row. So code (i, j) is said
to have the *width* ``ρ_i + κ_j``, in quarters of an octave: κ_j from the mean square of its column, ρ_i
from that of its row once the columns are divided out. All codes of one width share a table of how often
each code occurs. A table has a byte for each code: its probability as ``2^(−b/8)``.

Source: J. Duda, *Asymmetric numeral systems*, arXiv:1311.2540.
"""

import numpy as np

from lattice_core.inputs import IntArray
from lattice_core.layers.coding.alphabet import Alphabet, spell
from lattice_core.layers.coding.encoded_codes import EncodedCodes
from lattice_core.layers.coding.side_information import smallest_integers

WIDTH_STEPS = 4  # widths an octave
LEAST_MEAN_SQUARE = 2.0**-10  # narrower columns are not told apart; an empty one has this width too
# The widest and the narrowest 1/64 of the codes share a table: a table must pay for itself.
RARE = 1 / 64
PROBABILITY_STEPS = 8  # of a table, an octave
LEAST_PROBABILITY = 254  # in steps; 0 stands for a code that does not occur
_EIGHTHS = 2.0 ** (-np.arange(PROBABILITY_STEPS) / PROBABILITY_STEPS)


def encode(codes: IntArray) -> EncodedCodes:
    """Codes at nearly the entropy of those tables.

    Where all codes of a width are the same they take no bits.
    """
    from constriction import stream

    alphabet, symbols = spell(codes.ravel())
    side = alphabet.side
    if len(alphabet.values) == 1:
        return EncodedCodes("ans", codes.shape, b"", side)
    rows, columns = _widths(codes)
    low, high = _common_widths(rows, columns)
    order, sizes = _by_width(rows, columns, low, high)
    groups = np.split(symbols[order], np.cumsum(sizes)[:-1])
    tables = np.stack([_table(group, len(alphabet.values)) for group in groups])
    coder = stream.stack.AnsCoder()
    for group, table in zip(groups[::-1], tables[::-1], strict=True):
        if (model := _model(table)) is not None and len(group):
            coder.encode_reverse(_places(table)[group], model)
    side |= {
        "row_widths": smallest_integers(rows),
        "column_widths": smallest_integers(columns),
        "width_range": smallest_integers(np.array([low, high])),
        "tables": tables,
    }
    words = coder.get_compressed().astype("<u4")
    return EncodedCodes("ans", codes.shape, words.tobytes(), side)


def decode(encoded: EncodedCodes) -> IntArray:
    """The inverse of `encode`."""
    from constriction import stream

    side = encoded.side
    alphabet = Alphabet.from_side(side)
    if len(alphabet.values) == 1:
        return np.full(encoded.shape, alphabet.values[0])
    if len(encoded.stream) % 4:
        raise ValueError("the stream of codes is cut short: it is no whole number of words.")
    rows, columns = side["row_widths"].astype(np.int16), side["column_widths"].astype(np.int16)
    order, sizes = _by_width(rows, columns, *side["width_range"].tolist())
    coder = stream.stack.AnsCoder(np.frombuffer(encoded.stream, dtype="<u4").astype(np.uint32))
    parts = []
    for size, table in zip(sizes.tolist(), side["tables"], strict=True):
        model, used = _model(table), np.flatnonzero(table)
        if model is None or size == 0:
            parts.append(np.full(size, used[0] if len(used) else 0))
        else:
            parts.append(used[coder.decode(model, size)])
    if not coder.is_empty():
        raise ValueError("the stream of codes is damaged: words are left over at its end.")
    codes = np.empty(encoded.shape[0] * encoded.shape[1], dtype=np.int64)
    codes[order] = alphabet.values[np.concatenate(parts)]
    return codes.reshape(encoded.shape)


def _widths(codes: IntArray) -> tuple[np.ndarray, np.ndarray]:
    """ρ and κ, int16."""
    squares = np.square(codes, dtype=np.float64)
    by_column = np.maximum(squares.mean(axis=0), LEAST_MEAN_SQUARE)
    by_row = np.maximum((squares / by_column).mean(axis=1), LEAST_MEAN_SQUARE)
    return _steps(by_row), _steps(by_column)


def _steps(mean_squares: np.ndarray) -> np.ndarray:
    return np.rint(np.log2(mean_squares) / 2 * WIDTH_STEPS).astype(np.int16)


def _common_widths(rows: np.ndarray, columns: np.ndarray) -> tuple[int, int]:
    """The range beyond which widths are not told apart."""
    widths = np.add.outer(rows, columns).ravel()
    shares = np.cumsum(np.bincount(widths - widths.min())) / widths.size
    low, high = np.searchsorted(shares, [RARE, 1 - RARE]) + int(widths.min())
    return int(low), int(high)


def _by_width(
    rows: np.ndarray, columns: np.ndarray, low: int, high: int
) -> tuple[np.ndarray, np.ndarray]:
    """The codes' places sorted by width, and how many there are of each."""
    widths = np.clip(np.add.outer(rows, columns), low, high).ravel().astype(np.int16) - np.int16(
        low
    )
    sizes = np.bincount(widths, minlength=high - low + 1)
    return np.argsort(widths, kind="stable"), sizes  # stable: a radix sort for int16


def _table(symbols: np.ndarray, alphabet_size: int) -> np.ndarray:
    """Steps of probability plus 1 for each letter of the alphabet, uint8; 0 where it does not occur."""
    counts = np.bincount(symbols, minlength=alphabet_size)
    table = np.zeros(alphabet_size, dtype=np.uint8)
    present = counts > 0
    steps = np.rint(-np.log2(counts[present] / max(len(symbols), 1)) * PROBABILITY_STEPS)
    table[present] = np.minimum(steps, LEAST_PROBABILITY).astype(np.uint8) + 1
    return table


def _model(table: np.ndarray) -> object | None:
    """The distribution over the letters that occur; ``None`` if there is but one."""
    from constriction import stream

    steps = table[table > 0].astype(np.int64) - 1
    if len(steps) < 2:
        return None
    # By doubling alone, which is exact: another machine must get the same numbers.
    probabilities = np.ldexp(_EIGHTHS[steps % PROBABILITY_STEPS], -(steps // PROBABILITY_STEPS))
    return stream.model.Categorical(probabilities, perfect=False)


def _places(table: np.ndarray) -> np.ndarray:
    """Each letter's place among those that occur, int32."""
    return (np.cumsum(table > 0) - 1).astype(np.int32)
