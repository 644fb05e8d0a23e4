"""What a link says for the whole session: parts to hide, the room, who teaches."""

import pytest

from app.session_link import HIDEABLE, SessionLink, from_query


@pytest.mark.parametrize(
    "link",
    [
        SessionLink(),
        SessionLink(hidden=("laws", "quiz")),
        SessionLink(room="k7-m3pa"),
        SessionLink(hidden=("code",), room="a" * 20, teaching=True),
    ],
)
def test_link_is_restored(link: SessionLink) -> None:
    assert from_query(link.to_query()) == link


def test_every_part_that_can_be_hidden_is_accepted() -> None:
    assert from_query({"hide": ",".join(HIDEABLE)}).hidden == HIDEABLE


@pytest.mark.parametrize("room", ["A", "a b", "a_b", "a" * 21, "é", "a\n", "../x", "<b>"])
def test_strange_room_is_ignored_with_a_notice(room: str) -> None:
    link = from_query({"room": room, "teach": "1"})
    assert not link.room
    assert not link.teaching
    assert "letters a to z, digits and hyphens" in link.notices[0]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"hide": "controls,everything"}, "everything"),
        ({"room": "abc", "teach": "yes"}, "1 was wanted"),
        ({"teach": "1"}, "needs a room"),
    ],
)
def test_nonsense_is_ignored_with_a_notice(query: dict[str, str], says: str) -> None:
    (notice,) = from_query(query).notices
    assert says in notice
    assert not from_query(query).teaching
