"""The class's part of a question: pupils hand in and wait, the teacher watches and reveals."""

from collections.abc import Sequence

import streamlit as st

from app import cached
from app.address_bar import session
from app.classroom.seat import is_seated, visitor
from app.classroom.tally import RoomsFull, Standing

WATCH_SECONDS = 1.5  # between two looks at the predictions that came in


def standing(key: str) -> Standing:
    """How the question with this key stands in the room; not revealed outside one."""
    if not is_seated():
        return Standing({})
    return cached.tally().standing(session().room, _name(key))


def hand_in(key: str, prediction: str | None) -> bool:
    """Count a pupil's prediction and let them wait; true once the teacher has revealed the answer."""
    now = standing(key)
    st.session_state.asked_here[_name(key)] = now.phase
    if now.revealed:
        return True
    if prediction is None:
        st.caption("Choose an answer. Your teacher will reveal the right one.")
        return False
    try:
        cached.tally().vote(session().room, _name(key), visitor(), prediction)
    except RoomsFull as error:
        st.warning(f"{error} Yours is not counted.", icon=":material/group_off:")
        return False
    st.info(
        "Your prediction is in. Wait for the teacher. Until then you can change it.",
        icon=":material/hourglass:",
    )
    return False


def present(
    question: str, options: Sequence[str], answer: str, explanation: str, *, key: str
) -> None:
    """The question on the teacher's screen: how many predicted what, and then the answer.

    Parameters
    ----------
    question, options, answer, explanation, key
        As for `app.quiz.predict`.
    """
    st.markdown(question)
    room, name = session().room, _name(key)
    if standing(key).revealed:
        _bars(options, standing(key), answer)
        st.success(f"It is **{answer}**. {explanation}", icon=":material/check:")
        st.button(
            "Ask again",
            key=f"again_{name}",
            help="Forgets the predictions and hides the answer.",
            on_click=cached.tally().ask_again,
            args=(room, name),
        )
        return
    _watch(options, key)
    has_key = not st.session_state.reveal_key_is_taken
    st.session_state.reveal_key_is_taken = True
    st.button(
        "Reveal",
        key=f"reveal_{name}",
        icon=":material/visibility:",
        shortcut="V" if has_key else None,
        on_click=cached.tally().reveal,
        args=(room, name),
    )


@st.fragment(run_every=WATCH_SECONDS)
def _watch(options: Sequence[str], key: str) -> None:
    _bars(options, standing(key))


def _bars(options: Sequence[str], now: Standing, answer: str | None = None) -> None:
    total = sum(now.counts.values())
    there = cached.tally().presence(session().room).pupils
    st.caption(
        f"{total} prediction{'' if total == 1 else 's'}, {there} pupil{'' if there == 1 else 's'} in the room"
    )
    for option in options:
        count = now.counts.get(option, 0)
        share = count / total if total else 0.0
        right = " :green-badge[:material/check: right]" if option == answer else ""
        st.progress(share, text=f"{option}: **{count}** ({share:.0%}){right}")


def _name(key: str) -> str:
    """Of the question in the room: pages may ask with the same key."""
    return f"{st.session_state.open_page} {key}"
