"""The page *Audit*: its link, a file of the visitor's, and files that will not do."""

import io
import threading

import numpy as np
import pytest
from laboratory_app import press, shown_text, value_in_link, wait

from app import machine
from app.audit.choice import OPTIONS, AuditChoice, from_query
from app.laboratory_snippets import audit_snippet

torch = pytest.importorskip("torch")

from audit_layers import (  # noqa: E402
    audited,
    figure,
    layer,
    open_page,
    open_with_file,
    upload,
)

from app.audit import work  # noqa: E402
from lattice_core.layers.audit_file import AuditFile  # noqa: E402

# The link


def test_every_choice_survives_its_link() -> None:
    for name, options in OPTIONS.items():
        for option in set(options) - {"file"}:
            choice = AuditChoice(**{name: option})
            assert from_query(choice.to_query()).choice == choice
            assert not from_query(choice.to_query()).notices


def test_link_to_a_file_asks_for_it_again() -> None:
    link = from_query({"layer": "file", "damping": "0.1"})
    assert link.choice == AuditChoice(damping=0.1)
    assert link.notices == (
        "layer=file was ignored: a link carries no file. Choose it here again.",
    )


@pytest.mark.usefixtures("without_model")
def test_what_makes_no_sense_in_a_link_is_told_as_plain_text() -> None:
    app = open_page(layer="<b>x</b>", damping="0.05")
    assert r"\<b\>x\</b\>" in app.warning[0].value
    assert app.session_state.audit_choice == AuditChoice(damping=0.05)


# A file


@pytest.mark.usefixtures("without_model")
def test_without_the_model_examples_say_what_is_missing_and_files_are_audited(rng) -> None:
    app = open_page()
    assert "SmolLM2-135M-Instruct" in app.info[0].value
    assert "A file of yours can be audited without it" in app.info[0].value
    app.selectbox(key="audit_layer").set_value("file").run()
    assert not app.info
    shown = shown_text(app)
    for said in ("The names count", "`H`", "4096 × 4096", "--checkpoint FOLDER --source MODEL"):
        assert said in shown
    upload(app, work.npz(layer(rng, bits=3)))
    assert "The verdict" in shown_text(app)


