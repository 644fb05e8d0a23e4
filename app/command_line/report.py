"""``nearest-plane report``: one HTML file of a study or of a quantized model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.command_line.options import Json
from app.command_line.printing import print_json

if TYPE_CHECKING:
    from lattice_core.language_model import Checkpoint
    from lattice_core.language_model.study_record import Study

SHORT = "Write one HTML file about a study or a quantized model."
EXAMPLES = """\b
Examples:
  nearest-plane report study --to study.html
  nearest-plane report watersic-3.25 --to report.html
"""


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Of `study`, finished or not, or of `quantize`, finished."
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="FILE", help="The HTML file; one that is there is replaced.")
    ] = Path("report.html"),
    json: Json = False,
) -> None:
    """Write a report: interactive figures, tables, texts side by side, and where all of it is from.

    The file needs nothing else: it works without a network, and is light or dark as the reader's system is.
    """
    from app.command_line.report_checkpoint import checkpoint_page
    from app.command_line.report_study import study_page
    from lattice_core.language_model.atomic_file import write_atomically

    if to.is_dir() or not to.resolve().parent.is_dir():
        raise ValueError(f"--to {to}: a file in a folder that is there was wanted.")
    study = _study(folder)
    html = study_page(study) if study else checkpoint_page(_checkpoint(folder))
    data = html.encode()
    write_atomically(to, data)
    if json:
        print_json({"file": str(to), "bytes": len(data)})
    else:
        print(f"{to} is written, {len(data) / 1e6:.1f} MB.")


def _study(folder: Path) -> "Study | None":
    """The study in a folder; ``None`` if it holds none."""
    from lattice_core.language_model.study_record import STUDY, read_study

    if (folder / STUDY).is_file():
        return read_study(folder)
    if (folder / "about.json").is_file():
        raise ValueError(f"{folder} is a study without a finished run; go on with it first.")
    return None


def _checkpoint(folder: Path) -> "Checkpoint":
    from lattice_core.language_model import open_checkpoint
    from lattice_core.language_model.checkpoint import RECIPE

    if not (folder / RECIPE).is_file():
        raise ValueError(
            f"{folder} is neither a study nor a checkpoint; a folder of `nearest-plane study` or "
            "`nearest-plane quantize` was wanted."
        )
    return open_checkpoint(folder)
