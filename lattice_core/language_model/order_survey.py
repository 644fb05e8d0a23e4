"""The four orders on every layer of a model.

``python -m lattice_core.language_model.order_survey`` surveys the packaged model and writes
``order_survey.json`` beside this file, which `recorded_survey` reads.

All Hessians are those of the unquantized model: no layer sees the errors of the layers before it.
"""

import argparse
import os
import platform
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from lattice_core.language_model.calibrate import collect_hessians, linear_layers
from lattice_core.language_model.load import LoadedModel, load_model
from lattice_core.language_model.model_file import MODEL_FILE_SHA256, MODEL_NAME
from lattice_core.language_model.survey_record import RECORDED, InputReduction, OrderSurvey
from lattice_core.language_model.text import (
    WINDOW,
    Text,
    draw_windows,
    embedded_text,
    read_text,
    tokenize,
)
from lattice_core.layers.hessian import damp, require_damping
from lattice_core.layers.layer_problem import Settings
from lattice_core.layers.order_comparison import OrderFactors, compare_factored, factor_orders
from lattice_core.layers.order_results import LayerOrders, OrderComparison
from lattice_core.layers.reduction import reduced_pivot_sum
from lattice_core.layers.scales import SCALE_RULES, ScaleRule
from lattice_core.reduction import ReductionCancelled

COMMAND = "lattice_core.language_model.order_survey"
FILE = Path(__file__).with_name(RECORDED)
# LLL takes a second or two for 576 inputs, and a minute for 1,536.
WIDEST = 1024
REDUCED_FROM = ("back_to_front", "min_pivot")


def survey_orders(
    loaded: LoadedModel,
    hessians: Mapping[str, Tensor],
    *,
    bits: int = 3,
    group_size: int | None = 64,
    scale_rule: ScaleRule = "mse",
    damping: float = 0.01,
    skip: Collection[str] = (),
    cancel: Callable[[], bool] | None = None,
) -> Iterator[LayerOrders]:
    """Compare the orders layer by layer, in the order of the forward pass.

    What depends on a Hessian alone is computed once for layers that share it.

    Parameters
    ----------
    loaded : LoadedModel
        Not changed.
    hessians : mapping of (c, c) tensors
        Raw ``XᵀX`` by layer, as `collect_hessians` gives them; other layers are left out.
    bits, group_size, scale_rule, damping
        As in `compare_orders`.
    skip : collection of str
        Layers that are done already.
    cancel : callable, optional
        Asked before each layer; the survey ends once it returns true.

    Raises
    ------
    ValueError
        As `compare_orders` does; the message begins with the layer's name.
    """
    factored: tuple[Tensor, OrderFactors] | None = None
    for name, module in linear_layers(loaded.model).items():
        if name not in hessians or name in skip:
            continue
        if cancel is not None and cancel():
            return
        began = time.perf_counter()
        hessian = hessians[name]
        try:
            if factored is None or factored[0] is not hessian:
                factored = (hessian, factor_orders(hessian, damping=damping))
            compared = compare_factored(
                module.weight, factored[1], bits=bits, group_size=group_size, scale_rule=scale_rule
            )
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        yield _small(name, compared, time.perf_counter() - began)


def _small(name: str, compared: OrderComparison, seconds: float) -> LayerOrders:
    gaps = [abs(p.log_determinant - compared.log_determinant) for p in compared.profiles]
    return LayerOrders(
        rows=compared.rows,
        columns=compared.columns,
        bits=compared.bits,
        results=compared.results,
        log_determinant=compared.log_determinant,
        pivot_floor=compared.pivot_floor,
        layer=name,
        determinant_gap=max(gaps),
        seconds=seconds,
    )


def survey_reductions(
    hessians: Mapping[str, Tensor],
    *,
    damping: float = 0.01,
    orders: Sequence[str] = REDUCED_FROM,
    skip: Collection[tuple[str, str]] = (),
    cancel: Callable[[], bool] | None = None,
) -> Iterator[InputReduction]:
    """Reduce each layer's inputs by LLL, once for all layers that share them.

    It says how far above an LLL-reduced basis an order stands, for LLL may mix columns where an
    order only sorts them. Inputs wider than `WIDEST` are left out, and so, with a warning, are those
    for whose reduction float64 cannot vouch.

    Parameters
    ----------
    hessians : mapping of (c, c) tensors
        As in `survey_orders`.
    damping : float
    orders : sequence of str
        Keys of `ORDERS`, from which LLL starts.
    skip : collection of (str, str)
        First layer and order of what is done already.
    cancel : callable, optional
        Asked now and then; the survey ends once it returns true.
    """
    hessians = dict(hessians)  # a mapping may make its tensors when asked
    readers: dict[int, list[str]] = {}
    for name, hessian in hessians.items():
        if len(hessian) <= WIDEST:
            readers.setdefault(id(hessian), []).append(name)
    for names in readers.values():
        damped_hessian = damp(hessians[names[0]].double(), damping)
        for order in orders:
            if (names[0], order) in skip:
                continue
            try:
                found = reduced_pivot_sum(damped_hessian, order, cancel=cancel)
            except ReductionCancelled:
                return
            except ValueError as error:
                warnings.warn(f"{names[0]} from {order}: {error}", stacklevel=2)
                continue
            yield InputReduction(
                layers=tuple(names),
                order=order,
                pivot_sum=found.pivot_sum,
                swaps=found.swaps,
                seconds=found.seconds,
            )


