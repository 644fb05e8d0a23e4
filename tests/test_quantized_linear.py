"""A packed weight in a linear layer, alone and in a model."""

import copy
import io
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from kernels.benchmark.cases import Case  # noqa: E402
from kernels.layout import LAYOUT_VERSION  # noqa: E402
from kernels.packing import PackedWeight, pack  # noqa: E402
from kernels.quantized_linear import QuantizedLinear, replace_linears  # noqa: E402
from kernels.reference import dequantize, reference_matmul  # noqa: E402

ROWS, COLUMNS = 33, 130
EVERY_BITS = pytest.mark.parametrize("bits", [2, 3, 4])
TOKENS = torch.arange(90) * 7 % 50


def weight(bits: int = 4, seed: int = 0, rows: int = ROWS, columns: int = COLUMNS) -> PackedWeight:
    return Case(columns, rows, bits, 0.05, 50).draw(torch.device("cpu"), seed)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def linear(bits: int = 4, seed: int = 0, backend: str = "reference") -> QuantizedLinear:
    return QuantizedLinear(weight(bits, seed), drawn(ROWS), backend=backend)


def assert_same_weight(layer: QuantizedLinear, packed: PackedWeight) -> None:
    assert layer.packed.layout == packed.layout
    for ours, theirs in zip(layer.packed.tensors, packed.tensors, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


# One layer


@EVERY_BITS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(COLUMNS,), (5, COLUMNS), (2, 3, COLUMNS), (0, 4, COLUMNS)])
def test_layer_is_the_product_and_the_bias(shape, dtype, bits) -> None:
    x, bias = drawn(*shape).to(dtype), drawn(ROWS).to(dtype)
    packed = weight(bits)
    with_bias = QuantizedLinear(packed, bias, backend="reference")(x)
    without = QuantizedLinear(packed, backend="reference")(x)
    product = reference_matmul(x.reshape(-1, COLUMNS), packed).view(*shape[:-1], ROWS)
    assert torch.equal(without, product)
    assert torch.equal(with_bias, product + bias)
    assert with_bias.dtype == without.dtype == dtype


@pytest.mark.parametrize("backend", ["auto", "cpu", "triton"])
def test_layer_multiplies_by_the_backend_that_it_was_given(backend, monkeypatch) -> None:
    asked = []

    def product(x, packed, *, backend):
        asked.append(backend)
        return reference_matmul(x, packed)

    monkeypatch.setattr("kernels.quantized_linear.quantized_matmul", product)
    linear(backend=backend)(drawn(2, 3, COLUMNS))
    assert asked == [backend]


def test_layer_on_a_processor_is_close_to_the_reference() -> None:
    packed = Case(COLUMNS, ROWS, 4, 0.05, 64).draw(torch.device("cpu"))
    x = drawn(2, 3, COLUMNS)
    y, exact = (QuantizedLinear(packed, backend=b)(x) for b in ("cpu", "reference"))
    assert ((y - exact).norm() / exact.norm()).item() < 1e-2


@EVERY_BITS
@pytest.mark.parametrize("cast", ["half", "bfloat16", "double", "float"])
def test_cast_leaves_the_packed_weight_as_it_is(cast, bits) -> None:
    packed = weight(bits)
    layer = getattr(linear(bits), cast)()
    assert_same_weight(layer, packed)
    assert layer.bias.dtype == getattr(torch.empty(0), cast)().dtype
    assert layer(drawn(3, COLUMNS)).isfinite().all()


def test_moving_the_layer_moves_all_of_it() -> None:
    layer = linear().to("meta")
    assert layer.packed.device.type == "meta"
    assert {tensor.device.type for tensor in layer.packed.tensors} == {"meta"}
    assert layer.bias.device.type == "meta"


@EVERY_BITS
def test_state_goes_through_a_file(bits) -> None:
    layer, other = linear(bits), linear(bits, seed=0)
    for tensor in (*other.packed.tensors, other.bias):
        tensor.zero_()
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    assert_same_weight(other, layer.packed)
    x = drawn(3, COLUMNS)
    assert torch.equal(other(x), layer(x))


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("own_bits", [3, 4])
def test_state_with_other_bits_groups_and_outliers_is_taken(bits, own_bits) -> None:
    cpu = torch.device("cpu")
    packed = Case(COLUMNS, ROWS, bits, 0.1, 32).draw(cpu, seed=1)
    layer = QuantizedLinear(Case(COLUMNS, ROWS, own_bits, 0.01, 64).draw(cpu), backend="reference")
    layer.load_state_dict(QuantizedLinear(packed).state_dict())
    assert_same_weight(layer, packed)
    x = drawn(3, COLUMNS)
    assert torch.equal(layer(x), reference_matmul(x, packed))


def test_state_of_another_shape_is_refused() -> None:
    layer = linear()
    other = QuantizedLinear(Case(COLUMNS, ROWS + 8, 4, 0.01, 64).draw(torch.device("cpu")))
    with pytest.raises(RuntimeError, match="size mismatch for scales"):
        layer.load_state_dict(other.state_dict())


def test_bias_in_another_dtype_leaves_that_of_the_result() -> None:
    layer = linear()
    assert layer.bias.dtype == torch.float32
    x = drawn(3, COLUMNS)
    assert layer(x.to(torch.bfloat16)).dtype == torch.bfloat16
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        layer(torch.tensor(1.0))


def test_loaded_state_is_what_is_multiplied_with_on_a_processor() -> None:
    """Its weight was brought into torch's order before; that of the old state must not be used."""
    case = Case(COLUMNS, ROWS, 4, 0.0, 64)
    one, other = (
        QuantizedLinear(case.draw(torch.device("cpu"), seed), backend="cpu") for seed in (0, 1)
    )
    x = drawn(3, COLUMNS)
    assert not torch.equal(one(x), other(x))
    one.load_state_dict(other.state_dict())
    assert torch.equal(one(x), other(x))


