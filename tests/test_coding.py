"""Codes as bytes and back (law L18): every coder on the same adversarial codes."""

from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close

pytest.importorskip("torch")  # the package that the coders are in

from lattice_core.layers.coding import CODERS, EncodedCodes, decode_codes, encode_codes
from lattice_core.layers.coding.ans import PROBABILITY_STEPS
from lattice_core.layers.coding.side_information import (
    pack_arrays,
    smallest_integers,
    unpack_arrays,
)

EVERY_CODER = pytest.mark.parametrize("coder", CODERS)


def gaussian_codes(rng: np.random.Generator, rows: int, columns: int, widths=4.0) -> np.ndarray:
    return np.rint(widths * rng.standard_normal((rows, columns))).astype(np.int64)


def striped(rng: np.random.Generator) -> np.ndarray:
    """Columns of width 1000 with columns of zeros between them."""
    codes = gaussian_codes(rng, 63, 130, 1000.0)
    codes[:, ::3] = 0
    return codes


ADVERSARIAL = {
    "one symbol": lambda rng: np.full((7, 63), 5),
    "all zero": lambda rng: np.zeros((63, 7), dtype=np.int64),
    "two symbols": lambda rng: rng.integers(0, 2, (63, 130)),
    "two symbols, one of them once": lambda rng: np.eye(1, 63 * 130, 77, int).reshape(63, 130) * -9,
    "thousands of values": lambda rng: rng.integers(-9000, 9000, (63, 130)),
    "all different": lambda rng: rng.permutation(63 * 7).reshape(63, 7) - 100,
    "huge": lambda rng: rng.integers(-(2**40), 2**40, (7, 63)),
    "ends of the range": lambda rng: rng.choice([-(2**40), 2**40], (7, 7)),
    "a gap": lambda rng: rng.choice([0, 10**9], (63, 7)),
    "gaps of many sizes": lambda rng: rng.choice([-(10**9), 0, 1, 3, 10**6], (63, 130)),
    "1 x 1": lambda rng: np.array([[-3]]),
    "one row": lambda rng: gaussian_codes(rng, 1, 130),
    "one column": lambda rng: gaussian_codes(rng, 63, 1),
    "zero columns among wide ones": striped,
    "negative only": lambda rng: -1 - np.abs(gaussian_codes(rng, 63, 63)),
    "columns of different widths": lambda rng: gaussian_codes(
        rng, 7, 130, np.geomspace(0.1, 99, 130)
    ),
    "rows of different widths": lambda rng: gaussian_codes(
        rng, 130, 7, np.geomspace(0.1, 99, 130)[:, None]
    ),
    "a probability of 1 in 200,000": lambda rng: (np.arange(200_000).reshape(400, 500) == 3) * 1,
}


def entropy(codes: np.ndarray) -> float:
    """Of one code drawn from them all, in bits."""
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    return float(-(shares * np.log2(shares)).sum())


def through_bytes(encoded: EncodedCodes) -> EncodedCodes:
    return replace(encoded, side=unpack_arrays(pack_arrays(encoded.side)))


def stream_bits(encoded: EncodedCodes) -> float:
    """A code."""
    return 8 * len(encoded.stream) / (encoded.shape[0] * encoded.shape[1])


@EVERY_CODER
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_law_18_decoding_gives_the_codes_again(name, coder, rng) -> None:
    codes = ADVERSARIAL[name](rng)
    before = codes.copy()
    encoded = encode_codes(codes, coder)
    assert isinstance(encoded.stream, bytes)
    decoded = decode_codes(through_bytes(encoded))
    assert decoded.dtype == np.int64
    assert decoded.shape == codes.shape
    np.testing.assert_array_equal(decoded, codes)
    np.testing.assert_array_equal(codes, before)


@EVERY_CODER
def test_same_codes_are_the_same_bytes_whatever_their_layout_in_memory(coder, rng) -> None:
    codes = gaussian_codes(rng, 63, 130)
    first, second = encode_codes(codes, coder), encode_codes(np.asfortranarray(codes), coder)
    assert first.stream == second.stream
    assert pack_arrays(first.side) == pack_arrays(second.side)


@EVERY_CODER
@pytest.mark.parametrize("name", ["one symbol", "all zero", "1 x 1"])
def test_law_18_one_symbol_takes_no_bits(name, coder, rng) -> None:
    assert encode_codes(ADVERSARIAL[name](rng), coder).stream == b""


@pytest.mark.parametrize("width", [0.3, 1.0, 4.0, 1000.0])
def test_law_18_huffman_is_less_than_a_bit_above_the_entropy(width, rng) -> None:
    codes = gaussian_codes(rng, 63, 130, width)
    filling = 7 / codes.size  # of the last byte
    bits = stream_bits(encode_codes(codes, "huffman"))
    assert entropy(codes) <= bits < entropy(codes) + 1 + filling


@pytest.mark.parametrize("share", [0.5, 0.1, 0.001])
def test_law_18_huffman_takes_a_bit_for_two_symbols_however_rare_one_is(share, rng) -> None:
    codes = (rng.random((130, 64)) < share).astype(np.int64)
    assert_close(stream_bits(encode_codes(codes, "huffman")), 1.0)
    if share < 0.5:
        assert stream_bits(encode_codes(codes, "ans")) < entropy(codes) + 0.02 < 1


