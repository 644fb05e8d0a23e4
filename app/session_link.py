"""What a link says for the whole session, on every page: parts to hide, the room, who teaches. Pure: no streamlit here.

``?hide=controls,laws&room=k7m3pa&teach=1``. These three stay in the address bar from page to page.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = ("hide", "room", "teach")
HIDEABLE = (
    "controls",
    "numbers",
    "quiz",
    "try",
    "laws",
    "takeaway",
    "code",
    "sources",
    "downloads",
)
ROOM_NAME = re.compile(r"[a-z0-9-]{1,20}")


@dataclass(frozen=True)
class SessionLink:
    """The part of a link that holds for the session.

    Attributes
    ----------
    hidden : tuple of str
        Of `HIDEABLE`.
    room : str
        Name of the classroom; empty outside one.
    teaching : bool
        Whether this is the teacher's screen in it.
    notices : tuple of str
        What in the link made no sense.
    """

    hidden: tuple[str, ...] = ()
    room: str = ""
    teaching: bool = False
    notices: tuple[str, ...] = ()

    def to_query(self) -> dict[str, str]:
        """The query parameters that restore it."""
        query = {}
        if self.hidden:
            query["hide"] = ",".join(self.hidden)
        if self.room:
            query["room"] = self.room
        if self.teaching:
            query["teach"] = "1"
        return query


def from_query(query: Mapping[str, str]) -> SessionLink:
    """What a link says; what makes no sense is left out, with a notice."""
    notices = []
    hidden = []
    for word in filter(None, query.get("hide", "").split(",")):
        if word in HIDEABLE:
            hidden.append(word)
        else:
            wanted = f"one of {', '.join(HIDEABLE)} was wanted."
            notices.append(f"hide={cut(word)} was ignored: {wanted}")
    room = query.get("room", "")
    if room and not ROOM_NAME.fullmatch(room):
        notices.append(
            f"room={cut(room)} was ignored: 1 to 20 of the letters a to z, digits and hyphens were wanted. "
            "Ask your teacher for the link."
        )
        room = ""
    teach = query.get("teach", "0")
    if teach not in ("0", "1"):
        notices.append(f"teach={cut(teach)} was ignored: 1 was wanted.")
    elif teach == "1" and not query.get("room"):
        notices.append("teach=1 was ignored: it needs a room, as in room=abc&teach=1.")
    return SessionLink(tuple(hidden), room, teach == "1" and bool(room), tuple(notices))


def cut(text: str) -> str:
    """A value from a link, short enough for a notice."""
    return text if len(text) <= 40 else text[:39] + "…"
