"""The view *Calibration text* of the page *Real layers*, on the real model, without a browser."""

import json
from functools import partial

import numpy as np
import pytest
from browser import eventually
from laboratory_app import labels, open_laboratory, press, shown_text, value_in_link, wait

pytest.importorskip("torch")

from app.laboratory_snippets import calibration_transfer_snippet
from app.real_layers import work
from app.real_layers.choice import LayerChoice
from lattice_core.language_model import embedded_text

open_page = partial(open_laboratory, "real_layers")
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("model_in_app")]
QUICK = LayerChoice(view="texts", linear="k_proj", tokens=1024)
QUICK_LINK = {"view": "texts", "block": "0", "linear": "k_proj", "tokens": "1024"}


def block_data(choice: LayerChoice, *names: str) -> dict[str, work.BlockData]:
    """What was gathered for these texts; all of the choice if none is named."""
    texts = {name: choice.compared[name] for name in names or choice.compared}
    return {
        name: work.block_job(0, work.Calibration(embedded_text(text), choice.tokens, seed)).result
        for name, (text, seed) in texts.items()
    }


def cells(app) -> list[list[str]]:
    return json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]["text"]


def test_two_texts_are_gathered_when_asked_for_and_compared(capsys) -> None:
    app = open_page(**QUICK_LINK)
    assert "1,024 tokens of each of A and B must run" in shown_text(app)
    assert not app.get("plotly_chart")
    for text in ("calibration", "evaluation"):
        assert work.block_job(0, work.Calibration(embedded_text(text), 1024)) is None

    wait(press(app, "Compute"))
    transfer = work.calibration_transfer(QUICK, block_data(QUICK))
    assert [[cell.partition("</b>")[0] for cell in row] for row in cells(app)] == [
        [f"<b>{100 * loss:.3g}" for loss in row]
        for row in (*transfer.losses, transfer.nearest_losses)
    ]
    said = shown_text(app)
    assert f"**{transfer.factors[0, 1]:.3g} times**" in said
    assert "measured" in said
    assert "Without damping the Hessian cannot be factorized here." in said
    assert len(app.get("plotly_chart")) == 2

    # The lines of Python, in this interpreter, which has the model.
    capsys.readouterr()
    exec(calibration_transfer_snippet(QUICK), {})
    *rows, nearest = (line.split() for line in capsys.readouterr().out.splitlines())
    assert [row[0] for row in rows] == ["A", "B"]
    np.testing.assert_allclose([[float(x) for x in row[1:]] for row in rows], transfer.losses)
    np.testing.assert_allclose([float(x) for x in nearest[1:]], transfer.nearest_losses)


def test_what_was_gathered_is_used_again_and_only_the_rest_is_asked_for() -> None:
    app = wait(press(open_page(**QUICK_LINK), "Compute"))
    jobs = [data.hessians["k_proj"] for data in block_data(QUICK).values()]
    press(app, "Damping 0.1")
    assert value_in_link(app, "damping") == "0.1"
    assert len(app.get("plotly_chart")) == 2
    press(app, "Four draws")
    assert value_in_link(app, "against") == "windows"
    assert "each of A1, A2, A3 and A4 must run" in shown_text(app)  # B is there
    wait(press(app, "Compute"))
    assert np.shape(cells(app)) == (6, 5)
    assert "**overfitting**" in shown_text(app)
    again = [data.hessians["k_proj"] for data in block_data(QUICK).values()]
    assert all(old is new for old, new in zip(jobs, again, strict=True))


def test_all_that_waits_is_cancelled_at_once_and_can_be_started_again(monkeypatch) -> None:
    def never_ends(job, *_) -> None:
        eventually(lambda: job.cancelled)

    app = open_page(**QUICK_LINK)
    with monkeypatch.context() as slow:
        slow.setattr(work, "gather", never_ends)
        press(press(app, "Compute"), "Cancel")
        assert "This was cancelled. Nothing else is lost." in shown_text(app)
        assert "Cancel" not in labels(app)
        press(press(app, "Compute"), "Cancel")
        assert "Compute" in labels(app)


def test_failed_text_is_named_and_the_other_is_kept() -> None:
    app = open_page(**QUICK_LINK)
    app.selectbox(key="layer_against").set_value("file").run()
    assert "Choose a text file" in app.info[0].value
    app.file_uploader(key="own_text_upload").set_value(("s.txt", b"one two", "text/plain")).run()
    wait(press(app, "Compute"))
    assert "**B**: s.txt has 2 tokens; 1,024 were wanted." in app.error[0].value
    assert "computed before is still there. 1,024 tokens of B must run" in shown_text(app)
    assert block_data(QUICK, "A")["A"].hessians  # A is kept
