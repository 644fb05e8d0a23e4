"""The view *What a model writes*: the real model with each backend, and where texts part."""

import streamlit as st

from app import lesson
from app.background_job import Job
from app.figures.numbers import short
from app.gpu_kernels.choice import KernelChoice
from app.gpu_kernels.text_job import (
    GROUP_SIZE,
    LONGEST_PROMPT,
    PROMPT,
    QUANTIZING,
    PackedModel,
    Written,
    forget_text,
    start_text,
    text_job,
    writers,
)
from app.laboratory_snippets import generation_snippet
from app.machine import what_is_missing
from app.progress_box import progress_box
from app.shared_problem import plain, shows

POLL_SECONDS = 0.7


def text(choice: KernelChoice) -> None:
    """A prompt, then the same text from every backend."""
    st.markdown(
        "A language model writes **tokens**, words or parts of words, one after the other. It gives each "
        "possible token a number, its **logit**; here the token with the largest is always taken. A "
        "**backend** is a way to compute the products.\n\n"
        "Two backends write with the original weights, the others with the same rounded codes. Rounding "
        "weights changes the text. Changing the backend changes only the last digits of a logit, so two "
        "texts part where two tokens are almost equally likely."
    )
    st.caption(
        "The model is SmolLM2-135M-Instruct. Every linear layer of its blocks is quantized with SSQR, "
        "with inputs from a text on Python. The packaged model's weights were once rounded to 4 bits; "
        "unpacked, they are what is called original here."
    )
    if missing := what_is_missing():
        st.info(
            f"This view needs what is not here.\n\n{plain(missing)}",
            icon=":material/cloud_download:",
        )
        return
    prompt = st.text_area(
        "Prompt", PROMPT, max_chars=LONGEST_PROMPT, height=80, key="kernel_prompt"
    ).strip()
    job = text_job(choice, prompt)
    if not prompt:
        st.info("Write a prompt first.", icon=":material/edit:")
    elif job is not None and job.active:
        _progress(choice, prompt, len(job.parts))
    else:
        _offer(choice, prompt, job)
    if job is not None and job.parts:
        _written(choice, job)
    lesson.code(generation_snippet(choice))


def _offer(choice: KernelChoice, prompt: str, job: Job | None) -> None:
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    if job is not None and job.state == "cancelled":
        st.markdown(f"This was cancelled{'; what was written is kept' if job.parts else ''}.")
    st.button(
        "Write" if job is None else "Write again",
        icon=":material/edit_note:",
        on_click=_start,
        args=(choice, prompt),
    )
    if job is None:
        st.markdown(
            "The first time, the model is quantized: about three minutes on two cores, in the "
            "background. After that 64 tokens take some seconds with each backend, and a minute with "
            "plain torch."
        )


def _start(choice: KernelChoice, prompt: str) -> None:
    forget_text(choice, prompt)
    start_text(choice, prompt)


@st.fragment(run_every=POLL_SECONDS)
def _progress(choice: KernelChoice, prompt: str, on_show: int) -> None:
    job = text_job(choice, prompt)
    if job is None or not job.active or len(job.parts) > on_show:
        st.rerun()
    progress_box(
        job.progress,
        "layers" if job.progress.message == QUANTIZING else "tokens",
        job.cancel,
        "You may go to another page meanwhile; the work goes on. Whoever asks for the same waits for the "
        "same work, and Cancel stops it for all.",
    )


