"""The rows of the transcript, in the order in which it was heard.

Theory of operation. Within a session the order is that of history: `place`. Between sessions, and
hosts whose clocks differ, it is `heard_at`: when a line began to be heard, by the host's clock,
corrected by how far ours is ahead of that one, and never in the future. It is taken once, between
those of its neighbours in the session, so it agrees with `place`, and who has read a line finds
it where it was. A line that comes late stands where it was heard, in front of what was read.

The correction is wrong by the time that the quickest batches of a host are under way (some ms),
and within one batch by a step of the host's clock.

New lines mostly stand behind the last one: their places are counted here, and the lines of a
batch are put in one step. Whatever asks the table first puts those that wait.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from unbroken.store.place import between, nth
from unbroken.store.projection import Change, PutMessage, RemoveMessages
from unbroken.store.text import title_of
from unbroken.store.transaction import TENANT, Row, Transaction

PLACE_BYTES_MAX = 200  # then the session's places are numbered afresh


class Spot(NamedTuple):
    place: bytes
    heard_us: int


class History:
    """The messages of one session, inside one transaction. At the end `flush` it."""

    def __init__(
        self, tx: Transaction, session_id: UUID, conversation_id: UUID, ahead_us: int
    ) -> None:
        """`ahead_us`: of our clock, of the one by which the changes were written."""
        self._tx = tx
        self._session_id = session_id
        self._conversation_id = conversation_id
        self._all = {"session_id": session_id, "conversation_id": conversation_id}
        self._ahead_us = ahead_us
        self._waiting: list[tuple[Any, ...]] = []
        self._spots: dict[str, Spot | None] = {}  # None: no line of this id
        self._last: Spot | None = None
        self._knows_last = False
        self.newest_us: int | None = None  # when the newest line that was put here was heard

    def expect(self, puts: Sequence[PutMessage]) -> None:
        """Look up in one step what is there of these."""
        ids = {put.item_id for put in puts} | {put.after for put in puts if put.after is not None}
        asked = {"session_id": self._session_id, "item_ids": tuple(ids)}
        self._spots = dict.fromkeys(ids)
        self._spots |= {row["item_id"]: _spot(row) for row in self._tx.all("spots_of", **asked)}

    def apply(self, seq: int, change: Change) -> bool:
        """False if `change` is not about messages."""
        match change:
            case PutMessage():
                self._put(seq, change)
            case RemoveMessages(item_ids=item_ids):
                self.flush()
                gone = {"session_id": self._session_id, "item_ids": item_ids}
                self._tx.one("remove_messages", **gone)
                self._forget(item_ids)
            case _:
                return False
        return True

    def flush(self) -> None:
        """Put the lines that wait."""
        if self._waiting:
            self._tx.many("put_message", self._waiting)
            self._waiting = []

    def _put(self, seq: int, put: PutMessage) -> None:
        spot = self._spots.get(put.item_id) or self._new_spot(put)
        self._spots[put.item_id] = spot
        if self._last is None or spot.place > self._last.place:
            self._last = spot
        self._waiting.append(self._row(seq, put, spot))
        self.newest_us = max(spot.heard_us, self.newest_us or spot.heard_us)
        if len(spot.place) > PLACE_BYTES_MAX:
            self._renumber()

    def _row(self, seq: int, put: PutMessage, spot: Spot) -> tuple[Any, ...]:
        said = (put.role, put.text, put.interrupted, put.speaker)
        measured = (put.at_us, put.heard_ms, put.metrics)
        where = (self._session_id, self._conversation_id, seq, *spot)
        return (TENANT, *where, put.item_id, *said, *measured)

    def _new_spot(self, put: PutMessage) -> Spot:
        """The place behind `put.after`, and when what is put there counts as heard."""
        low, high = self._neighbours(put.after)
        place = between(low and low.place, high and high.place)
        heard_us = min(put.heard_at_us + self._ahead_us, self._tx.now_us)
        if high:
            heard_us = min(heard_us, high.heard_us)
        if low:
            heard_us = max(heard_us, low.heard_us)
        return Spot(place, heard_us if low or high else self._behind_the_future(heard_us))

    def _neighbours(self, after: str | None) -> tuple[Spot | None, Spot | None]:
        last = self._last_spot()
        if after is None:
            return None, last and self._asked("first_place")
        low = self._spots.get(after)
        if low is None or low == last:
            return last, None
        return low, self._asked("place_behind", place=low.place)

    def _last_spot(self) -> Spot | None:
        if not self._knows_last:
            self._last, self._knows_last = self._asked("last_place"), True
        return self._last

    def _asked(self, query: str, **values: Any) -> Spot | None:
        self.flush()
        row = self._tx.one(query, session_id=self._session_id, **values)
        return _spot(row) if row else None

    def _behind_the_future(self, heard_us: int) -> int:
        """Where our clock was set back, what was heard before has later times: not before it."""
        newest = self._tx.one("newest_heard", **self._all)
        if newest and newest["heard_at"] > self._tx.now_us:
            return int(newest["heard_at"])
        return heard_us

    def _forget(self, item_ids: Sequence[str]) -> None:
        self._spots |= dict.fromkeys(item_ids)
        self._last, self._knows_last = None, False

    def _renumber(self) -> None:
        self.flush()
        for index, row in enumerate(self._tx.all("list_places", **self._all)):
            about = {"session_id": self._session_id, "item_id": row["item_id"]}
            self._tx.one("move_message", **about, place=nth(index))
            if self._spots.get(row["item_id"]):
                self._spots[row["item_id"]] = Spot(nth(index), row["heard_at"])
        self._last, self._knows_last = None, False


def suggest_title(tx: Transaction, conversation_id: UUID, puts: Sequence[PutMessage]) -> None:
    """A conversation is called after the first thing its user says."""
    said = next((p.text for p in puts if p.role == "user" and p.is_whole and p.text.strip()), None)
    if said is not None:
        tx.one("suggest_title", conversation_id=conversation_id, title=title_of(said))


def _spot(row: Row) -> Spot:
    return Spot(row["place"], row["heard_at"])
