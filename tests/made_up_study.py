"""A study whose numbers are made up: as large as the recorded one, made in a moment, always the same."""

import math
from dataclasses import asdict

import numpy as np

from app.real_layers.choice import BLOCKS, SHAPES, layer_name
from lattice_core.language_model.study_plan import STAGES, StudyPoint
from lattice_core.language_model.study_record import LayerRun, Study, StudyRun

REFERENCE = 22.55
BADNESS = {
    "rtn": 5.0,
    "gptq": 1.6,
    "gptq_huffman": 1.6,
    "ssqr": 1.25,
    "hrtn": 2.6,
    "hptq": 1.0,
    "watersic": 0.62,
    "watersic_k_best": 0.5,
}
ORDERS = {"act_order": 1.0, "min_pivot": 1.01, "back_to_front": 1.2, "front_to_back": 1.5}
HUFFMAN_BITS = {2: 2.21, 3: 3.03, 4: 3.92}


def made_up_study() -> Study:
    """All planned models but the last two."""
    rng = np.random.default_rng(0)
    points = [point for stage in STAGES.values() for point in stage()]
    layers = {point.key: _layers(point, rng) for point in points[:-2]}
    runs = tuple(_run(point, layers[point.key]) for point in points[:-2])
    texts = {run.key: f" the 1800s, when *{run.contender}* was built." for run in runs}
    about = {
        "source": "made up",
        "text": "wiki.test.raw",
        "tokens": {"evaluation": [0, 16384], "calibration": [100000, 132768], "held_out": [5, 9]},
        "windows": {"calibration": 512, "evaluation": 1024},
        "seeds": [1, 2, 3],
        "prompt": "The history of the lighthouse begins in",
        "date": "2026-01-17",
        "machine": "x86_64, 2 cores",
        "command": "nearest-plane study --to study",
        "reference": {"perplexity": REFERENCE, "predicted": 16368},
        "missing": [point.key for point in points[-2:]],
    }
    every_layer = tuple(layer for found in layers.values() for layer in found)
    return Study(about, runs, every_layer, {"reference": " the 1800s, when it was built."} | texts)


def _layers(point: StudyPoint, rng: np.random.Generator) -> tuple[LayerRun, ...]:
    clipped = 0.013 if _clips(point) else 0.0
    badness = _badness(point) * (1 + 0.04 * rng.standard_normal() * bool(point.seed))
    return tuple(
        LayerRun(
            key=point.key,
            layer=layer_name(block, linear),
            block=block,
            linear=linear,
            bits_per_weight=_bits(point),
            relative_loss=badness / 105 * math.exp(0.5 * rng.standard_normal()),
            loss_over_bound=(0.53 if clipped else 0.33) * math.exp(0.05 * rng.standard_normal()),
            clipped_fraction=clipped * abs(1 + 0.4 * rng.standard_normal()),
            outlier_rate=0.01 if point.contender == "ssqr" else 0.0,
            distance=0.25 + 0.1 * rng.standard_normal(),
            held_out_loss=badness / 100 * math.exp(0.5 * rng.standard_normal()),
        )
        for block in range(BLOCKS)
        for linear in SHAPES
    )


def _run(point: StudyPoint, layers: tuple[LayerRun, ...]) -> StudyRun:
    # The same codes stored in two ways are the same model.
    badness = _badness(point) * (1 + 0.01 * (point.seed or 0))
    divergence = 0.1 * badness**1.15
    return StudyRun(
        **asdict(point),
        key=point.key,
        bits_per_weight=_bits(point),
        file_bits_per_weight=_bits(point) + 0.004,
        perplexity=REFERENCE * math.exp(1.05 * divergence),
        divergence=divergence,
        agreement=math.exp(-0.9 * divergence**0.5),
        relative_loss=sum(layer.relative_loss for layer in layers),
        relative_bound=sum(layer.relative_loss / layer.loss_over_bound for layer in layers),
        held_out_loss=sum(layer.held_out_loss for layer in layers),
        distance=float(np.mean([layer.distance for layer in layers])),
        clipped_fraction=float(np.mean([layer.clipped_fraction for layer in layers])),
        outlier_rate=layers[0].outlier_rate,
        quantize_seconds=60.0,
        evaluate_seconds=110.0,
    )


def _badness(point: StudyPoint) -> float:
    found = BADNESS[point.contender] * 2 * 4 ** (3.25 - point.target_bits) * ORDERS[point.order]
    found *= 0.55 if point.overflow == "keep" else 1.0
    found *= 0.93 if point.inputs == "sequential" else 1.0
    return found * (0.85 if point.targets == "unquantized" else 1.0)


def _bits(point: StudyPoint) -> float:
    if point.contender == "gptq_huffman":
        return HUFFMAN_BITS[int(point.target_bits)] + (0.07 if point.overflow == "keep" else 0.0)
    return point.target_bits + (0.32 if point.contender == "ssqr" else -0.001)


def _clips(point: StudyPoint) -> bool:
    return point.contender in ("rtn", "gptq", "gptq_huffman") and point.overflow == "clip"
