"""Widgets for a choice among fixed options: each stands for a field, in step with the session.

The choice is a frozen dataclass in ``st.session_state``. A widget shows the field's value; what a
visitor picks replaces the choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.address_bar import is_followed, show_link
from app.choice_link import ChoiceLink, Options
from app.shared_problem import plain

NONE = "none"  # stands for None, with which streamlit shows an empty selectbox


@dataclass(frozen=True)
class ChoiceWidgets:
    """The widgets of one page.

    Attributes
    ----------
    state : str
        Name of the choice in the session.
    prefix : str
        Of the widgets' keys.
    options : mapping
        By field.
    titles, help : mapping of str
        By field.
    widths : mapping of int
        In pixels, by field.
    word : callable
        ``word(field, option)``: an option as the widget writes it; ``NONE`` for None.
    """

    state: str
    prefix: str
    options: Options
    titles: Mapping[str, str]
    help: Mapping[str, str]
    widths: Mapping[str, int]
    word: Callable[[str, object], str]

    @property
    def choice(self) -> Any:
        """The choice on show."""
        return st.session_state[self.state]

    def open(self, read: Callable[[Mapping[str, str]], ChoiceLink[Any]]) -> bool:
        """Read the link that opened the session, or was followed in it; false if that was done."""
        if self.state in st.session_state and not is_followed():
            return False
        link = read(st.query_params.to_dict())
        st.session_state[self.state] = link.choice
        for notice in link.notices:
            st.warning(
                f"Part of the link made no sense. {plain(notice)}", icon=":material/link_off:"
            )
        return True

    def show_link(self) -> None:
        """Keep the address bar in step."""
        show_link(self.choice.to_query())

    def select(
        self,
        name: str,
        options: Sequence[object] | None = None,
        value: object = None,
    ) -> None:
        """A selectbox for a field; other options and another value than the choice's may be given."""
        key = f"{self.prefix}_{name}"
        if options is None:
            options, value = self.options[name], getattr(self.choice, name)
        st.session_state[key] = NONE if value is None else value
        st.selectbox(
            self.titles[name],
            options=[NONE if option is None else option for option in options],
            key=key,
            format_func=lambda option: self.word(name, option),
            help=self.help[name],
            width=self.widths[name],
            on_change=self._changed,
            args=(name,),
        )

    def select_view(self, titles: Mapping[str, str]) -> None:
        """The field `view`, side by side."""
        st.session_state[f"{self.prefix}_view"] = self.choice.view
        st.segmented_control(
            "View",
            options=self.options["view"],
            key=f"{self.prefix}_view",
            format_func=lambda view: titles[str(view)],
            label_visibility="collapsed",
            on_change=self._changed,
            args=("view",),
        )

    def change(self, **fields: object) -> None:
        """Change fields of the choice on show."""
        st.session_state[self.state] = replace(self.choice, **fields)

    def _changed(self, name: str) -> None:
        value = st.session_state[f"{self.prefix}_{name}"]
        if name == "view" and value is None:  # pressed again: it stays
            return
        self.change(**{name: None if value == NONE else value})
