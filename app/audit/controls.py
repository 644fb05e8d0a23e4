"""Choosing what is audited: an example or a file, and the damping."""

import streamlit as st

from app.audit.choice import EXAMPLES, OPTIONS, AuditChoice, from_query
from app.audit.work import OwnFile
from app.choice_widgets import ChoiceWidgets
from app.shared_problem import plain, shows

LARGEST_FILE = 200  # MB
TITLES = {"layer": "Layer", "damping": "Damping λ"}
HELP = {
    "layer": "The examples are made here, from a layer of a small language model.",
    "damping": "λ · mean(diag H) is added to the diagonal of H. If another λ explains the codes "
    "clearly better, the audit takes that and says so.",
}
WIDTHS = {"layer": 360, "damping": 125}


def chosen() -> AuditChoice:
    """The choice on show, with its widgets; the link is read once a session."""
    WIDGETS.open(from_query)
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="audit_controls"):
            for name in OPTIONS:
                WIDGETS.select(name)
    WIDGETS.show_link()
    choice: AuditChoice = WIDGETS.choice
    return choice


def own_file() -> OwnFile | None:
    """The visitor's file: asked for, and kept for this session."""
    uploaded = st.file_uploader(
        f"A file with W, Q and H of one layer (.npz or .safetensors, up to {LARGEST_FILE} MB)",
        type=["npz", "safetensors"],
        key="audit_upload",
        max_upload_size=LARGEST_FILE,
        help="It goes to the machine that serves this page, and stays in its memory.",
    )
    if uploaded is not None and uploaded.file_id != st.session_state.get("audit_file_id"):
        st.session_state.audit_file_id = uploaded.file_id
        st.session_state.audit_file = OwnFile.of(uploaded.name, uploaded.getvalue())
    own: OwnFile | None = st.session_state.get("audit_file")
    if own is not None and uploaded is None:
        st.caption(f"The file in use is still {plain(own.name)}.")
    return own


def file_format() -> None:
    """What a file must hold, and how it is written."""
    st.markdown(
        "The names count, in upper or lower case. With $r$ outputs and $c$ inputs:\n\n"
        "| array | shape | what |\n|---|---|---|\n"
        "| `W` | $r × c$ | the weights before quantization |\n"
        "| `Q` | $r × c$ | the weights after it, dequantized |\n"
        "| `H` | $c × c$ | $X^\\top X$, not damped; or in its place `X`, tokens × $c$ |\n"
        "| `scales`, `codes` | | only if the grid cannot be told from `Q`: groups that are not "
        "neighbouring columns, or weights kept aside |"
    )
    st.code('np.savez("layer.npz", W=weight, Q=quantized, H=inputs.T @ inputs)', language="python")
    st.caption(
        "Keep W and Q in 16 bits and H in float32 (summed in float64), and 4096 × 4096 fits: 134 MB, a "
        "minute and a half on two cores, 5.5 GB of memory. Each example can be downloaded as such a file."
    )


def command_line(choice: AuditChoice) -> None:
    """The same without a browser, and what only that does."""
    damping = "" if choice.damping == AuditChoice.damping else f" --damping {choice.damping:g}"
    st.caption(
        f"On the command line: `nearest-plane audit layer.npz{damping}`. A whole checkpoint in GPTQ's "
        "format: `nearest-plane audit --checkpoint FOLDER --source MODEL`, which also gathers the inputs of "
        "its layers; MODEL is the one that it was made from."
    )


def _title(name: str, option: object) -> str:
    if name == "damping":
        return f"{option:g}"
    return "A file of yours" if option == "file" else EXAMPLES[str(option)].title


WIDGETS = ChoiceWidgets("audit_choice", "audit", OPTIONS, TITLES, HELP, WIDTHS, _title)
