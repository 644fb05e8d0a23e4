"""The audit of one layer on the page."""

import streamlit as st

from app import lesson
from app.audit.choice import LAYER, TOKENS, AuditChoice
from app.audit.controls import command_line
from app.audit.downloads import audit_downloads, example_download
from app.audit.sentences import NEAREST, verdict
from app.audit.tables import alternatives_table, alternatives_words, order_columns, orders_table
from app.audit.work import Found
from app.figures.audit_ratios import audit_ratios
from app.laboratory_snippets import audit_snippet
from app.laws import laws_panel
from app.shared_problem import plain, shows


def audit_view(choice: AuditChoice, found: Found) -> None:
    """All that was found."""
    audit = found.audit
    st.subheader("The verdict", anchor="verdict")
    st.markdown("\n".join(f"- {sentence}" for sentence in verdict(found)))
    _provenance(choice, found)
    if shows("downloads"):
        example_download(choice, found)
    if shows("numbers"):
        st.subheader("Which order made it", anchor="orders")
        orders_table(audit)
        _how_it_is_read()
    st.subheader("What would have been better", anchor="alternatives")
    picture, table = st.columns(2, gap="large") if shows("numbers") else (st.container(), None)
    with picture:
        st.plotly_chart(
            audit_ratios(audit.alternatives),
            key="audit_ratios",
            alt="Loss of each alternative over this layer's loss, on a logarithmic line with 1 marked.",
        )
    if table is not None:
        with table:
            alternatives_table(audit)
    alternatives_words(audit)
    if shows("laws"):
        _laws(found)
    if shows("code"):
        lesson.code(audit_snippet(choice))
        command_line(choice)
    lesson.sources(
        {
            "C": "GPTQ's steps are Babai's, the bound (Theorem 5), a third of it on average "
            "(Appendix D.2), min-pivot (Algorithm 3), SSQR (section 5, Algorithm 9).",
            "B": "the same theorem and bound, independently.",
            "GPTQ": "the usual method, its default order, act-order.",
        }
    )
    if shows("downloads"):
        audit_downloads(choice, found)


def _provenance(choice: AuditChoice, found: Found) -> None:
    audit = found.audit
    size = f"{audit.rows:,} × {audit.columns:,} weights, audited in {found.seconds:.1f} s"
    example = choice.example
    if example is None:
        st.caption(f"{plain(found.name)}, {size}. SHA-256: {found.sha256[:12]}…")
        return
    text = "another part of it" if example.judged_on != "calibration" else "the same text"
    st.caption(
        f"`{LAYER}` of SmolLM2-135M-Instruct, {size}. Quantized here with mse scales and the inputs of "
        f"{TOKENS:,} tokens of Python's documentation; $H$ is from {text}."
    )


def _how_it_is_read() -> None:
    how, columns = st.columns(2, gap="large")
    with how:
        st.markdown("**How the order is read off**")
        st.markdown(
            "- GPTQ rounds column after column and pushes each error on to the columns still to come. A "
            "code $z_j$ is the integer nearest to its **centre**: the weight with all that was "
            "pushed to it, over the scale $s_j$.\n"
            "- In a given order $\\bar H = H + \\bar\\lambda I$ is split into $U^\\top \\mathrm{diag}(D)\\, U$, "
            "with $U$ triangular and ones on its diagonal. Then "
            "$\\mathrm{centre}-z_j = (U(w-q))_j / s_j$ for **any** codes. So one product of matrices "
            "tells of every code whether this order would have given it.\n"
            "- The **pivot** $D_j$ is the squared length of what is left of input $j$ once all columns "
            "rounded later are projected out: what nobody can make up for. A step adds "
            "$D_j s_j^2 (\\mathrm{centre}-z_j)^2$ to the loss. If every code is within half a step, that "
            "makes at most $\\frac14\\sum_j D_j s_j^2$."
        )
    with columns:
        st.markdown("**The columns**")
        order_columns()


def _laws(found: Found) -> None:
    audit = found.audit
    laws_panel(found.laws)
    if audit.order == NEAREST or not audit.bound_holds:
        return
    with st.container(border=True, key="measured_L7"):
        st.markdown(
            "**L7. On average a third of the bound** "
            ":blue-badge[:material/straighten: measured]\n\n"
            "If the targets were spread evenly over the box, the loss would be a third of the bound on "
            "average. Real targets need not be, so this is no theorem about them. "
            f"Here it is **{audit.loss_over_bound:.3f}**."
        )
        st.caption("Expected: [C] Appendix D.2")
