"""The recorded shares of real rows: as `quantize_layer` has them, complete, and of this model."""

import numpy as np
import pytest

from lattice_core.recorded_row_shares import recorded_row_shares


def test_record_is_complete_and_obeys_the_laws() -> None:
    recorded = recorded_row_shares()
    assert recorded.command == "python -m lattice_core.language_model.row_shares"
    assert (recorded.tokens, recorded.bits, recorded.group_size) == (16384, 3, 64)
    assert (recorded.order, recorded.scale_rule, recorded.damping) == ("act_order", "mse", 0.01)
    assert "SmolLM2" in recorded.model
    assert "pydoc_data" in recorded.text
    assert [layer.layer for layer in recorded.layers] == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.15.mlp.down_proj",
    ]
    for layer in recorded.layers:
        assert len(layer.kept) == len(layer.clipped) == len(layer.clipped_fraction) == 576
        assert layer.kept.max() <= 1  # law L6
        assert (layer.clipped[layer.clipped_fraction == 0] <= 1).all()
        assert 0.29 < layer.kept.mean() < 0.35  # law L7, measured
        assert 0 < layer.clipped_fraction.mean() < 0.1
    assert any((layer.clipped > 1).any() for layer in recorded.layers)  # law L9


def test_shares_are_loss_over_bound_of_each_row(rng) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from lattice_core.language_model.row_shares import layer_shares
    from lattice_core.layers import quantize_layer

    weight = torch.from_numpy(rng.standard_normal((5, 70)))
    inputs = torch.from_numpy(rng.standard_normal((200, 70)))
    shares = layer_shares(weight, inputs.T @ inputs)
    for kind, overflow in (("kept", "keep"), ("clipped", "clip")):
        wanted = quantize_layer(weight, inputs.T @ inputs, bits=3, overflow=overflow)
        np.testing.assert_allclose(shares[kind], wanted.row_losses / wanted.row_bounds, rtol=5e-4)
        if overflow == "clip":
            np.testing.assert_allclose(shares["clipped_fraction"], wanted.row_clipped, rtol=5e-4)
    assert len(shares["kept"]) == 5


@pytest.mark.model
def test_record_is_of_the_packaged_model(smollm2) -> None:
    """With less text, and perhaps another Python's: close, not equal."""
    from lattice_core.language_model import (
        collect_hessians,
        embedded_text,
        linear_layers,
        tokenize,
    )
    from lattice_core.language_model.row_shares import layer_shares

    layer = recorded_row_shares().layers[0]
    tokens = tokenize(smollm2, embedded_text("calibration"), 3000)
    hessian = collect_hessians(smollm2, tokens, layers=[layer.layer])[layer.layer]
    shares = layer_shares(linear_layers(smollm2.model)[layer.layer].weight.detach(), hessian)
    assert np.mean(shares["kept"]) == pytest.approx(layer.kept.mean(), abs=0.02)
    assert np.corrcoef(shares["kept"], layer.kept)[0, 1] > 0.5
    np.testing.assert_allclose(
        np.mean(shares["clipped_fraction"]), layer.clipped_fraction.mean(), rtol=0.2
    )
