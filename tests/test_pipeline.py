"""Quantizing a whole model into a folder: what is stored, what goes on, what is refused."""

import copy
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_model import sha256_of_folder, tiny_model
from torch import Tensor, nn

from lattice_core.language_model import (
    Cancelled,
    LoadedModel,
    Recipe,
    collect_hessians,
    linear_layers,
    open_checkpoint,
    quantize_layers,
    quantize_to_folder,
)
from lattice_core.language_model.block_hessians import block_hessians
from lattice_core.language_model.blocks import BlockRunner, decoder_blocks
from lattice_core.layers import Settings
from lattice_core.layers.layer_problem import factor_hessian
from lattice_core.layers.quantize_layer import quantize_factored

WINDOW = 32
SIZED = Settings("hptq", 4.5)
GRID = Settings("gptq", 4, 32)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return tiny_model(hidden_size=64, intermediate_size=96)


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    # 20 windows, and a shorter one.
    return torch.randint(0, 50, (20 * WINDOW + 7,), generator=torch.Generator().manual_seed(1))


def recipe(settings: Settings = SIZED, **options: object) -> Recipe:
    return Recipe(settings, window=WINDOW, **options)  # type: ignore[arg-type]


def stop_after(calls: int) -> Callable[[], bool]:
    asked = iter(range(10**9))
    return lambda: next(asked) >= calls


def test_one_shot_is_the_quantization_in_memory(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    found = quantize_to_folder(model, tokens, recipe(inputs="one_shot"), tmp_path / "new")
    hessians = collect_hessians(
        model, tokens, layers=list(linear_layers(model.model)), window=WINDOW
    )
    in_memory = dict(quantize_layers(model, hessians, method="hptq", bits=4.5))
    for name, layer in found.layers():
        assert torch.equal(layer.codes, in_memory[name].codes)
        torch.testing.assert_close(layer.dequantize(), in_memory[name].dequantize())


@pytest.mark.parametrize("settings", [SIZED, GRID], ids=["hptq", "gptq"])
def test_reported_bits_and_losses_are_those_of_the_stored_layers(
    model: LoadedModel, tokens: Tensor, tmp_path: Path, settings: Settings
) -> None:
    found = quantize_to_folder(model, tokens, recipe(settings, inputs="one_shot"), tmp_path / "new")
    hessians = collect_hessians(
        model, tokens, layers=list(linear_layers(model.model)), window=WINDOW
    )
    modules = linear_layers(model.model)
    for (name, layer), report in zip(found.layers(), found.report.layers, strict=True):
        error = layer.dequantize() - modules[name].weight.double()
        undamped = ((error @ hessians[name]) * error).sum().item()
        assert report.undamped_loss == pytest.approx(undamped, rel=1e-9)
        assert report.undamped_loss <= report.loss <= report.bound or report.clipped_fraction > 0
        assert report.distance is not None
    assert found.stored_bytes * 8 > found.report.bits_per_weight * found.report.weight_count


def test_sequential_inputs_come_through_the_stored_blocks(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    found = quantize_to_folder(model, tokens, recipe(), tmp_path / "new")
    quantized = found.model(model)
    names = [name for name in linear_layers(model.model) if ".layers.1." in name]
    hessians = collect_hessians(quantized, tokens, layers=names, window=WINDOW)
    # The second block's own weights do not matter to what its first layers see.
    again = dict(quantize_layers(model, {names[0]: hessians[names[0]]}, method="hptq", bits=4.5))
    assert torch.equal(dict(found.layers())[names[0]].codes, again[names[0]].codes)


def test_model_is_not_changed(model: LoadedModel, tokens: Tensor, tmp_path: Path) -> None:
    before = {name: p.clone() for name, p in model.model.named_parameters()}
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    for name, parameter in model.model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_targets_of_the_unquantized_model_bring_the_output_nearer(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    rough = Settings("gptq", 2, 32)
    errors = {}
    for targets in ("own", "unquantized"):
        made = recipe(rough, targets=targets)
        found = quantize_to_folder(model, tokens, made, tmp_path / targets).model(model)
        with torch.no_grad():
            piece = tokens[None, :WINDOW]
            difference = found.model(piece).logits - model.model(piece).logits
        errors[targets] = difference.square().mean().item()
    assert errors["unquantized"] < errors["own"]


def test_targets_are_met_by_layers_that_see_what_was_made_up_for_before(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    """The second block's o_proj sees its q, k and v as they are stored."""
    made = recipe(Settings("gptq", 3, 32), targets="unquantized")
    found = quantize_to_folder(model, tokens, made, tmp_path / "new")
    read = dict(found.layers())
    name = "model.layers.1.self_attn.o_proj"
    partly = copy.deepcopy(model.model)
    modules = linear_layers(partly)
    before = list(modules)[: list(modules).index(name)]
    for layer in before:
        modules[layer].weight.data = read[layer].dequantize().float()
    theirs, ours = (_inputs_of(each, name, tokens) for each in (model.model, partly))
    hessian, weight = ours.T @ ours, linear_layers(model.model)[name].weight.detach().double()
    ridge = 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian)).double()
    target = torch.linalg.solve(hessian + ridge, (ours.T @ theirs + ridge) @ weight.T).T
    factored = factor_hessian(hessian, order="act_order", damping=0.01)
    wanted = quantize_factored(target.contiguous(), factored, made.settings)
    same = (wanted.codes == read[name].codes).double().mean().item()
    assert same > 0.999  # summed in another order
    report = next(layer for layer in found.report.layers if layer.name == name)
    met = theirs @ weight.T - ours @ target.T
    unreachable = (met.square().sum() / (theirs @ weight.T).square().sum()).item()
    assert report.unreachable == pytest.approx(unreachable, rel=1e-3)


def _inputs_of(model: nn.Module, name: str, tokens: Tensor) -> Tensor:
    seen: list[Tensor] = []
    module = linear_layers(model)[name]
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0].double()))
    with torch.no_grad():
        for piece in tokens.split(WINDOW):
            model(piece[None], use_cache=False)
    handle.remove()
    return torch.cat(seen)