def test_without_torch_the_page_names_it(monkeypatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert "not installed: torch." in open_page().info[0].value


@pytest.mark.usefixtures("without_model")
def test_uploaded_layer_is_audited_and_everything_is_shown(rng) -> None:
    content = work.npz(layer(rng, bits=3, order="front_to_back", group_size=32))
    app = open_with_file(content, "my_*layer*.npz")
    found = audited(content)
    shown = shown_text(app).replace("\xa0", " ")
    assert "3 bits" in shown
    assert "group of 32 neighbouring columns" in shown
    assert "**Front to back** explains 100 % of the codes" in shown
    assert "**Void** (law L9)" in shown
    assert f"~~{found.audit.loss_over_bound:.4g}~~" in shown
    assert r"my\_\*layer\*.npz, 30 × 63 weights" in shown
    assert work.OwnFile.of("", content).sha256[:12] in shown
    for order in ("act-order", "min-pivot", "back to front", "rounding"):
        assert order in shown
    for law, word in (("L2", "holds"), ("L6", "holds"), ("L9", "does not apply")):
        assert any(f"**{law}." in text.value and word in text.value for text in app.markdown)
    assert "The last three are run in front to back." in shown
    drawn = next(trace for trace in figure(app)["data"] if "customdata" in trace)
    assert [words[0] for words in drawn["customdata"]] == [
        "Min-pivot order",
        "Act-order",
        "No clipping",
        "SSQR, 1 % kept aside",
        "Spacing, entropy-coded",
    ]
    code = app.code[0].value
    assert code.strip() == audit_snippet(AuditChoice("file")).strip()
    assert value_in_link(app, "layer") == "file"


@pytest.mark.usefixtures("without_model")
def test_another_damping_audits_the_same_file_again(rng) -> None:
    app = open_with_file(work.npz(layer(rng, bits=4, damping=0.1)))
    assert "with damping λ = 0.1, which explains clearly more codes than the 0.01" in shown_text(
        app
    )
    app.selectbox(key="audit_damping").set_value(0.1).run()
    wait(app)
    assert "with damping λ" not in shown_text(app)
    assert "layer.npz --damping 0.1`" in shown_text(app)
    assert value_in_link(app, "damping") == "0.1"


@pytest.mark.usefixtures("without_model")
def test_file_is_kept_while_the_visitor_reads_a_lesson(rng) -> None:
    app = open_with_file(work.npz(layer(rng)))
    app.switch_page("../pages/nearest_plane.py").run()
    app.switch_page("../pages/audit.py").run()
    assert not app.exception
    assert "The file in use is still layer.npz." in shown_text(app)
    assert "The verdict" in shown_text(app)


def npz(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


BAD = {
    "no Q": (npz(W=np.eye(4), H=np.eye(4)), "layer.npz", "holds W, H; Q is missing"),
    "damaged": (b"PK\x03\x04", "layer.npz", "could not be read as an .npz file"),
    "other kind": (b"x", "layer.safetensors", "could not be read as a .safetensors file"),
    "Q is W": (npz(W=np.eye(4), Q=np.eye(4), H=np.eye(4)), "a.npz", "are the same numbers"),
    "transposed": (npz(W=np.ones((4, 3)), Q=np.eye(4)[:3], H=np.eye(3)), "a.npz", "transposed?"),
    "NaN": (npz(W=np.eye(4), Q=np.full((4, 4), np.nan), H=np.eye(4)), "a.npz", "holds nan at"),
    "H": (npz(W=np.eye(4), Q=2 * np.eye(4), H=-np.eye(4)), "a.npz", "sums of squares"),
    "one axis": (npz(W=np.ones(4), Q=np.ones(4), H=np.eye(4)), "a.npz", "was wanted"),
    "no grid": (
        npz(W=np.eye(40), Q=np.random.default_rng(0).standard_normal((40, 40)), H=np.eye(40)),
        "a.npz",
        "is on no grid that can be told",
    ),
}


@pytest.mark.usefixtures("without_model")
@pytest.mark.parametrize(("content", "name", "told"), BAD.values(), ids=BAD)
def test_bad_file_is_told_in_words(content, name, told) -> None:
    app = open_with_file(content, name)
    assert told in app.error[0].value.replace("\\", "")
    assert "The names count" in shown_text(app)
    assert "The verdict" not in shown_text(app)


@pytest.mark.usefixtures("without_model")
def test_bad_file_leaves_the_one_before_on_show(rng) -> None:
    app = open_with_file(work.npz(layer(rng)), "good.npz")
    upload(app, *BAD["no Q"][:2])
    assert "Q is missing" in app.error[0].value
    assert "What follows is still good.npz." in shown_text(app)
    assert "The verdict" in shown_text(app)
    app.selectbox(key="audit_damping").set_value(0.001).run()
    assert "The verdict" in shown_text(wait(app))


@pytest.mark.usefixtures("without_model")
def test_too_wide_a_layer_is_refused_with_a_way_out(rng, monkeypatch) -> None:
    monkeypatch.setattr(work, "MOST_COLUMNS", 62)
    app = open_with_file(work.npz(layer(rng)))
    assert "W has 63 columns; this page takes at most 62" in app.error[0].value
    assert "nearest-plane audit layer.npz" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("without_model")
def test_cancelled_audit_is_offered_again(rng, monkeypatch) -> None:
    gate, real = threading.Event(), work._audited

    def slow(*arguments):
        gate.wait(20)
        return real(*arguments)

    monkeypatch.setattr(work, "_audited", slow)
    app = open_page()
    app.selectbox(key="audit_layer").set_value("file").run()
    file = ("layer.npz", work.npz(layer(rng)), "application/octet-stream")
    app.file_uploader(key="audit_upload").set_value(file).run()
    press(app, "Cancel")
    assert "This was cancelled" in shown_text(app)
    gate.set()
    wait(press(app, "Audit"))
    assert "The verdict" in shown_text(app)


def test_time_is_announced_for_large_layers_only() -> None:
    def announced(rows: int, columns: int) -> str:
        weight = torch.empty(rows, columns, device="meta")
        return work._announcement(AuditFile(weight, weight, weight))

    assert announced(192, 576) == "Auditing 192 × 576 weights."
    assert announced(4096, 4096) == "Auditing 4,096 × 4,096 weights. That takes about 86 s."


@pytest.mark.usefixtures("without_model")
def test_lesson_link_hides_what_it_says(rng) -> None:
    parts = "numbers,laws,code,sources,downloads"
    app = open_page(hide=parts)
    app.selectbox(key="audit_layer").set_value("file").run()
    upload(app, work.npz(layer(rng)))
    assert not app.expander
    assert [heading.value for heading in app.subheader] == [
        "The verdict",
        "What would have been better",
    ]
    assert not app.get("download_button")
    assert value_in_link(app, "hide").split(",") == parts.split(",")