def _written(choice: KernelChoice, job: Job) -> None:
    parts: list[Written] = list(job.parts)
    by_name = {written.writer.name: written for written in parts}
    st.subheader("The same text?", anchor="text")
    if shows("numbers"):
        _table(parts)
    for written in parts:
        other = by_name.get(written.writer.against)
        if other is not None:
            st.markdown(_comparison(other, written))
    for written in parts:
        with st.expander(f"{written.writer.name}: {written.writer.layers}", expanded=True):
            st.markdown(_with_its_own(written))
    st.caption(
        "Marked: from where a text is no longer that of the one it is compared with. Grey: what comes "
        "after the token that ends a text; the writing goes on so that all have the same length. In "
        "bfloat16, logits near 20 come in steps of 0.125, so two tokens are often exactly even."
    )
    if isinstance(job.result, PackedModel):
        st.caption(
            f"{choice.bits} bits in groups of {GROUP_SIZE}, {100 * job.result.outlier_rate:.2f} % of "
            f"the weights kept aside, {job.result.bits_per_weight:.2f} bits a weight stored. Inputs from "
            f"{plain(job.result.calibration)}."
        )
    if shows("downloads"):
        st.download_button(
            "Texts and numbers (CSV)",
            data=lambda: _csv(parts),
            file_name=f"texts-{choice.bits}-bits.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _table(parts: list[Written]) -> None:
    lines = [
        f"| {w.writer.name} | {w.writer.layers} | {w.writer.dtype} | {w.layer_bytes / 1e6:,.0f} MB | "
        f"{w.tokens} | {w.tokens_per_second:.1f} |"
        for w in parts
    ]
    st.markdown(
        "| backend | linear layers | x and y | their size | tokens | tokens a second |\n"
        "|---|---|---|--:|--:|--:|\n" + "\n".join(lines)
    )
    st.caption(
        "Measured here just now, one text at a time, without the prompt, in the background and with a "
        "core less than there are. Other work on this machine slows it down. Size: what is read for each "
        "token, without the embedding and the last layer."
        + ("" if len(parts) >= len(writers(False)) else " Not all have written yet.")
    )


def _comparison(other: Written, written: Written) -> str:
    pair = f"**{written.writer.name}** against **{other.writer.name}**"
    found = written.difference
    if found is None:
        count = min(written.tokens, other.tokens)
        return f"- {pair}: the same {count} tokens."
    first, second = (f"“{_shown(word)}”" for word in written.words)
    mine, theirs = found.second_logits, found.first_logits
    return (
        f"- {pair}: {_same(found.position)}. Then {other.writer.name} writes {first} "
        f"(logit {short(theirs[0])}, and {short(theirs[1])} for {second}), and {written.writer.name} "
        f"writes {second} (logit {short(mine[1])}, and {short(mine[0])} for {first})."
    )


def _same(tokens: int) -> str:
    if tokens == 0:
        return "not even the first token is the same"
    return (
        f"the first {tokens} tokens are the same" if tokens > 1 else "the first token is the same"
    )


def _shown(word: str) -> str:
    """A token's text with its blanks visible, never read as Markdown."""
    return plain(word.replace("\n", "⏎").replace(" ", "␣"))


def _with_its_own(written: Written) -> str:
    """A text whose own part is marked, and grey after its end; never read as Markdown."""
    blank = " " if written.own_text.startswith(" ") else ""
    marked = _dressed(written.own_text, "orange-background")
    beyond = f" {_dressed(written.beyond, 'gray')}" if written.beyond else ""
    return "\n\n".join(_paragraphs(written.text)) + blank + marked + beyond


def _dressed(text: str, style: str) -> str:
    """Each paragraph in a style of Streamlit's Markdown."""
    parts = [part.strip() for part in _paragraphs(text)]
    return "\n\n".join(f":{style}[{part}]" if part else "" for part in parts)


def _paragraphs(text: str) -> list[str]:
    return [plain(part) for part in text.replace("\n\n", "\n").split("\n")]


def _csv(parts: list[Written]) -> str:
    import pandas as pd

    return pd.DataFrame(
        {
            "backend": w.writer.name,
            "layers": w.writer.layers,
            "activations": w.writer.dtype,
            "layer_bytes": w.layer_bytes,
            "tokens": w.tokens,
            "tokens_per_second": w.tokens_per_second,
            "compared_with": w.writer.against,
            "first_difference": w.difference.position if w.difference else None,
            "text": w.text + w.own_text + w.beyond,
        }
        for w in parts
    ).to_csv(index=False)
