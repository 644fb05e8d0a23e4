"""GPTQ checkpoints: unpacked as they were packed, and audited against their source model."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
save_file = pytest.importorskip("safetensors.torch").save_file

from small_problems import assert_close  # noqa: E402
from tiny_model import tiny_model  # noqa: E402

from lattice_core import IntegerGrid  # noqa: E402
from lattice_core.language_model import Cancelled, collect_hessians  # noqa: E402
from lattice_core.language_model.calibrate import linear_layers  # noqa: E402
from lattice_core.language_model.checkpoint_audit import audit_checkpoint  # noqa: E402
from lattice_core.language_model.gptq_format import read_gptq_checkpoint  # noqa: E402
from lattice_core.layers import damp, nearest_plane_codes, quantize_layer  # noqa: E402

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}


def pack_columns(codes: np.ndarray, bits: int) -> torch.Tensor:
    """Codes (k, n) as the words of AutoGPTQ, (n · bits / 32, k): slot by slot, as it writes them.

    An oracle that is no stream of bits: for 3 bits, three words take 10 + 1 + 10 + 1 + 10 codes.
    """
    rows, count = codes.shape
    words = np.zeros((count * bits // 32, rows), dtype=np.uint32)
    wide = codes.T.astype(np.uint32)
    if bits != 3:
        per_word = 32 // bits
        for place in range(count):
            words[place // per_word] |= wide[place] << (bits * (place % per_word))
    else:
        for block in range(count // 32):
            part, (one, two, three) = wide[32 * block :], words[3 * block : 3 * block + 3]
            for slot in range(10):
                one |= part[slot] << (3 * slot)
                two |= part[11 + slot] << (3 * slot + 1)
                three |= part[22 + slot] << (3 * slot + 2)
            one |= part[10] << 30
            two |= (part[10] >> 2) & 1
            two |= part[21] << 31
            three |= (part[21] >> 1) & 3
    return torch.tensor(words.view(np.int32))


def packed_layer(codes, zeros, scales, groups, bits, form="gptq"):
    """The tensors of one layer, from (r, c) codes and (r, groups) zeros and scales."""
    stored = (zeros - 1) % 2**bits if form == "gptq" else zeros
    qzeros = pack_columns(stored.T, bits).T.contiguous()
    return {
        "qweight": pack_columns(codes, bits),
        "qzeros": qzeros,
        "scales": torch.tensor(scales.T).half(),
        "g_idx": torch.tensor(groups, dtype=torch.int32),
    }


def write(folder, layers, *, config="quantize_config.json", **settings):
    """A checkpoint of packed layers, in two files, with tensors that are none of ours."""
    settings = {"bits": 4, "group_size": 32, "desc_act": False, "sym": True} | settings
    names = list(layers)
    for number in range(2):
        tensors = {f"norm{number}.weight": torch.ones(3)}
        for name in names[number::2]:
            tensors |= {
                f"{name}.{part}": t.contiguous().clone() for part, t in layers[name].items()
            }
        save_file(tensors, folder / f"model-{number}.safetensors")
    content = {"quantization_config": settings} if config == "config.json" else settings
    (folder / config).write_text(json.dumps(content))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("form", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("config", ["quantize_config.json", "config.json"])
def test_packed_codes_zeros_and_scales_come_back(bits, form, config, rng, tmp_path) -> None:
    codes = rng.integers(0, 2**bits, (32, 96))
    zeros = rng.integers(0, 2**bits, (32, 3))
    zeros[0] = 0
    zeros[1] = 2**bits - 1
    scales = rng.uniform(0.01, 0.1, (32, 3)).astype(np.float16)
    groups = rng.permutation(np.arange(96) // 32)  # as with desc_act
    layer = packed_layer(codes, zeros, scales, groups, bits, form)
    write(tmp_path, {"a.b": layer}, config=config, bits=bits, checkpoint_format=form)
    checkpoint = read_gptq_checkpoint(tmp_path)
    assert checkpoint.layers == ("a.b",)
    assert (checkpoint.bits, checkpoint.group_size) == (bits, 32)
    read = checkpoint.layer("a.b")
    np.testing.assert_array_equal(read.codes, codes)
    np.testing.assert_array_equal(read.zeros, zeros)
    np.testing.assert_array_equal(read.scales, scales)
    np.testing.assert_array_equal(read.group_of_column, groups)
    wanted = scales[:, groups].astype(np.float64) * (codes - zeros[:, groups])
    np.testing.assert_array_equal(read.dequantize(), wanted)
    grid = read.grid()
    np.testing.assert_array_equal(grid.dequantize(), wanted)
    np.testing.assert_array_equal(grid.low, -zeros[:, groups])
    assert grid.bits == bits
    assert grid.scale_count == 96


def test_groups_are_consecutive_where_none_are_given(rng, tmp_path) -> None:
    codes, zeros = rng.integers(0, 16, (8, 80)), np.full((8, 3), 8)
    scales = rng.uniform(0.01, 0.1, (8, 3)).astype(np.float16)
    wanted = np.arange(80) // 32
    layer = packed_layer(codes, zeros, scales, wanted, 4)
    without = {part: tensor for part, tensor in layer.items() if part != "g_idx"}
    empty = without | {"g_idx": torch.zeros(80, dtype=torch.int32)}
    write(tmp_path, {"given": layer, "without": without, "empty": empty})
    checkpoint = read_gptq_checkpoint(tmp_path)
    for name in ("given", "without", "empty"):
        read = checkpoint.layer(name)
        np.testing.assert_array_equal(read.group_of_column, wanted)
        np.testing.assert_array_equal(read.codes, codes)
    write(tmp_path, {"without": without}, group_size=16)
    with pytest.raises(ValueError, match="3 groups, 80 inputs and no g_idx; groups of 16"):
        read_gptq_checkpoint(tmp_path).layer("without")


def test_layer_may_have_other_bits_than_the_model(rng, tmp_path) -> None:
    codes = rng.integers(0, 256, (8, 32))
    layer = packed_layer(codes, np.full((8, 1), 128), np.full((8, 1), 0.1), np.zeros(32), 8)
    write(tmp_path, {"a": layer}, bits=4, group_size=-1)
    checkpoint = read_gptq_checkpoint(tmp_path)
    assert (checkpoint.bits, checkpoint.group_size) == (4, None)
    assert checkpoint.layer("a").bits == 8
    np.testing.assert_array_equal(checkpoint.layer("a").codes, codes)


def quantized_checkpoint(folder, loaded, tokens, *, order="act_order", bits=4):
    """The tiny model's layers, quantized by `quantize_layer` and packed."""
    modules = linear_layers(loaded.model)
    hessians = collect_hessians(loaded, tokens, layers=list(modules), window=16)
    ours, packed = {}, {}
    for name, module in modules.items():
        layer = quantize_layer(module.weight, hessians[name], bits=bits, group_size=32, order=order)
        # Scales are stored in 16 bits, so the codes must be chosen with those.
        scales = layer.group_scales.half()
        groups = np.arange(module.in_features) // 32
        codes = nearest_plane_codes(
            module.weight.detach().double(),
            damp(hessians[name], 0.01),
            scales.double()[:, groups],
            layer.order,
            IntegerGrid(bits),
        )
        half = 2 ** (bits - 1)
        zeros = np.full(tuple(scales.shape), half)
        packed[name] = packed_layer((codes + half).numpy(), zeros, scales.numpy(), groups, bits)
        ours[name] = codes
    write(folder, packed, bits=bits)
    return ours


