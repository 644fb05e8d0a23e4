"""The command line ``nearest-plane``: whole models quantized, judged and written about.

A file a command: `layers` what a model has · `quantize` it into a folder · `evaluate` what was lost · `study` many ways
on one text · `audit` layers that others have quantized · `report` one HTML file of any of it. What they share:
`options` (and how each is explained), `loading` model and tokens, `progress`, `printing`, `refusals` (errors in one
line).

Torch and transformers are imported when a command runs, so that help answers at once.
"""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from app.command_line import audit, evaluate, layers, quantize, report, study
from app.command_line.refusals import Commands

ABOUT = """Quantize a language model with Babai's nearest plane, and find out what that cost.

GPTQ, run back to front, is Babai's nearest plane algorithm on the lattice that a layer's inputs define. These commands
do it to whole models: locally, in folders that are gone on with after a stop, with bits counted in stored bytes.

Where no MODEL is named, it is the SmolLM2-135M-Instruct that the set-up brings; else a folder with safetensors, a .gguf
file, or an id on the Hugging Face hub.
"""
EXAMPLES = """\b
Begin with:
  nearest-plane layers
  nearest-plane quantize --method watersic --bits 3.25 --to watersic-3.25
  nearest-plane evaluate --checkpoint watersic-3.25
  nearest-plane report watersic-3.25 --to report.html
"""

application = typer.Typer(
    cls=Commands,
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for command in (layers, quantize, evaluate, study, audit, report):
    name = command.__name__.rpartition(".")[2]
    application.command(name, short_help=command.SHORT, epilog=command.EXAMPLES)(command.run)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("nearest-plane"))
        raise typer.Exit


@application.callback(help=ABOUT)
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None: ...


def main() -> None:
    """Run what the command line says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not know all letters
    application(prog_name="nearest-plane")
