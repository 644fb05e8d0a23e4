"""The link in the address bar, with the browser played by a dictionary."""

from types import SimpleNamespace

import pytest

from app import address_bar


class QueryParams:
    """What the server believes the browser shows; every write is a message to the browser."""

    def __init__(self) -> None:
        self.believed: dict[str, str] = {}
        self.sent: list[dict[str, str]] = []

    def to_dict(self) -> dict[str, str]:
        return self.believed

    def from_dict(self, query: dict[str, str]) -> None:
        self.believed = query
        self.sent.append(query)


class SessionState(dict):
    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value


@pytest.fixture
def query_params(monkeypatch: pytest.MonkeyPatch) -> QueryParams:
    fake = QueryParams()
    monkeypatch.setattr(
        address_bar, "st", SimpleNamespace(query_params=fake, session_state=SessionState())
    )
    return fake


def test_link_is_sent_once(query_params: QueryParams) -> None:
    for _ in range(3):
        address_bar.show_link({"step": "2"})
    assert query_params.sent == [{"step": "2"}]


def test_link_is_sent_again_after_another_page_took_it_away(query_params: QueryParams) -> None:
    address_bar.show_link({"step": "2"})
    query_params.believed = {}
    address_bar.show_link({"step": "2"})
    assert query_params.sent == [{"step": "2"}] * 2


def test_step_back_told_before_the_last_link_arrived_still_reaches_the_bar(
    query_params: QueryParams,
) -> None:
    """The browser said it shows step 2 while the link to step 3 was on its way to it."""
    for step, believed in [("2", "1"), ("3", "2"), ("2", "2")]:
        query_params.believed = {"step": believed}
        address_bar.show_link({"step": step})
    assert query_params.sent[-1] == {"step": "2"}
