"""The rows of the transcript, in the order in which it was heard.

Theory of operation. Within a session the order is that of history: `place`. Between sessions, and
hosts whose clocks differ, it is `heard_at`: when a line began to be heard, by the host's clock,
corrected by how far ours is ahead of that one, and never in the future. It is taken once, between
those of its neighbours in the session, so it agrees with `place`, and who has read a line finds
it where it was. A line that comes late stands where it was heard, in front of what was read.

The correction is wrong by the time that the quickest batches of a host are under way (some ms),
and within one batch by a step of the host's clock.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from unbroken.stores.place import between, nth
from unbroken.stores.projection import Change, PutMessage, RemoveMessages, title_of
from unbroken.stores.sqlite.database import Row, Transaction

PLACE_BYTES_MAX = 200  # then the session's places are numbered afresh


class History:
    """The messages of one session, inside one transaction."""

    def __init__(
        self, tx: Transaction, session_id: UUID, conversation_id: bytes, ahead_us: int
    ) -> None:
        """`ahead_us`: of our clock, of the one by which the changes were written."""
        self._tx = tx
        self._session_id = session_id
        self._all = {"session_id": session_id, "conversation_id": conversation_id}
        self._ahead_us = ahead_us
        self.newest_us: int | None = None  # when the newest line that was put here was heard

    def apply(self, seq: int, change: Change) -> bool:
        """False if `change` is not about messages."""
        match change:
            case PutMessage():
                self._put(seq, change)
            case RemoveMessages(item_ids=item_ids):
                gone = msgspec.json.encode(item_ids).decode()
                self._tx.one("remove_messages", session_id=self._session_id, item_ids=gone)
            case _:
                return False
        return True

    def _put(self, seq: int, put: PutMessage) -> None:
        known = self._place(put.item_id)
        place, heard_us = (known["place"], known["heard_at"]) if known else self._new_place(put)
        self._tx.one(
            "put_message",
            **self._all,
            item_id=put.item_id,
            seq=seq,
            place=place,
            heard_at=heard_us,
            role=put.role,
            text=put.text,
            interrupted=put.interrupted,
            speaker=put.speaker,
            at=put.at_us,
            heard_ms=put.heard_ms,
            metrics=put.metrics,
        )
        self.newest_us = max(heard_us, heard_us if self.newest_us is None else self.newest_us)
        if len(place) > PLACE_BYTES_MAX:
            self._renumber()

    def _new_place(self, put: PutMessage) -> tuple[bytes, int]:
        """The place behind `put.after`, and when what is put there counts as heard."""
        low, high = self._neighbours(put.after)
        place = between(low["place"] if low else None, high["place"] if high else None)
        heard_us = min(put.heard_at_us + self._ahead_us, self._tx.now_us)
        if high:
            heard_us = min(heard_us, high["heard_at"])
        if low:
            heard_us = max(heard_us, low["heard_at"])
        return place, heard_us if low or high else self._behind_the_future(heard_us)

    def _neighbours(self, after: str | None) -> tuple[Row | None, Row | None]:
        if after is None:
            return None, self._tx.one("first_place", session_id=self._session_id)
        if low := self._place(after):
            about = {"session_id": self._session_id, "place": low["place"]}
            return low, self._tx.one("place_behind", **about)
        return self._tx.one("last_place", session_id=self._session_id), None

    def _behind_the_future(self, heard_us: int) -> int:
        """Where our clock was set back, what was heard before has later times: not before it."""
        newest = self._tx.one("newest_heard", **self._all)
        if newest and newest["heard_at"] > self._tx.now_us:
            return int(newest["heard_at"])
        return heard_us

    def _place(self, item_id: str) -> Row | None:
        return self._tx.one("place_of", session_id=self._session_id, item_id=item_id)

    def _renumber(self) -> None:
        rows = self._tx.all("list_places", **self._all)
        for index, row in enumerate(rows):
            item_id = row["item_id"]
            self._tx.one(
                "move_message", session_id=self._session_id, item_id=item_id, place=nth(index)
            )


def suggest_title(tx: Transaction, conversation_id: bytes, puts: Sequence[PutMessage]) -> None:
    """A conversation is called after the first thing its user says."""
    said = next((p.text for p in puts if p.role == "user" and p.is_whole and p.text.strip()), None)
    if said is not None:
        tx.one("suggest_title", conversation_id=conversation_id, title=title_of(said))
