"""The packaged model: what it is, the laws on its layers, and the slices of it that are shipped."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_problems import assert_close

from lattice_core import ORDERS, PRESETS

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lattice_core.language_model import (  # noqa: E402
    Text,
    collect_hessians,
    embedded_text,
    linear_layers,
    tokenize,
)
from lattice_core.layers import quantize_layer  # noqa: E402

BLOCK = "model.layers.0"
KINDS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
KINDS += ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
LAYERS = [f"{BLOCK}.{kind}" for kind in KINDS]
TOKENS = 3000  # more than the 1536 inputs of down_proj, and no multiple of the window


@pytest.fixture(scope="module")
def hessians(smollm2) -> dict:
    """Raw Hessians of one early block."""
    tokens = tokenize(smollm2, embedded_text("calibration"), TOKENS)
    return collect_hessians(smollm2, tokens, layers=LAYERS)


@pytest.mark.model
def test_packaged_model_reads_and_writes_text(smollm2) -> None:
    prompt = "The capital of France is"
    ids = smollm2.tokenizer(prompt)["input_ids"]
    assert smollm2.tokenizer.decode(ids) == prompt
    # Also that transformers puts the rows of q and k, which GGUF interleaves, back in place.
    with torch.inference_mode():
        best = smollm2.model(torch.tensor([ids])).logits[0, -1].argmax()
    assert smollm2.tokenizer.decode(best) == " Paris"
    assert smollm2.model.dtype == torch.float32
    assert not smollm2.model.training


@pytest.mark.model
def test_packaged_model_has_seven_layers_in_each_of_thirty_blocks(smollm2) -> None:
    names = list(linear_layers(smollm2.model))
    assert len(names) == 210
    assert names[:7] == LAYERS


@pytest.mark.model
def test_text_shorter_than_asked_for_is_an_error(smollm2) -> None:
    assert len(tokenize(smollm2, embedded_text("calibration"))) > 32_768
    assert len(tokenize(smollm2, Text("one two three", "words"), 2)) == 2
    with pytest.raises(ValueError, match=r"words has 3 tokens; 10 were wanted"):
        tokenize(smollm2, Text("one two three", "words"), 10)
    with pytest.raises(ValueError, match="token_count is 0"):
        tokenize(smollm2, Text("one", "words"), 0)


@pytest.mark.model
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("bits", [2, 4])
def test_law_6_holds_and_law_7_is_measured_on_real_layers(name, bits, smollm2, hessians) -> None:
    weight = linear_layers(smollm2.model)[name].weight
    ours = quantize_layer(weight, hessians[name], bits=bits, overflow="keep")
    error = (ours.dequantize() - weight.detach().double()).numpy()
    damped_hessian = hessians[name].numpy().copy()
    damped_hessian[np.diag_indices_from(damped_hessian)] += 0.01 * np.diag(damped_hessian).mean()
    assert_close(
        ours.row_losses, np.einsum("ri,ij,rj->r", error, damped_hessian, error, optimize=True)
    )
    assert ours.clipped_fraction == 0
    assert (ours.row_losses <= ours.row_bounds).all()
    assert 0.25 < ours.loss / ours.bound < 0.4  # a measurement, not a theorem


@pytest.mark.model
@pytest.mark.parametrize("order", ORDERS)
def test_gptq_beats_round_to_nearest_on_a_real_layer_in_every_order(
    order, smollm2, hessians
) -> None:
    name = f"{BLOCK}.mlp.up_proj"
    weight = linear_layers(smollm2.model)[name].weight
    gptq, rtn = (
        quantize_layer(weight, hessians[name], method, bits=3, order=order)
        for method in ("gptq", "rtn")
    )
    assert gptq.loss < rtn.loss
    assert 0 < gptq.clipped_fraction < 0.1


@pytest.mark.model
def test_law_10_the_determinant_of_a_real_layer_is_order_free(smollm2, hessians) -> None:
    name = f"{BLOCK}.self_attn.q_proj"
    weight = linear_layers(smollm2.model)[name].weight
    logs = [
        quantize_layer(weight, hessians[name], order=order).pivots.log().sum() for order in ORDERS
    ]
    for log in logs:
        assert_close(log, logs[0])


@pytest.mark.model
def test_shipped_slices_are_of_the_packaged_model(smollm2) -> None:
    recorded = json.loads(
        (Path(__file__).parents[1] / "lattice_core/real_slices.json").read_text(encoding="utf-8")
    )
    for entry in recorded["slices"]:
        weight = linear_layers(smollm2.model)[entry["layer"]].weight.detach()
        np.testing.assert_allclose(
            weight[entry["row"], entry["inputs"]], entry["weights"], rtol=1e-5
        )


@pytest.mark.parametrize("name", ["real_two_inputs", "real_three_inputs"])
def test_shipped_slices_tell_the_two_natural_orders_and_rounding_apart(name) -> None:
    from dataclasses import replace

    problem = PRESETS[name].problem
    front, back = (replace(problem, order=o).babai for o in ("front_to_back", "back_to_front"))
    assert (front.codes != back.codes).any()
    nearest = np.rint(np.divide(problem.weights, problem.scales))
    assert (nearest != back.codes).any()
    assert not front.clipped
    assert not back.clipped