@pytest.fixture
def tokens(rng):
    return torch.tensor(rng.integers(0, 50, 400))


@pytest.mark.parametrize("order", ["act_order", "front_to_back"])
def test_checkpoint_is_audited_layer_by_layer(order, rng, tokens, tmp_path) -> None:
    loaded = tiny_model(**SIZES)
    quantized_checkpoint(tmp_path, loaded, tokens, order=order)
    seen = []
    audits = dict(
        audit_checkpoint(
            tmp_path, loaded, tokens, window=16, progress=lambda done, total: seen.append(done)
        )
    )
    assert set(audits) == set(linear_layers(loaded.model))
    assert seen[-1] == 400
    for audit in audits.values():
        assert audit.grid is None
        assert audit.bits == 4
        assert (audit.order, audit.best.step_share, audit.best.share) == (order, 1, 1)
        assert audit.best.step_share > audit.explanations[1].step_share
        assert audit.loss <= audit.bound or audit.clipped_fraction > 0


def test_chosen_layers_alone_and_the_loss_is_theirs(rng, tokens, tmp_path) -> None:
    loaded = tiny_model(**SIZES)
    quantized_checkpoint(tmp_path, loaded, tokens, bits=3)
    name = "model.layers.1.mlp.down_proj"
    ((found, audit),) = audit_checkpoint(tmp_path, loaded, tokens, layers=[name], window=16)
    assert found == name
    hessian = collect_hessians(loaded, tokens, layers=[name], window=16)[name]
    error = (
        read_gptq_checkpoint(tmp_path).layer(name).dequantize()
        - linear_layers(loaded.model)[name].weight.detach().double()
    )
    assert_close(audit.undamped_loss, torch.einsum("ri,ij,rj", error, hessian, error))
    assert audit.bits == 3


