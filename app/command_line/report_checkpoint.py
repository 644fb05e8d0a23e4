"""A quantized model as a page: what it takes and loses, layer by layer, and how it was made."""

from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING

from app.command_line.quantize import summary
from app.command_line.report_layers import layer_maps
from app.command_line.report_page import Figures, Part, facts, folded, page, paragraph, table
from app.figures.order_survey import SYMBOLS
from app.figures.palette import ORDER_COLORS
from app.figures.predictor_plot import predictor_plot
from app.figures.study_axes import Point, Series
from lattice_core.language_model.model_runs import layer_runs

if TYPE_CHECKING:
    from lattice_core.language_model import Checkpoint

COLORS = [*ORDER_COLORS.values(), "#56B4E9", "#D55E00", "#808080"]


def checkpoint_page(made: "Checkpoint") -> str:
    """The page."""
    figures = Figures()
    layers = layer_runs("", made.report.layers)
    source = _name(made)
    settings = made.recipe.settings
    parts = [
        Part("sum", "In numbers", table(["what", "is"], summary(made))),
        Part("layers", "Layer by layer", layer_maps(figures, "layers-map", {source: layers})),
        Part("bound", "Loss and bound", _bound(made, figures)),
        Part("table", "All layers", folded("Show the table", _table(made))),
        Part("from", "Where this is from", _provenance(made)),
    ]
    lead = (
        f"{settings.method}, {made.report.bits_per_weight:.3f} bits a weight in stored bytes, "
        f"calibrated on {made.about['text'] or 'a text without a name'}."
    )
    return page(f"{source}, quantized", lead, parts, figures)


def _name(made: "Checkpoint") -> str:
    """Of the model: no path of the machine where it was made."""
    return PurePath(str(made.about["source"])).name


def _bound(made: "Checkpoint", figures: Figures) -> str:
    by_linear: dict[str, list[Point]] = {}
    for layer in made.report.layers:
        said = (
            f"<b>{escape(layer.name)}</b><br>loss {layer.relative_loss:.3%}<br>"
            f"bound {layer.relative_bound:.3%}<br>loss ÷ bound {layer.loss_over_bound:.3f}<br>"
            f"clipped {layer.clipped_fraction:.2%}"
        )
        if layer.relative_bound > 0 and layer.relative_loss > 0:
            point = Point(
                layer.relative_bound, layer.relative_loss, said, layer.clipped_fraction > 0
            )
            by_linear.setdefault(layer.name.rpartition(".")[2], []).append(point)
    symbols = list(SYMBOLS)
    series = [
        Series(escape(linear), COLORS[place % len(COLORS)], symbols[place % len(symbols)], points)
        for place, (linear, points) in enumerate(by_linear.items())
    ]
    plot = predictor_plot(
        series,
        "bound, share of the output",
        "loss, share of the output",
        void="void: codes are clipped",
    )
    note = (
        "With the nearest plane and no code clipped, the loss is about a third of its bound. Both are shares of "
        "the squared size of the layer's output."
    )
    return paragraph(note) + figures.place(
        "bound-plot", plot, "Bound against loss, a mark a layer."
    )


def _table(made: "Checkpoint") -> str:
    return table(
        ["layer", "shape", "bits", "loss", "bound", "loss ÷ bound", "clipped", "kept aside"],
        [
            (
                layer.name,
                f"{layer.rows} × {layer.columns}",
                f"{layer.bits_per_weight:.3f}",
                f"{layer.relative_loss:.3%}",
                f"{'void ' if layer.clipped_fraction else ''}{layer.relative_bound:.3%}",
                f"{layer.loss_over_bound:.3f}",
                f"{layer.clipped_fraction:.2%}",
                f"{layer.outlier_rate:.2%}",
            )
            for layer in made.report.layers
        ],
        struck="void ",
    )


def _provenance(made: "Checkpoint") -> str:
    about = made.about
    recipe = made.recipe.as_record()
    return facts(
        [
            ("model", _name(made)),
            ("SHA-256 of its weights", about["model_sha256"]),
            ("calibration text", about["text"]),
            ("calibration tokens", f"{about['token_count']:,}"),
            ("SHA-256 of the tokens", about["tokens_sha256"]),
            *(
                (name.replace("_", " "), value)
                for name, value in recipe.items()
                if value is not None
            ),
            ("threads", about["threads"]),
            ("versions", ", ".join(f"{k} {v}" for k, v in about["versions"].items())),
        ]
    )
