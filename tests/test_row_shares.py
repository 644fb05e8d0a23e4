"""The recorded shares of real rows: complete, and of this model."""

import numpy as np
import pytest

from lattice_core.recorded_row_shares import LayerRowShares, recorded_row_shares


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


def test_record_has_four_digits_of_each_share() -> None:
    pytest.importorskip("transformers")
    from lattice_core.language_model.row_shares import as_record

    shares = LayerRowShares("a.layer", 70, *np.array([[0.123456, 1.0], [2.34567, 0.5], [0.1, 0.0]]))
    assert as_record(shares) == {
        "layer": "a.layer",
        "columns": 70,
        "kept": [0.1235, 1.0],
        "clipped": [2.346, 0.5],
        "clipped_fraction": [0.1, 0.0],
    }


@pytest.mark.model
def test_record_is_of_the_packaged_model(smollm2) -> None:
    """With less text, and perhaps another Python's: close, not equal."""
    from lattice_core.language_model import (
        collect_hessians,
        embedded_text,
        linear_layers,
        tokenize,
    )
    from lattice_core.layers.row_shares import layer_row_shares

    layer = recorded_row_shares().layers[0]
    tokens = tokenize(smollm2, embedded_text("calibration"), 3000)
    hessian = collect_hessians(smollm2, tokens, layers=[layer.layer])[layer.layer]
    weight = linear_layers(smollm2.model)[layer.layer].weight.detach()
    shares = layer_row_shares(layer.layer, weight, hessian, bits=3)
    assert shares.kept.mean() == pytest.approx(layer.kept.mean(), abs=0.02)
    assert np.corrcoef(shares.kept, layer.kept)[0, 1] > 0.5
    np.testing.assert_allclose(
        shares.clipped_fraction.mean(), layer.clipped_fraction.mean(), rtol=0.2
    )
