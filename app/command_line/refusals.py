"""Errors for people: one line on stderr, and an exit code; a traceback only for a bug."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

REFUSED, INTERRUPTED = 2, 130
TYPED = "nearest-plane: typed"


class Interrupted(Exception):
    """Ctrl-C, with what to say about it."""


class Commands(TyperGroup):
    """The group of all commands: what they refuse is told in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        # Transformers draws a bar while it reads a GGUF file; tqdm looks at this once, when torch imports it.
        os.environ.setdefault("TQDM_DISABLE", "1")
        try:
            return super().invoke(ctx)
        except TyperException as error:
            where = getattr(getattr(error, "ctx", None), "command_path", ctx.command_path)
            message = error.format_message().replace("Value error, ", "")
            _end(f"{message} See: {where} --help", REFUSED)
        except Interrupted as error:
            _end(f"interrupted. {error}", INTERRUPTED)
        except KeyboardInterrupt:
            _end("interrupted.", INTERRUPTED)
        except BrokenPipeError:
            raise  # the reader has gone: typer ends quietly
        except (ValueError, OSError) as error:
            _end(_in_one_line(error), REFUSED)
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            _end(f"{_in_one_line(error)} A smaller --window, or --device cpu, needs less.", REFUSED)


@contextmanager
def resumable(what_is_there: str, folder: Path, pattern: str) -> Iterator[None]:
    """Ctrl-C inside says how many files are kept, and that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        count = len(list(folder.glob(pattern)))
        raise Interrupted(
            f"{count:,} {what_is_there} in {folder}; the same command goes on where it stopped."
        ) from None


def command_as_typed(context: typer.Context) -> str:
    """The command line without the paths of this machine: of each, its last part."""
    typed: Sequence[str] = context.find_root().meta[TYPED]
    return shlex.join(["nearest-plane", *map(_without_path, typed)])


def _without_path(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    is_path = value.startswith(("/", "~", ".")) or Path(value).exists()
    name = Path(value).name if is_path else ""
    return option + equals + (name or value)


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def _end(message: str, code: int) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)
