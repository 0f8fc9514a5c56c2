"""The rows of the transcript, in the order in which it was heard.

Theory of operation. Within a session the order is that of history: `place`. Between sessions, and
hosts whose clocks differ, it is `heard_at`: when a line began to be heard, by the host's clock,
corrected by how far ours is ahead of that one, and never in the future. It is taken once, between
those of its neighbours in the session, so it agrees with `place`, and who has read a line finds
it where it was. A line that comes late stands where it was heard, in front of what was read.

The correction is wrong by the time that the quickest batches of a host are under way (some ms),
and within one batch by a step of the host's clock.

All lines of a batch are placed here, between neighbours that were looked up in one step, and put
in one step: the number of statements does not grow with the batch. A line that is removed still
marks its place, so whatever was behind it is behind it still.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from unbroken.store.place import between, nth
from unbroken.store.projection import PutMessage, RemoveMessages
from unbroken.store.text import title_of
from unbroken.store.transaction import TENANT, Row, Transaction

PLACE_BYTES_MAX = 200  # then the session's places are numbered afresh

LineChange: TypeAlias = PutMessage | RemoveMessages


class Spot(NamedTuple):
    place: bytes
    heard_us: int


class Lines:
    """The messages of one session, inside one transaction, once."""

    def __init__(
        self, tx: Transaction, session_id: UUID, conversation_id: UUID, ahead_us: int
    ) -> None:
        """`ahead_us`: of our clock, of the one by which the changes were written."""
        self._tx = tx
        self._session_id = session_id
        self._conversation_id = conversation_id
        self._ahead_us = ahead_us
        self._spots: dict[str, Spot] = {}  # of lines that are there
        self._order: list[Spot] = []  # those of neighbours, too, without a gap between them
        self._rows: dict[str, tuple[Any, ...]] = {}
        self._removed: set[str] = set()  # that were there before
        self.newest_us: int | None = None  # when the newest line that was put here was heard

    def apply(self, changes: Sequence[tuple[int, LineChange]]) -> None:
        """`changes` by their seq, in their order."""
        self._look_up([change for _, change in changes])
        for seq, change in changes:
            if isinstance(change, PutMessage):
                self._put(seq, change)
            else:
                self._remove(change.item_ids)
        self._write()

    def _look_up(self, changes: Sequence[LineChange]) -> None:
        about = {"session_id": self._session_id}
        ids = tuple({name for change in changes for name in _named(change)})
        rows = self._tx.all("spots_of", **about, item_ids=ids)
        self._spots = {row["item_id"]: _spot(row) for row in rows}
        behind = {Spot(r["next_place"], r["next_heard_at"]) for r in rows if r["next_place"]}
        ends = {_spot(row) for row in self._tx.all("ends_of", **about)}
        self._order = sorted({*self._spots.values(), *behind, *ends})

    def _put(self, seq: int, put: PutMessage) -> None:
        spot = self._spots.get(put.item_id)
        if spot is None:
            spot = self._spots[put.item_id] = self._new_spot(put)
            insort(self._order, spot)
        self._rows[put.item_id] = self._row(seq, put, spot)
        self.newest_us = max(spot.heard_us, self.newest_us or spot.heard_us)

    def _remove(self, item_ids: Sequence[str]) -> None:
        for item_id in item_ids:
            if self._spots.pop(item_id, None) is not None:
                self._removed.add(item_id)
                self._rows.pop(item_id, None)

    def _write(self) -> None:
        if self._removed:
            gone = tuple(self._removed)
            self._tx.one("remove_messages", session_id=self._session_id, item_ids=gone)
        if self._rows:
            self._tx.many("put_message", list(self._rows.values()))
        if any(len(self._spots[name].place) > PLACE_BYTES_MAX for name in self._rows):
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
        if not self._order:
            return None, None
        if after is None:
            return None, self._order[0]
        low = self._spots.get(after, self._order[-1])
        behind = bisect_right(self._order, low)
        return low, self._order[behind] if behind < len(self._order) else None

    def _behind_the_future(self, heard_us: int) -> int:
        """Where our clock was set back, what was heard before has later times: not before it."""
        about = {"conversation_id": self._conversation_id}
        newest = self._tx.one("newest_heard", **about)
        if newest and newest["heard_at"] > self._tx.now_us:
            return int(newest["heard_at"])
        return heard_us

    def _renumber(self) -> None:
        rows = self._tx.all("list_places", session_id=self._session_id)
        moved = [(self._session_id, r["item_id"], nth(index)) for index, r in enumerate(rows)]
        self._tx.many("move_message", moved)


def suggest_title(tx: Transaction, conversation_id: UUID, puts: Sequence[PutMessage]) -> None:
    """A conversation is called after the first thing its user says."""
    said = next((p.text for p in puts if p.role == "user" and p.is_whole and p.text.strip()), None)
    if said is not None:
        tx.one("suggest_title", conversation_id=conversation_id, title=title_of(said))


def _spot(row: Row) -> Spot:
    return Spot(row["place"], row["heard_at"])


def _named(change: LineChange) -> tuple[str, ...]:
    """The lines that a change is about."""
    if isinstance(change, RemoveMessages):
        return change.item_ids
    return (change.item_id,) if change.after is None else (change.item_id, change.after)
