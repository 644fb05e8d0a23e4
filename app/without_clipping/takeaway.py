"""The number to keep, from the recorded study."""

from app import lesson
from app.figures.numbers import percent
from lattice_core.recorded_clipping_study import recorded_clipping_study

LAYER, BITS = "model.layers.15.mlp.down_proj", 3


def number_to_remember() -> None:
    """What clipping to a grid costs at one size."""
    study = recorded_clipping_study()
    layer = study.layer(LAYER)
    grid, coded = layer.run("gptq", BITS), layer.run("hptq", BITS)
    lesson.takeaway(
        f"{grid.relative_loss / coded.relative_loss:.1f} times",
        f"At {grid.bits_per_weight:g} stored bits a weight, GPTQ on a grid loses this many times as much as HPTQ, "
        "whose "
        f"codes are kept and entropy-coded: {percent(grid.relative_loss)} against {percent(coded.relative_loss)} of "
        "the output of block 15's down_proj. Clipping is one part of it; the other is that a grid spends the same "
        "bits on every code.",
        command=study.command,
        date=study.date,
        doubt="**Speed.** A grid's codes are read by a kernel at once. Huffman and ANS have to be decoded one "
        "code after the other, and no kernel here multiplies from them: what is saved is storage and "
        "transfer. **One table "
        "for all columns** loses most of what spacing gains, so widths by row and column are stored too. **Loss of "
        "a layer** is not quality of a model: *Whole model* measures that. And the limit L21 is that of Gaussian "
        "weights.",
    )
