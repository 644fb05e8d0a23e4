"""What this machine can multiply with, and why not with the rest."""

import streamlit as st

from app.shared_problem import plain


@st.cache_data(show_spinner=False)
def _abilities() -> list[tuple[str, str]]:
    """Backend, and why it cannot run here (empty if it can)."""
    import torch

    from kernels.benchmark.cases import Case
    from kernels.dispatch import BACKENDS, unavailable

    where = "cuda" if torch.cuda.is_available() else "cpu"
    packed = Case(128, 16).draw(torch.device(where))
    x = torch.zeros(1, 128, dtype=torch.bfloat16, device=where)
    return [(name, unavailable(name, x, packed)) for name in BACKENDS]


@st.cache_data(show_spinner=False)
def _machine() -> tuple[str, str]:
    """The device in words, and versions."""
    import torch

    from kernels.benchmark.record import machine

    here = machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    kind = "multiprocessors" if here.kind == "cuda" else "cores"
    memory = f"{here.memory / 2**30:.0f} GiB" if here.memory else "memory unknown"
    driver = f", driver {here.driver}" if here.driver else ""
    versions = ", ".join(f"{name} {number}" for name, number in here.versions.items())
    return f"{here.device}, {here.cores} {kind}, {memory}{driver}", versions


def machine_card() -> None:
    """The device, and each backend."""
    device, versions = _machine()
    with st.expander(f"This machine: {plain(device)}", icon=":material/memory:"):
        for name, reason in _abilities():
            icon = ":material/radio_button_unchecked:" if reason else ":material/check_circle:"
            st.markdown(f"{icon} **{name}**: {plain(reason) if reason else 'runs here.'}")
        st.caption(versions)
