"""The view *What a model writes* of the page *GPU kernels*."""

import csv
import io
from functools import partial

import pytest
from laboratory_app import open_laboratory, press, shown_text, wait

from app import cached
from app.gpu_kernels.choice import OPTIONS, KernelChoice

torch = pytest.importorskip("torch")

from app.gpu_kernels import text_job  # noqa: E402

open_page = partial(open_laboratory, "gpu_kernels")


def test_without_the_model_the_view_says_what_to_do(monkeypatch) -> None:
    from lattice_core.language_model import model_file

    monkeypatch.setattr(model_file, "MODEL_PACKAGE", "a_package_that_nobody_has")
    app = open_page(view="text")
    assert "SmolLM2-135M-Instruct" in app.info[0].value


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_law_19_the_real_model_writes_the_same_or_the_difference_is_told(monkeypatch) -> None:
    """With weights rounded to nearest, which takes less time than SSQR."""
    from app.gpu_kernels import text_job as module
    from kernels.benchmark.decoding import to_nearest

    layers = {
        name: layer.weight
        for name, layer in cached.language_model().model.named_modules()
        if name.endswith("_proj")
    }
    packed = module.PackedModel(
        {name: to_nearest(weight, group_size=64) for name, weight in layers.items()}, "nothing"
    )
    cached.packed_models().put(4, 0.01, packed)
    monkeypatch.setitem(OPTIONS, "tokens", (8, 64, 128, 256))
    app = open_page(view="text", tokens="8")
    press(app, "Write")
    wait(app, 240)
    choice: KernelChoice = app.session_state.kernel_choice
    written = {w.writer.name: w for w in module.text_job(choice, module.PROMPT).parts}
    assert set(written) >= {"float32", "bfloat16", "reference", "cpu"}
    assert all(w.tokens == 8 and w.tokens_per_second > 0 for w in written.values())
    assert written["reference"].layer_bytes < written["bfloat16"].layer_bytes / 3
    assert written["cpu"].layer_bytes < written["bfloat16"].layer_bytes / 2.5
    shown = shown_text(app)
    for name, other in (("bfloat16", "float32"), ("reference", "float32"), ("cpu", "reference")):
        assert f"**{name}** against **{other}**: " in shown
        if found := written[name].difference:
            same = written[other].text if found.position else ""
            assert same.startswith(written[name].text[:5])
            assert found.first_logits[0] >= found.first_logits[1]
            assert found.second_logits[1] >= found.second_logits[0]
    assert "bits a weight stored" in shown
    job = module.text_job(choice, module.PROMPT)
    wait(press(app, "Write again"), 240)
    assert module.text_job(choice, module.PROMPT) is not job


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_packing_the_real_model_can_be_cancelled_and_goes_on_later(monkeypatch) -> None:
    app = open_page(view="text", bits="2")
    press(app, "Write")
    press(app.run(), "Cancel")
    wait(app, 240)
    assert "This was cancelled" in shown_text(app)
    assert cached.packed_models().get(2, 0.01) is None


@pytest.mark.parametrize(
    ("parted", "parts"),
    [
        (2, ([5, 6], [7], [0, 8, 0])),
        (5, ([5, 6, 7], [], [0, 8, 0])),
        (0, ([], [5, 6, 7], [0, 8, 0])),
    ],
)
def test_text_has_a_common_part_one_of_its_own_and_what_comes_after_its_end(parted, parts) -> None:
    assert text_job.in_parts([5, 6, 7, 0, 8, 0], parted, stop=0) == parts
    assert text_job.in_parts([5, 6, 7], parted, stop=0) == (
        [5, 6, 7][:parted],
        [5, 6, 7][parted:],
        [],
    )


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_empty_prompt_is_asked_for() -> None:
    app = open_page(view="text")
    app.text_area(key="kernel_prompt").set_value("   ").run()
    assert "Write a prompt first" in shown_text(app)
    assert "Write" not in [button.label for button in app.button]


def test_texts_to_take_away_have_a_line_for_each_backend() -> None:
    from app.gpu_kernels.text import _csv

    written = [
        text_job.Written(writer, "one", " two", "<|im_end|>", 2, 10.0, 100)
        for writer in text_job.writers(False)
    ]
    rows = list(csv.DictReader(io.StringIO(_csv(written))))
    assert [row["backend"] for row in rows] == [writer.name for writer in text_job.writers(False)]
    assert {row["text"] for row in rows} == {"one two<|im_end|>"}