def test_cancel_ends_it_between_layers(rng, tokens, tmp_path) -> None:
    loaded = tiny_model(**SIZES)
    quantized_checkpoint(tmp_path, loaded, tokens)
    answers = iter([False] * 26 + [True])  # 25 windows, one layer
    audits = audit_checkpoint(tmp_path, loaded, tokens, window=16, cancel=lambda: next(answers))
    next(audits)
    with pytest.raises(Cancelled, match="after 1 of 14 layers"):
        next(audits)
    with pytest.raises(Cancelled, match="0 of 400 tokens"):
        audit_checkpoint(tmp_path, loaded, tokens, window=16, cancel=lambda: True)


def test_another_model_than_the_source_is_refused(rng, tokens, tmp_path) -> None:
    loaded = tiny_model(**SIZES)
    quantized_checkpoint(tmp_path, loaded, tokens)
    other = tiny_model(**(SIZES | {"intermediate_size": 96}))
    name = "model.layers.0.mlp.up_proj"
    with pytest.raises(ValueError, match=r"\(64, 32\) in .* and \(96, 32\) in tiny"):
        next(audit_checkpoint(tmp_path, other, tokens, layers=[name], window=16))
    with pytest.raises(ValueError, match="'nowhere' is not in the model"):
        audit_checkpoint(tmp_path, loaded, tokens, layers=["nowhere"])
    (tmp_path / "part").mkdir()
    checkpoint = read_gptq_checkpoint(tmp_path)
    layer = checkpoint.layer(name)
    packed = packed_layer(
        layer.codes.numpy(), layer.zeros.numpy(), layer.scales.numpy(), np.zeros(32), 4
    )
    write(tmp_path / "part", {name: packed})
    with pytest.raises(ValueError, match=r"'model.layers.0.mlp.down_proj' is not quantized in"):
        audit_checkpoint(tmp_path / "part", loaded, tokens, layers=["model.layers.0.mlp.down_proj"])


def test_folders_in_another_format_are_refused(rng, tmp_path) -> None:
    layer = packed_layer(np.zeros((8, 32)), np.full((8, 1), 8), np.ones((8, 1)), np.zeros(32), 4)
    with pytest.raises(ValueError, match="there is no folder"):
        read_gptq_checkpoint(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="does not say how it was quantized"):
        read_gptq_checkpoint(tmp_path)
    for wrong, message in (
        ({"quant_method": "awq"}, "quant_method 'awq'.*AWQ and others pack codes differently"),
        ({"checkpoint_format": "marlin"}, "checkpoint_format 'marlin'"),
        ({"bits": 5}, "bits 5; one of 2, 3, 4, 8"),
        ({"bits": None}, "bits None"),
    ):
        write(tmp_path, {"a": layer}, **wrong)
        with pytest.raises(ValueError, match=message):
            read_gptq_checkpoint(tmp_path)
    write(tmp_path, {})
    with pytest.raises(ValueError, match="holds no quantized layer"):
        read_gptq_checkpoint(tmp_path)
    write(tmp_path, {"a": {"qweight": layer["qweight"]}})
    with pytest.raises(ValueError, match=r"a in .* has no qzeros and no scales"):
        read_gptq_checkpoint(tmp_path)
    (tmp_path / "quantize_config.json").write_text("{")
    with pytest.raises(ValueError, match="could not be read as JSON"):
        read_gptq_checkpoint(tmp_path)
    write(tmp_path, {"a": layer})
    (tmp_path / "model-1.safetensors").write_bytes(b"\xff" * 50)
    with pytest.raises(ValueError, match="could not be read as safetensors"):
        read_gptq_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("part", "tensor", "message"),
    [
        ("qweight", torch.zeros(5, 8, dtype=torch.int32), "do not fit together"),
        ("qweight", torch.zeros(4, 8, dtype=torch.int64), "packed in torch.int64"),
        ("qweight", torch.zeros(32, dtype=torch.int32), "not all matrices"),
        ("qzeros", torch.zeros(1, 2, dtype=torch.int32), "do not fit together"),
        ("scales", torch.zeros(1, 8).half(), "not positive and finite"),
        ("scales", torch.full((1, 8), torch.nan).half(), "not positive and finite"),
        ("g_idx", torch.full((32,), 3, dtype=torch.int32), "g_idx of a holds 3 … 3; groups 0 … 0"),
        ("g_idx", torch.full((32,), -1, dtype=torch.int32), "g_idx of a holds -1"),
        ("g_idx", torch.zeros(0, dtype=torch.int32), "do not fit together"),
    ],
)
def test_layers_that_do_not_fit_the_format_are_refused(part, tensor, message, tmp_path) -> None:
    layer = packed_layer(np.zeros((8, 32)), np.full((8, 1), 8), np.ones((8, 1)), np.zeros(32), 4)
    write(tmp_path, {"a": layer | {part: tensor}})
    checkpoint = read_gptq_checkpoint(tmp_path)
    with pytest.raises(ValueError, match=message):
        checkpoint.layer("a")
    with pytest.raises(ValueError, match="no quantized layer 'b'; names such as 'a'"):
        checkpoint.layer("b")