@pytest.mark.parametrize("width", [0.2, 1.0, 30.0])
def test_ans_is_at_the_entropy_of_codes_of_one_width(width, rng) -> None:
    # Widths seen in few codes vary by chance, and a table for each of them fits better than one for
    # all: the stream may be below the entropy, but then the tables are larger.
    codes = gaussian_codes(rng, 500, 400, width)
    assert abs(stream_bits(encode_codes(codes, "ans")) - entropy(codes)) < 0.02


def test_ans_is_at_the_entropy_of_its_tables_and_below_huffman(rng) -> None:
    rows, columns = np.geomspace(0.5, 2, 500)[:, None], np.geomspace(0.25, 64, 400)
    codes = gaussian_codes(rng, 500, 400, rows * columns)
    encoded = encode_codes(codes, "ans")
    side = encoded.side
    # What the tables promise: the width of each code tells which, and a table tells −log₂ p.
    widths = np.add.outer(side["row_widths"].astype(int), side["column_widths"].astype(int))
    low, high = side["width_range"].astype(int)
    assert len(side["tables"]) == high - low + 1 > 10
    steps = side["tables"].astype(float)
    probabilities = np.where(steps > 0, 2 ** (-(steps - 1) / PROBABILITY_STEPS), 0)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    letters = np.unique(codes, return_inverse=True)[1].reshape(codes.shape)
    promised = -np.log2(probabilities[widths.clip(low, high) - low, letters]).mean()
    assert abs(stream_bits(encoded) - promised) < 0.001
    # The codes themselves have no less than the entropy of each width.
    tables = [codes[widths.clip(low, high) == width] for width in range(low, high + 1)]
    best = sum(entropy(part) * part.size for part in tables if part.size) / codes.size
    assert best <= stream_bits(encoded) < best + 0.02
    total = sum(len(part) for part in (encoded.stream, pack_arrays(side)))
    assert 8 * total / codes.size < stream_bits(encode_codes(codes, "huffman")) - 0.3


def test_fixed_width_is_that_of_the_range_of_codes(rng) -> None:
    for low, high, width in ((0, 1, 1), (-4, 3, 3), (-4, 4, 4), (100, 163, 6), (-(2**40), 0, 41)):
        codes = rng.choice([low, high], (8, 8))
        codes[0, :2] = low, high
        assert_close(stream_bits(encode_codes(codes, "fixed")), width)


@EVERY_CODER
@pytest.mark.parametrize("lost", [1, 4, 100])
def test_stream_cut_short_is_an_error(coder, lost, rng) -> None:
    encoded = encode_codes(gaussian_codes(rng, 63, 130), coder)
    with pytest.raises(ValueError, match=r"damaged|cut short"):
        decode_codes(replace(encoded, stream=encoded.stream[:-lost]))


def test_flipped_bits_in_a_stream_of_ans_are_an_error(rng) -> None:
    """Of ans alone: every bit of its state depends on all that was read before."""
    encoded = encode_codes(gaussian_codes(rng, 63, 130), "ans")
    stream = bytearray(encoded.stream)
    stream[len(stream) // 2] ^= 0x55
    with pytest.raises(ValueError, match="damaged"):
        decode_codes(replace(encoded, stream=bytes(stream)))


@pytest.mark.parametrize("damage", ["truncated", "first byte", "middle byte", "no safetensors"])
def test_damaged_side_information_is_an_error(damage, rng) -> None:
    packed = pack_arrays(encode_codes(gaussian_codes(rng, 63, 130), "ans").side)
    place = {"first byte": 0, "middle byte": len(packed) // 2}.get(damage)
    if damage == "truncated":
        packed = packed[:-1]
    elif damage == "no safetensors":
        import zlib

        packed = zlib.compress(b"no safetensors")
    else:
        packed = packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :]
    with pytest.raises(ValueError, match="side information of a layer is damaged"):
        unpack_arrays(packed)


def test_arrays_come_back_in_their_dtypes_and_shapes(rng) -> None:
    arrays = {
        "halves": rng.standard_normal((7, 3)).astype(np.float16),
        "empty": np.zeros(0, dtype=np.uint8),
        "longs": np.array([-(2**40), 2**40]),
        "transposed": rng.integers(0, 9, (3, 7)).T,
    }
    back = unpack_arrays(pack_arrays(arrays))
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 255, np.uint8),
        (0, 256, np.uint16),
        (-1, 127, np.int8),
        (-1, 128, np.int16),
        (-129, 0, np.int16),
        (0, 2**32 - 1, np.uint32),
        (0, 2**32, np.int64),
        (-(2**31) - 1, 0, np.int64),
    ],
)
def test_integers_take_the_smallest_dtype_that_holds_them(low, high, dtype) -> None:
    values = smallest_integers(np.array([low, high]))
    assert values.dtype == dtype
    assert values.tolist() == [low, high]


@pytest.mark.parametrize("coder", ["zip", "", "ANS"])
def test_unknown_coder_lists_those_there_are(coder) -> None:
    message = f"coder is '{coder}'; one of fixed, huffman, ans was wanted"
    with pytest.raises(ValueError, match=message):
        encode_codes(np.eye(3, dtype=int), coder)
    with pytest.raises(ValueError, match=message):
        decode_codes(EncodedCodes(coder, (1, 1), b"", {}))
