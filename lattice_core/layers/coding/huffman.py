"""Huffman coding: one table for the layer, a whole number of bits for each code.

The table is canonical, so its lengths alone tell it. `bitarray` does the work.
"""

import numpy as np

from lattice_core.inputs import IntArray
from lattice_core.layers.coding.alphabet import Alphabet, spell
from lattice_core.layers.coding.encoded_codes import EncodedCodes
from lattice_core.layers.coding.side_information import smallest_integers


def encode(codes: IntArray) -> EncodedCodes:
    """The frequent codes in few bits: at least their entropy, less than a bit more (law L18).

    A layer whose codes are all the same has an empty stream.
    """
    from bitarray import bitarray
    from bitarray.util import canonical_huffman

    alphabet, symbols = spell(codes.ravel())
    side = alphabet.side
    if len(alphabet.values) == 1:
        return EncodedCodes("huffman", codes.shape, b"", side)
    counts = np.bincount(symbols)
    words, lengths, ranked = canonical_huffman(dict(enumerate(counts.tolist())))
    stream = bitarray()
    stream.encode(words, symbols.tolist())
    side["length_counts"] = smallest_integers(np.array(lengths))
    side["ranked_symbols"] = smallest_integers(np.array(ranked))
    return EncodedCodes("huffman", codes.shape, stream.tobytes(), side)


def decode(encoded: EncodedCodes) -> IntArray:
    """The inverse of `encode`."""
    from bitarray import bitarray
    from bitarray.util import canonical_decode

    alphabet, count = Alphabet.from_side(encoded.side), encoded.shape[0] * encoded.shape[1]
    if len(alphabet.values) == 1:
        return np.full(encoded.shape, alphabet.values[0])
    stream = bitarray(buffer=encoded.stream)
    lengths = encoded.side["length_counts"].tolist()
    words = canonical_decode(stream, lengths, encoded.side["ranked_symbols"].tolist())
    try:  # the last byte is filled up, and might hold more words
        symbols = np.fromiter(words, dtype=np.int64, count=count)
    except ValueError as error:
        raise ValueError(f"the stream of codes is damaged: {error}.") from error
    return alphabet.values[symbols].reshape(encoded.shape)


def code_words(encoded: EncodedCodes) -> dict[int, str]:
    """The table as a decoder reads it: each code's word of 0s and 1s, by code.

    The words of a canonical table are counted up: of one length in the order of the codes, and each
    length goes on where the shorter ones stopped. A layer whose codes are all the same has one empty word.

    Parameters
    ----------
    encoded : EncodedCodes
        Of `encode`.
    """
    values = Alphabet.from_side(encoded.side).values.tolist()
    if len(values) == 1:
        return {values[0]: ""}
    lengths = np.repeat(
        np.arange(len(encoded.side["length_counts"])), encoded.side["length_counts"]
    ).tolist()
    words, word, before = {}, 0, lengths[0]
    for symbol, length in zip(encoded.side["ranked_symbols"].tolist(), lengths, strict=True):
        word <<= length - before
        words[values[symbol]] = format(word, f"0{length}b")
        word, before = word + 1, length
    return words