def test_cross_hessians_are_those_of_both_models(model: LoadedModel, tokens: Tensor) -> None:
    runner = BlockRunner(model.model, tokens[: 3 * WINDOW], WINDOW)
    name = next(iter(runner.blocks))
    states = runner.start()
    others = [2 * state for state in states]  # a norm comes first: its inputs' size does not matter
    found = block_hessians(runner, name, states, others)
    for leader, hessian in found.hessians.items():
        if leader.endswith("q_proj"):
            size = hessian.abs().max().item()  # the norm adds a little to what it divides by
            torch.testing.assert_close(found.crosses[leader], hessian, rtol=0, atol=0.01 * size)
    assert set(found.output_energies) == set(found.leaders)


def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    made = recipe(targets="unquantized")
    quantize_to_folder(model, tokens, made, tmp_path / "unbroken")
    stops = 0
    for calls in range(5, 2000, 17):
        try:
            quantize_to_folder(model, tokens, made, tmp_path / "broken", cancel=stop_after(calls))
            break
        except Cancelled:
            stops += 1
            (tmp_path / "broken" / "layers" / "half.safetensors.unfinished").write_bytes(b"x")
    assert stops > 5
    assert sha256_of_folder(tmp_path / "broken") == sha256_of_folder(tmp_path / "unbroken")


def test_kept_hessians_give_the_same_bytes(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    made = recipe(inputs="one_shot")
    folders = [tmp_path / name for name in ("without", "first", "second")]
    for folder, kept in zip(folders, (None, tmp_path / "h", tmp_path / "h"), strict=True):
        quantize_to_folder(model, tokens, made, folder, hessians=kept)
    assert len({sha256_of_folder(folder) for folder in folders}) == 1
    with pytest.raises(ValueError, match="another model or text"):
        quantize_to_folder(model, tokens[:-1], made, tmp_path / "x", hessians=tmp_path / "h")


def test_progress_counts_up_to_its_total(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    quantize_to_folder(
        model, tokens, recipe(), tmp_path / "new", progress=lambda *step: seen.append(step)
    )
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == seen[-1][2]
    assert any("Block 2 of 2: up_proj" in message for message, _, _ in seen)


def test_another_run_in_the_folder_is_told_by_what_differs(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path)
    with pytest.raises(ValueError, match="holds another run: its bits is 4, and 3 was asked for"):
        quantize_to_folder(model, tokens, recipe(Settings("gptq", 3, 32)), tmp_path)
    with pytest.raises(ValueError, match="its token_count"):
        quantize_to_folder(model, tokens[:-1], recipe(GRID), tmp_path)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="not empty and no checkpoint"):
        quantize_to_folder(model, tokens, recipe(GRID), stranger)


def test_a_full_disk_leaves_nothing_half_written(
    model: LoadedModel, tokens: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    written: list[str] = []

    def until_full(source: Path, target: Path) -> None:
        written.append(str(target))
        if len(written) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", until_full)
    with pytest.raises(ValueError, match=r"the disk is full: .*safetensors takes"):
        quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    assert not list(tmp_path.rglob("*.unfinished"))
    monkeypatch.undo()
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "other")
    assert sha256_of_folder(tmp_path / "new") == sha256_of_folder(tmp_path / "other")


def test_a_removed_layer_is_made_again(model: LoadedModel, tokens: Tensor, tmp_path: Path) -> None:
    found = quantize_to_folder(model, tokens, recipe(), tmp_path / "new")
    whole = sha256_of_folder(tmp_path / "new")
    name = list(found.hashes)[4]
    (tmp_path / "new" / "layers" / f"{name}.safetensors").unlink()
    with pytest.raises(ValueError, match="is missing; quantize into this folder again"):
        found.model(model)
    quantize_to_folder(model, tokens, recipe(), tmp_path / "new").model(model)
    assert sha256_of_folder(tmp_path / "new") == whole


def test_a_folder_that_could_not_be_begun_can_be_begun_again(
    model: LoadedModel, tokens: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="make room and run the same again"):
        quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    monkeypatch.undo()
    (tmp_path / "new" / "recipe.json.unfinished").write_text("{")  # as a kill leaves it
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="file is a file; the name of a folder"):
        quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "file")


