"""Laboratory: how somebody else's layer was quantized, and what it is worth."""

import streamlit as st

from app import laboratory_takeaways, lesson
from app.audit.choice import AuditChoice
from app.audit.controls import chosen, command_line, file_format, own_file
from app.audit.view import audit_view
from app.audit.waiting import when_done
from app.audit.work import Found, OwnFile, has_failed, stages_of_example, stages_of_file
from app.machine import torch_is_missing, what_is_missing
from app.shared_problem import plain, shows


def page() -> None:
    lesson.title("Audit", "What is somebody else's quantized layer worth?")
    st.markdown(
        "A quantized layer does not say how it was made. But three matrices tell it, and what it is "
        "worth: the weights **$W$** as they were, a row for each output; the weights **$Q$** that the "
        "layer has now; and **$H = X^\\top X$**, where $X$ holds inputs of the layer, a row for each "
        "token of some text. $H$ knows what errors cost: where a row $w$ of $W$ became $q$, the output "
        "has changed by $\\lVert X(q-w)\\rVert^2 = (q-w)^\\top H\\,(q-w)$ in squares, the **loss**.\n\n"
        "The numbers of $Q$ are multiples $q_j = s_j z_j$: an integer $z_j$, the **code**, times a "
        "**scale** $s_j$ that neighbours share."
    )
    if missing := torch_is_missing():
        _missing(missing)
        return
    choice = chosen()
    if found := _found(choice):
        audit_view(choice, found)
    laboratory_takeaways.audit()


def _found(choice: AuditChoice) -> Found | None:
    if choice.example is None:
        return _found_in_file(choice)
    if missing := what_is_missing():
        _missing(f"{missing} A file of yours can be audited without it.")
        return None
    if shows("controls"):
        st.caption(f"What to look for: {choice.example.look}")
    return when_done(stages_of_example(choice.example, choice.damping))


def _found_in_file(choice: AuditChoice) -> Found | None:
    """The audit of the visitor's file; of the one before, if this cannot be audited."""
    own = own_file()
    if own is None:
        file_format()
        command_line(choice)
        return None
    found = when_done(stages_of_file(own, choice.damping))
    before: OwnFile | None = st.session_state.get("audited_file")
    if found is not None:
        st.session_state.audited_file = own
    elif has_failed(own, choice.damping):
        if before is None or before == own:
            file_format()
        else:
            st.caption(f"What follows is still {plain(before.name)}.")
            found = when_done(stages_of_file(before, choice.damping))
    return found


def _missing(text: str) -> None:
    st.info(
        f"This page needs what is not here; the lessons do without.\n\n{text}",
        icon=":material/cloud_download:",
    )


page()