def test_state_of_another_layout_version_is_refused() -> None:
    layer = linear()
    state = layer.state_dict()
    state["_extra_state"] = state["_extra_state"] | {"version": LAYOUT_VERSION + 1}
    with pytest.raises(ValueError, match=f"layout {LAYOUT_VERSION + 1}; layout {LAYOUT_VERSION} "):
        layer.load_state_dict(state)
    before = layer.packed.copy()
    assert_same_weight(layer, before)  # and nothing is lost
    assert layer(drawn(3, COLUMNS)).isfinite().all()


def test_deep_copy_has_its_own_memory() -> None:
    layer = linear()
    before = layer.packed.copy()
    other = copy.deepcopy(layer)
    assert_same_weight(other, before)
    x = drawn(3, COLUMNS)
    y = layer(x)
    assert torch.equal(other(x), y)
    for buffer in (other.scales, other.outliers, other.bias):
        buffer.zero_()
    assert_same_weight(layer, before)
    assert torch.equal(layer(x), y)
    assert not other(x).any()  # the copy reads its own buffers


def test_layer_tells_how_it_is_packed() -> None:
    said = repr(linear(3))
    for part in ("in_features=130", "out_features=33", "bits=3", "group_size=50", "bias=True"):
        assert part in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "cuda"}, "'cuda'; one of auto, triton, cpu, reference"),
        ({"bias": torch.zeros(COLUMNS)}, r"bias has shape \(130,\); \(33,\) was wanted"),
        ({"packed": replace(weight(), version=0)}, "layout 0; layout"),
    ],
)
def test_layer_that_cannot_be_made_is_an_error(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        QuantizedLinear(**({"packed": weight()} | arguments))


# A model


def two_layers() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, ROWS), torch.nn.ReLU(), torch.nn.Linear(ROWS, 7, bias=False)
    )


def test_layers_are_replaced_by_name_and_biases_stay() -> None:
    model = two_layers()
    bias = model[0].bias.detach().clone()
    packs = {"0": weight(), "2": weight(rows=7, columns=ROWS)}
    replace_linears(model, packs, backend="reference")
    first, _, last = model
    assert isinstance(first, QuantizedLinear)
    assert isinstance(last, QuantizedLinear)
    assert torch.equal(first.bias, bias)
    assert last.bias is None
    x = drawn(5, COLUMNS)
    hidden = (x @ dequantize(packs["0"]).T + bias).relu()
    torch.testing.assert_close(model(x), hidden @ dequantize(packs["2"]).T)


@pytest.mark.parametrize(
    ("name", "packed", "message"),
    [
        ("1", weight(), r"1 is ReLU in this model; a torch\.nn\.Linear was wanted"),
        ("9", weight(), "9 is nothing in this model"),
        ("2", weight(), r"2 is \(7, 33\), and its packed weight \(33, 130\)"),
    ],
)
def test_replacement_that_fails_leaves_the_model_as_it_was(name, packed, message) -> None:
    model = two_layers()
    before = list(model)
    with pytest.raises(ValueError, match=message):
        replace_linears(model, {"0": weight(), name: packed})
    assert all(now is then for now, then in zip(model, before, strict=True))
    with pytest.raises(ValueError, match="one of auto, triton"):
        replace_linears(model, {"0": weight()}, backend="cuda")
    assert model[0] is before[0]


def logits(loaded) -> torch.Tensor:
    with torch.no_grad():
        return loaded.model(TOKENS[None]).logits


def test_model_of_packed_layers_is_that_of_the_weights_they_stand_for() -> None:
    pytest.importorskip("transformers")
    from tiny_model import tiny_model

    from kernels.benchmark.decoding import to_nearest
    from lattice_core.language_model import linear_layers

    packed, dense = tiny_model(), tiny_model()
    packs = {n: to_nearest(m.weight, rate=0.05) for n, m in linear_layers(packed.model).items()}
    replace_linears(packed.model, packs, backend="reference")
    assert not linear_layers(packed.model).keys() & packs.keys()
    for name, module in linear_layers(dense.model).items():
        module.weight.data = dequantize(packs[name])
    torch.testing.assert_close(logits(packed), logits(dense))
    assert not torch.allclose(logits(packed), logits(tiny_model()), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("bits", "group_size"), [(4, 8), (3, 5), (2, None)])
def test_law_19_packed_model_is_the_quantized_one_to_the_rounding_of_its_scales(
    bits, group_size
) -> None:
    pytest.importorskip("transformers")
    from tiny_model import tiny_model

    from lattice_core.language_model import (
        collect_hessians,
        linear_layers,
        quantize_layers,
        quantize_model,
    )

    settings = {"method": "ssqr", "bits": bits, "group_size": group_size, "outlier_rate": 0.05}
    packed, dense = tiny_model(), tiny_model()
    hessians = collect_hessians(packed, TOKENS, layers=list(linear_layers(packed.model)))
    layers = dict(quantize_layers(packed, hessians, **settings))
    packs = {
        name: pack(
            layer.codes, layer.group_scales, layer.outliers, bits=bits, group_size=group_size
        )
        for name, layer in layers.items()
    }
    assert sum(len(p.outliers) for p in packs.values()) > 50
    unquantized = logits(packed)
    replace_linears(packed.model, packs, backend="reference")
    quantize_model(dense, TOKENS, **settings)
    desired = logits(dense)
    # What 11 bits take from the scales is little beside what a few bits take from the weights.
    by_codes, by_scales = (
        (desired - unquantized).abs().max(),
        (logits(packed) - desired).abs().max(),
    )
    assert by_scales < by_codes / 20