def test_threads_are_those_of_before_afterwards(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path / "new")
    (tmp_path / "new" / "checkpoint.json").unlink()
    seen: list[int] = []
    try:
        torch.set_num_threads(before + 1)
        quantize_to_folder(
            model,
            tokens,
            recipe(GRID),
            tmp_path / "new",
            progress=lambda *_: seen.append(torch.get_num_threads()),
        )
        assert set(seen) == {before}  # as it began
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_text_shorter_than_a_window_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="31 tokens; at least one window of 32"):
        quantize_to_folder(model, torch.zeros(31, dtype=torch.int64), recipe(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_bits_that_cannot_be_reached_name_layer_and_nearest(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    made = recipe(Settings("hptq", 0.5, coder="huffman"))
    with pytest.raises(ValueError, match=r"q_proj: 0.5 bits .* cannot be reached: the nearest"):
        quantize_to_folder(model, tokens, made, tmp_path / "new")


def test_biases_stay_and_bfloat16_is_kept(tokens: Tensor, tmp_path: Path) -> None:
    biased = tiny_model(hidden_size=64, intermediate_size=96, attention_bias=True, mlp_bias=True)
    biased.model.to(torch.bfloat16)
    found = quantize_to_folder(biased, tokens, recipe(GRID), tmp_path / "new").model(biased)
    for name, module in linear_layers(found.model).items():
        assert module.weight.dtype == torch.bfloat16
        assert module.bias is linear_layers(biased.model)[name].bias


def test_nan_activations_name_the_layer(tokens: Tensor, tmp_path: Path) -> None:
    damaged = tiny_model(hidden_size=64, intermediate_size=96)
    with torch.no_grad():
        damaged.model.model.layers[1].input_layernorm.weight[3] = float("nan")
    with pytest.raises(ValueError, match=r"layers\.1\.self_attn\.q_proj hold NaN"):
        quantize_to_folder(damaged, tokens, recipe(GRID), tmp_path / "new")
    assert len(list((tmp_path / "new" / "layers").iterdir())) == 7  # the first block is kept


def test_models_that_will_not_do_are_refused_at_once(tokens: Tensor, tmp_path: Path) -> None:
    tied = tiny_model(hidden_size=64, intermediate_size=96)
    layers = tied.model.model.layers
    layers[1].mlp.up_proj.weight = layers[0].mlp.up_proj.weight
    with pytest.raises(ValueError, match="serve another layer too"):
        quantize_to_folder(tied, tokens, recipe(GRID), tmp_path / "new")
    convolving = tiny_model(hidden_size=64, intermediate_size=96)
    convolving.model.model.layers[0].extra = nn.Conv1d(4, 4, 3)
    with pytest.raises(ValueError, match=r"extra \(Conv1d\)"):
        quantize_to_folder(convolving, tokens, recipe(GRID), tmp_path / "new")
    with pytest.raises(ValueError, match="no layers of torch"):
        decoder_blocks(_without_linears())
    assert not (tmp_path / "new").exists()


def test_finished_folder_is_opened_not_made_again(
    model: LoadedModel, tokens: Tensor, tmp_path: Path
) -> None:
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    quantize_to_folder(model, tokens, recipe(GRID), tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert open_checkpoint(tmp_path).recipe == recipe(GRID)


def _without_linears() -> nn.Module:
    class Embedding(nn.Module):
        def get_output_embeddings(self) -> None:
            return None

    return Embedding()