def as_survey(
    text: Text,
    token_count: int,
    seed: int | None,
    how: Mapping[str, Any],
    layers: Iterable[LayerOrders],
    reductions: Iterable[InputReduction],
    *,
    hessian_seconds: float | None,
    command: str,
) -> OrderSurvey:
    """What was found on the packaged model, with its text, its settings, this machine and today.

    Parameters
    ----------
    text : Text
    token_count : int
    seed : int or None
    how : mapping
        ``bits``, ``group_size``, ``scale_rule`` and ``damping``.
    layers : iterable of LayerOrders
    reductions : iterable of InputReduction
    hessian_seconds : float or None
    command : str
    """
    versions = {"python": platform.python_version()}
    for library in ("torch", "transformers"):
        versions[library] = version(library)
    return OrderSurvey(
        model=MODEL_NAME,
        model_sha256=MODEL_FILE_SHA256,
        text=text.source,
        text_sha256=text.sha256,
        tokens=token_count,
        window=WINDOW,
        seed=seed,
        **how,
        layers=tuple(layers),
        reductions=tuple(reductions),
        hessian_seconds=hessian_seconds,
        date=date.today().isoformat(),
        command=command,
        versions=versions,
        cores=os.cpu_count() or 1,
    )


def main() -> None:
    """Survey the packaged model and write the file."""
    asked = options()
    try:
        survey = _survey(asked)
    except ValueError as error:
        sys.exit(f"The survey stopped: {error}")
    asked.out.write_text(survey.to_json() + "\n", encoding="utf-8")
    print(
        f"wrote {asked.out}: Hessians {survey.hessian_seconds:.0f} s, orders "
        f"{survey.comparing_seconds:.0f} s, reductions {survey.reducing_seconds:.0f} s"
    )


def _survey(asked: argparse.Namespace) -> OrderSurvey:
    how = {
        "bits": asked.bits,
        "group_size": asked.group,
        "scale_rule": asked.scales,
        "damping": asked.damping,
    }
    # Asked at once: the Hessians take minutes.
    Settings("gptq", bits=asked.bits, group_size=asked.group, scale_rule=asked.scales)
    require_damping(asked.damping)
    if not asked.out.parent.is_dir():
        raise ValueError(f"there is no folder {asked.out.parent} to write {asked.out.name} into.")
    own = asked.text not in ("calibration", "evaluation")
    text = read_text(asked.text) if own else embedded_text(asked.text)
    loaded = load_model()
    if asked.seed is None:
        tokens = tokenize(loaded, text, asked.tokens)
    else:
        tokens = draw_windows(loaded, text, asked.tokens, seed=asked.seed, window=WINDOW)
    began = time.perf_counter()
    hessians = collect_hessians(
        loaded,
        tokens,
        layers=list(linear_layers(loaded.model)),
        window=WINDOW,
        progress=lambda done, total: print(f"Hessians: {done:,} of {total:,} tokens", flush=True),
    )
    seconds = time.perf_counter() - began
    return as_survey(
        text,
        len(tokens),
        asked.seed,
        how,
        _told("orders", survey_orders(loaded, hessians, **how), lambda found: found.layer),
        _told(
            "LLL",
            survey_reductions(hessians, damping=asked.damping),
            lambda found: f"{found.layers[0]} from {found.order}",
        ),
        hessian_seconds=seconds,
        command=shlex.join(["python", "-m", COMMAND, *sys.argv[1:]]),
    )


def _told(stage: str, records: Iterable[Any], name: Callable[[Any], str]) -> Iterator[Any]:
    for count, record in enumerate(records, start=1):
        print(f"{stage} {count}: {record.seconds:.2f} s, {name(record)}", flush=True)
        yield record


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {COMMAND}",
        description="Compare the orders on every layer of the packaged model.",
    )
    parser.add_argument(
        "--text", default="calibration", help="calibration, evaluation or a UTF-8 file"
    )
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--seed", type=int, help="draw windows of the text; else from its start")
    parser.add_argument("--bits", type=int, default=3)
    parser.add_argument(
        "--group", type=_inputs_or_row, default=64, help="inputs that share a scale, or row"
    )
    parser.add_argument("--scales", choices=SCALE_RULES, default="mse")
    parser.add_argument("--damping", type=float, default=0.01)
    parser.add_argument("--out", type=Path, default=FILE)
    return parser.parse_args(arguments)


def _inputs_or_row(word: str) -> int | None:
    return None if word == "row" else int(word)


if __name__ == "__main__":
    main()
