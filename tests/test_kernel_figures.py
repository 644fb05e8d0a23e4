"""The pictures of the page *GPU kernels*: what they show is what the kernels' own code does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from app.figures.batch_ratio import batch_ratio  # noqa: E402
from app.figures.byte_budget import bit_bars, limit_curve  # noqa: E402
from app.figures.roofline import Point, roofline  # noqa: E402
from app.figures.ticks import one_two_five  # noqa: E402
from app.figures.tile_life import ASIDE, DONE  # noqa: E402
from app.gpu_kernels.packing_picture import picture, plane_owners  # noqa: E402
from app.gpu_kernels.tile_story import SLOTS, WORD, tile_figure  # noqa: E402
from kernels.launch import dot_launch, joined_fields  # noqa: E402
from kernels.layout import SLOT, WORDS, Layout  # noqa: E402
from kernels.packing import pack  # noqa: E402
from kernels.unpacking_steps import unpacking_steps  # noqa: E402

EVERY_WIDTH = pytest.mark.parametrize("bits", [2, 3, 4])


@EVERY_WIDTH
def test_every_bit_of_a_word_belongs_to_one_column_and_neighbours_share_a_height(bits) -> None:
    width = {2: 2, 3: 2, 4: 4}[bits]
    low = plane_owners(bits)[0]
    assert low.columns.shape == (WORDS, 32)
    columns, counts = np.unique(low.columns, return_counts=True)
    assert (columns == np.arange(32 // width * WORDS)).all()
    assert (counts == width).all()
    even, odd = low.columns[:, :16], low.columns[:, 16:]
    assert (odd == even + 1).all()
    assert (even % 2 == 0).all()


def test_third_bits_lie_in_a_plane_of_their_own() -> None:
    _, high = plane_owners(3)
    assert sorted(high.columns.ravel()) == list(range(256))


@EVERY_WIDTH
def test_picture_names_the_column_of_each_field(bits) -> None:
    for owners in plane_owners(bits):
        (heatmap,) = picture(owners).data
        shown = np.array(heatmap.text)
        assert shown.shape == (32 // owners.width, WORDS)
        assert (shown == owners.columns[:, :: owners.width].T).all()
        slots = np.array(heatmap.z) - 0.5
        assert (slots == shown // SLOT % 4).all()


@EVERY_WIDTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_unpacking_steps_end_in_the_codes_that_were_packed(bits, dtype) -> None:
    half = 1 << (bits - 1)
    generator = torch.Generator().manual_seed(bits)
    codes = torch.randint(-half, half, (1, 256), generator=generator)
    packed = pack(codes, torch.ones(1, 1), bits=bits, group_size=None)
    layout = packed.layout
    fields = 16 // layout.planes[0][0]
    for slot in range(layout.slots_per_unit):
        for word in range(WORDS):
            low = int(packed.planes[0][0, slot // fields * WORDS + word])
            high = int(packed.planes[-1][0, word])
            *_, last = unpacking_steps(low, slot, bits, high, dtype)
            first = slot * SLOT + 2 * word
            assert last.name == "codes"
            assert list(last.numbers) == codes[0, first : first + 2].tolist()


def test_unpacking_a_slot_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="slot 4 of 4 bits"):
        list(unpacking_steps(0, 4, 4))
    with pytest.raises(ValueError, match="of 5 bits"):
        list(unpacking_steps(0, 0, 5))


@EVERY_WIDTH
@pytest.mark.parametrize("outliers", [False, True])
def test_tile_shows_the_bits_of_each_step(bits, outliers) -> None:
    figure = tile_figure(bits, 128, outliers=outliers)
    sentences = figure.layout.meta["sentences"]
    assert len(figure.frames) == len(sentences) == 9 + (bits == 3) + outliers
    strips = ["".join(frame.data[1].text[0]) for frame in figure.frames]
    unpacked = 6 if bits == 3 else 5
    assert all(set(strip) <= {"0", "1"} for strip in strips[1 : unpacked + 1])
    masked = strips[3]
    assert masked.count("1") <= 2 * {2: 2, 3: 2, 4: 4}[bits]
    # The codes on show are those of the columns named in the words.
    lower = SLOTS[bits] * SLOT + 2 * WORD
    half, off = 1 << (bits - 1), 3 << (bits - 1)
    generator = torch.Generator().manual_seed(7)
    codes = torch.randint(-half, half, (256,), generator=generator).tolist()
    wanted = [
        f"column {k}: {codes[k] + off} − {off} = {codes[k]}".replace("-", "−")
        for k in (lower + 1, lower)
    ]
    assert list(figure.frames[unpacked].data[2].text) == wanted


def test_an_outlier_is_shown_as_it_is_stored() -> None:
    frame = tile_figure(4, 128, outliers=True).frames[-2]
    strip = "".join(frame.data[1].text[0])
    row, column, value = int(strip[:3], 2), int(strip[3:16], 2), int(strip[16:], 2)
    stored = np.array([value], dtype=np.uint16).view(np.float16)[0]
    assert list(frame.data[2].text) == [f"row {row}, column {column}", f"value −{-stored:g}"]


@EVERY_WIDTH
@pytest.mark.parametrize("group", [32, 64, 128, None])
def test_tiles_are_those_of_the_kernel_for_this_group(bits, group) -> None:
    layout = Layout(bits, 1024, group or 1024)
    units = dot_launch(4096, layout, 132).units
    columns = units * layout.slots_per_unit * SLOT
    figure = tile_figure(bits, group, outliers=False)
    first, *_, multiplied, _, _ = figure.layout.meta["sentences"]
    assert f"× {columns} columns each" in first
    assert f"× {units * joined_fields(layout) * SLOT} codes" in multiplied
    if group:
        assert (f"{columns // group} group" in first) == (columns >= group)
    assert figure.layout.xaxis.range[1] == 8 * columns


def test_tiles_are_done_one_after_the_other_and_all_at_the_end() -> None:
    maps = [np.array(frame.data[0].z) for frame in tile_figure(4, 128, outliers=False).frames]
    done = [(tiles == DONE).sum() for tiles in maps]
    assert done == sorted(done)
    assert done[-1] == maps[-1].shape[1]


def test_outliers_lie_in_all_tiles_of_a_block() -> None:
    tiles = np.array(tile_figure(4, 128, outliers=True).frames[-2].data[0].z)
    assert sorted((tiles == ASIDE).sum(axis=1)) == [0, 0, 0, 0, 0, tiles.shape[1]]


def test_bars_add_up_to_the_bits() -> None:
    parts = {"codes": 4.0, "scales": 0.125, "outliers": 0.32}
    figure = bit_bars({"16 bits": {"weight": 16.0}, "4 bits": parts})
    assert sum(bar.x[1] for bar in figure.data) == pytest.approx(4.445)
    assert sum(bar.x[0] for bar in figure.data) == 16


def test_roofline_has_the_limit_and_a_mark_for_each() -> None:
    points = [Point("cpu", 1, 10**7, 500.0), Point("bfloat16", 1, 3 * 10**7, 2000.0)]
    figure = roofline(points, bandwidth=2e10, launch_microseconds=3.0)
    limit, with_launch, *marks = figure.data
    np.testing.assert_allclose(np.array(limit.y), np.array(limit.x) * 1e6 / 2e10 * 1e6)
    np.testing.assert_allclose(np.array(with_launch.y), np.array(limit.y) + 3)
    assert [mark.x[0] for mark in marks] == [10, 30]
    assert len({mark.marker.symbol for mark in marks}) == 2


def test_ratio_has_every_batch_and_the_limit() -> None:
    figure = batch_ratio(
        {"cpu": {1: 3.0, 16: 0.8}, "bfloat16": {1: 1.0, 16: 1.0}}, {1: 3.6, 16: 3.5}
    )
    assert [trace.name for trace in figure.data][-1].startswith("limit")
    assert list(figure.layout.xaxis.ticktext) == ["1", "16"]
    assert figure.layout.yaxis.range[1] > 3.6


def test_limit_curve_stays_below_what_bytes_allow() -> None:
    weights = np.geomspace(1e5, 1e9, 20)
    figure = limit_curve(weights, np.linspace(1, 3.5, 20), 3.6, [("a layer", 10**6, 1.2)])
    most, curve, marks = figure.data
    assert (np.array(curve.y) <= np.array(most.y)).all()
    assert marks.text[0] == marks.customdata[0] == "a layer"


@pytest.mark.parametrize(("least", "most"), [(0.3, 7.0), (200, 20_000), (5, 5.1)])
def test_ticks_are_inside_the_range(least, most) -> None:
    axis = one_two_five(least, most)
    low, high = axis["range"]
    assert all(10**low <= tick <= 10**high for tick in axis["tickvals"])
    assert len(axis["tickvals"]) == len(axis["ticktext"])
