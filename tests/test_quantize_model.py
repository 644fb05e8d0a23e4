"""Quantizing whole models: tiny ones made here, and one block of the packaged one."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_model import tiny_model  # noqa: E402

from lattice_core.language_model import (  # noqa: E402
    Cancelled,
    LoadedModel,
    collect_hessians,
    embedded_text,
    linear_layers,
    quantize,
    quantize_layers,
    quantize_model,
    tokenize,
)
from lattice_core.layers import quantize_layer  # noqa: E402

TOKENS = torch.arange(90) * 7 % 50
LAYERS = 14  # of the tiny model, which reads 8 different inputs
EVERY_METHOD = pytest.mark.parametrize(
    ("method", "options"),
    [("rtn", {}), ("gptq", {"overflow": "keep"}), ("ssqr", {"outlier_rate": 0.05})],
)


def hessians_of(loaded: LoadedModel, layers=None) -> dict:
    return collect_hessians(loaded, TOKENS, layers=layers or list(linear_layers(loaded.model)))


def copied(loaded: LoadedModel) -> dict:
    return {name: value.clone() for name, value in loaded.model.state_dict().items()}


def assert_unchanged(loaded: LoadedModel, before: dict, but_for=()) -> None:
    """Bit for bit."""
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in but_for), name


@EVERY_METHOD
def test_layers_are_those_of_quantize_layer_in_the_order_of_the_forward_pass(
    method, options
) -> None:
    loaded = tiny_model()
    before = copied(loaded)
    hessians = dict(reversed(hessians_of(loaded).items()))
    results = dict(quantize_layers(loaded, hessians, method=method, bits=3, **options))
    modules = linear_layers(loaded.model)
    assert list(results) == list(modules)
    for name, layer in results.items():
        alone = quantize_layer(modules[name].weight, hessians[name], method, 3, **options)
        torch.testing.assert_close(layer.codes, alone.codes, rtol=0, atol=0)
        assert layer.loss == alone.loss
    assert_unchanged(loaded, before)


@EVERY_METHOD
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_replaced_by_their_quantized_values_and_nothing_else_is(
    method, options, dtype
) -> None:
    loaded = tiny_model(attention_bias=True)
    loaded.model.to(dtype)
    settings = {"method": method, "bits": 3, "order": "min_pivot", "damping": 0.1, **options}
    results = dict(quantize_layers(loaded, hessians_of(loaded), **settings))
    before = copied(loaded)
    parameters = dict(loaded.model.named_parameters())

    report = quantize_model(loaded, TOKENS, **settings)
    for name, layer in results.items():
        weight = linear_layers(loaded.model)[name].weight
        assert weight is parameters[f"{name}.weight"]
        torch.testing.assert_close(weight.detach(), layer.dequantize().to(dtype), rtol=0, atol=0)
    assert_unchanged(loaded, before, but_for={f"{name}.weight" for name in results})
    assert [entry.name for entry in report.layers] == list(results)


def test_some_layers_can_be_named() -> None:
    loaded = tiny_model()
    before = copied(loaded)
    names = ["model.layers.1.mlp.up_proj", "model.layers.0.self_attn.v_proj"]
    report = quantize_model(loaded, TOKENS, layers=names, bits=2)
    assert [entry.name for entry in report.layers] == names[::-1]
    assert_unchanged(loaded, before, but_for={f"{name}.weight" for name in names})


def test_report_holds_the_numbers_of_the_layers_and_their_means_over_the_weights() -> None:
    loaded = tiny_model()
    options = {"method": "ssqr", "bits": 3, "group_size": 7, "outlier_rate": 0.1}
    results = dict(quantize_layers(loaded, hessians_of(loaded), **options))
    report = quantize_model(loaded, TOKENS, **options)
    assert (report.source, report.token_count) == ("tiny", 90)
    for entry, layer in zip(report.layers, results.values(), strict=True):
        assert (entry.rows, entry.columns) == layer.codes.shape
        assert (entry.method, entry.order) == ("ssqr", "act_order")
        for number in ("bits_per_weight", "loss", "undamped_loss", "relative_loss", "bound"):
            assert getattr(entry, number) == getattr(layer, number)
        for number in ("clipped_fraction", "outlier_rate", "scale_factor"):
            assert getattr(entry, number) == getattr(layer, number)
    count = sum(layer.codes.numel() for layer in results.values())
    bits = sum(layer.bits_per_weight * layer.codes.numel() for layer in results.values())
    outliers = sum(layer.outliers.values().numel() for layer in results.values())
    assert report.weight_count == count
    assert report.bits_per_weight == pytest.approx(bits / count)
    assert report.outlier_rate == pytest.approx(outliers / count)
    assert report.clipped_fraction == 0
    assert report.as_records()[0]["name"] == "model.layers.0.self_attn.q_proj"
    assert len(report.as_records()) == LAYERS


def test_logits_change_little_at_eight_bits_and_more_at_two() -> None:
    def change(bits: int) -> float:
        loaded = tiny_model(initializer_range=0.2)
        with torch.inference_mode():
            before = loaded.model(TOKENS[None]).logits
            quantize_model(loaded, TOKENS, bits=bits)
            return ((loaded.model(TOKENS[None]).logits - before).norm() / before.norm()).item()

    assert 0 < change(8) < 0.02 < 0.1 < change(2)


def test_same_model_and_text_give_the_same_weights() -> None:
    first, second = tiny_model(), tiny_model()
    reports = [quantize_model(loaded, TOKENS, bits=3) for loaded in (first, second)]
    assert reports[0] == reports[1]
    assert_unchanged(first, copied(second))


def test_hessian_is_factorized_once_for_all_layers_that_share_it(monkeypatch) -> None:
    loaded = tiny_model()
    factorized = []
    factor = quantize.factor_hessian
    monkeypatch.setattr(
        quantize, "factor_hessian", lambda *x, **y: factorized.append(1) or factor(*x, **y)
    )
    assert len(list(quantize_layers(loaded, hessians_of(loaded)))) == LAYERS
    assert len(factorized) == 8
    apart = {name: hessian.clone() for name, hessian in hessians_of(loaded).items()}
    list(quantize_layers(loaded, apart))
    assert len(factorized) == 8 + LAYERS


def test_progress_counts_the_tokens_and_then_the_layers() -> None:
    reports = []
    quantize_model(tiny_model(), TOKENS, window=40, progress=lambda *x: reports.append(x))
    assert reports[:3] == [("calibrate", 40, 90), ("calibrate", 80, 90), ("calibrate", 90, 90)]
    assert reports[3:] == [("quantize", i + 1, LAYERS) for i in range(LAYERS)]


@pytest.mark.parametrize("when", [1, 2, 3, 10, LAYERS + 2])
def test_cancelled_run_leaves_every_weight_as_it_was(when) -> None:
    loaded = tiny_model()
    before = copied(loaded)
    asked = []
    with pytest.raises(Cancelled, match="tokens" if when < 4 else "layers"):
        quantize_model(
            loaded, TOKENS, window=40, cancel=lambda: asked.append(1) or len(asked) == when
        )
    assert len(asked) == when
    assert_unchanged(loaded, before)


def test_cancelled_layers_end_after_those_done() -> None:
    loaded = tiny_model()
    done = []
    with pytest.raises(Cancelled, match="after 3 of 14 layers"):
        done.extend(
            name
            for name, _ in quantize_layers(
                loaded,
                hessians_of(loaded),
                progress=lambda *x: done.append(x),
                cancel=lambda: len(done) == 6,
            )
        )
    assert done[::2] == [(1, LAYERS), (2, LAYERS), (3, LAYERS)]


def test_failed_run_names_the_layer_and_leaves_every_weight_as_it_was() -> None:
    loaded = tiny_model()
    with torch.no_grad():
        loaded.model.model.layers[1].mlp.down_proj.weight[3, 4] = torch.nan
    before = copied(loaded)
    with pytest.raises(
        ValueError, match=r"layers\.1\.mlp\.down_proj: weight holds nan at \(3, 4\)"
    ):
        quantize_model(loaded, TOKENS)
    for name, value in loaded.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, equal_nan=True)


def test_hessian_that_needs_damping_is_an_error_naming_the_layer() -> None:
    with pytest.raises(ValueError, match=r"layers\.0\..*_proj: .*rank . of .*damping=0\.01"):
        quantize_model(tiny_model(), TOKENS[:5], damping=0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": []}, "layers is"),
        ({"layers": ["lm_head"]}, "'lm_head' is not in the model"),
        ({"method": "best"}, "one of gptq, hptq, hrtn, rtn, ssqr, watersic"),
        ({"bits": 9}, "1 to 8"),
        ({"group_size": 0}, "group_size is 0"),
        ({"order": "best"}, "front_to_back"),
        ({"order": [1, 0]}, "order is of type list; a name was wanted"),
        ({"damping": float("nan")}, "damping is nan"),
        ({"outlier_rate": 0.1}, "an option of ssqr"),
        ({"overflow": "wrap"}, "clip or keep"),
        ({"window": 0}, "window is 0"),
        ({"tokens": torch.zeros(2, 3, dtype=torch.int64)}, r"\(2, 3\)"),
    ],
)
def test_request_that_cannot_be_met_is_an_error_before_anything_is_run(arguments, message) -> None:
    loaded = tiny_model()
    ran = []
    loaded.model.register_forward_pre_hook(lambda *_: ran.append(1))
    with pytest.raises(ValueError, match=message):
        quantize_model(loaded, **({"tokens": TOKENS} | arguments))
    assert not ran


def test_layers_that_cannot_be_quantized_are_refused_at_once() -> None:
    loaded = tiny_model()
    with pytest.raises(ValueError, match="'somewhere' is not in the model"):
        quantize_layers(loaded, {"somewhere": torch.eye(12)})
    with pytest.raises(ValueError, match="one of gptq, hptq, hrtn, rtn, ssqr, watersic"):
        quantize_layers(loaded, hessians_of(loaded), method="best")
    name = "model.layers.0.mlp.up_proj"
    with pytest.raises(ValueError, match=r"up_proj: hessian has shape \(3, 3\)"):
        list(quantize_layers(loaded, {name: torch.eye(3)}))


def test_weights_that_two_layers_share_are_an_error() -> None:
    loaded = tiny_model()
    first, second = (block.mlp for block in loaded.model.model.layers)
    second.up_proj.weight = first.up_proj.weight
    with pytest.raises(ValueError, match=r"up_proj serve another layer too"):
        quantize_model(loaded, TOKENS)


def test_embedding_tied_to_the_head_is_no_hindrance_and_stays() -> None:
    loaded = tiny_model(tie_word_embeddings=True)
    before = loaded.model.model.embed_tokens.weight.clone()
    quantize_model(loaded, TOKENS)
    torch.testing.assert_close(loaded.model.lm_head.weight, before, rtol=0, atol=0)


def test_weights_in_another_form_are_an_error() -> None:
    loaded = tiny_model()
    layer = loaded.model.model.layers[0].mlp.up_proj
    layer.weight = torch.nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    with pytest.raises(ValueError, match=r"up_proj \(Linear\) keeps .*torch\.int8 on cpu"):
        quantize_model(loaded, TOKENS)


def test_linear_layers_of_another_kind_are_an_error() -> None:
    config = transformers.GPT2Config(vocab_size=50, n_embd=12, n_layer=1, n_head=2)
    loaded = LoadedModel(transformers.GPT2LMHeadModel(config).eval(), None, "tiny")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"c_attn \(Conv1D\) has a weight matrix"):
        quantize_model(loaded, TOKENS)
    with pytest.raises(ValueError, match=r"no layers of torch\.nn\.Linear"):
        quantize_model(loaded, TOKENS, layers=["transformer.h.0.attn.c_attn"])


@pytest.mark.model
def test_law_19_on_two_real_layers(smollm2) -> None:
    names = ["model.layers.0.self_attn.k_proj", "model.layers.0.self_attn.o_proj"]
    tokens = tokenize(smollm2, embedded_text("calibration"), 1024)
    hessians = collect_hessians(smollm2, tokens, layers=names)
    clipped = dict(quantize_layers(smollm2, hessians, bits=3))
    for name, layer in quantize_layers(smollm2, hessians, method="ssqr", bits=3):
        assert 0.009 < layer.outlier_rate <= 0.01
        assert (layer.row_losses <= layer.row_bounds).all()
        assert layer.clipped_fraction == 0
        # Measurements: the scales of the rule leave 2.4 %, so they are stretched; and for its 0.32
        # bits more the loss is less than with clipping.
        assert 1 < layer.scale_factor < 1.3
        assert layer.loss < 0.9 * clipped[name].loss


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", ["rtn", "gptq", "ssqr"])
def test_model_on_cuda_is_quantized_there(method) -> None:
    ours, theirs = tiny_model(), tiny_model()
    theirs.model.to("cuda")
    for loaded in (ours, theirs):
        quantize_model(loaded, TOKENS, method=method)
    for name, module in linear_layers(theirs.model).items():
        assert module.weight.is_cuda
        torch.testing.assert_close(module.weight.cpu(), linear_layers(ours.model)[name].weight)
