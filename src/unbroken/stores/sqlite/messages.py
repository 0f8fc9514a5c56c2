"""The rows of the transcript, in the order of history."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from unbroken.stores.place import between, nth
from unbroken.stores.projection import Change, PutMessage, RemoveMessages, title_of
from unbroken.stores.sqlite.database import Transaction

PLACE_BYTES_MAX = 200  # then the session's places are numbered afresh


class History:
    """The messages of one session, inside one transaction."""

    def __init__(self, tx: Transaction, session_id: UUID, conversation_id: bytes) -> None:
        self._tx = tx
        self._session_id = session_id
        self._all = {"session_id": session_id, "conversation_id": conversation_id}

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
        place = self._place(put.item_id) or self._new_place(put.after)
        self._tx.one(
            "put_message",
            **self._all,
            item_id=put.item_id,
            seq=seq,
            place=place,
            role=put.role,
            text=put.text,
            interrupted=put.interrupted,
            speaker=put.speaker,
            at=put.at_us,
            heard_ms=put.heard_ms,
            metrics=put.metrics,
        )
        if len(place) > PLACE_BYTES_MAX:
            self._renumber()

    def _new_place(self, after: str | None) -> bytes:
        if after is None:
            return between(None, self._bound("first_place"))
        low = self._place(after)
        if low is None:
            return between(self._bound("last_place"), None)
        row = self._tx.one("place_behind", **self._all, place=low)
        return between(low, row["place"] if row else None)

    def _place(self, item_id: str) -> bytes | None:
        row = self._tx.one("place_of", session_id=self._session_id, item_id=item_id)
        return row["place"] if row else None

    def _bound(self, query: str) -> bytes | None:
        row = self._tx.one(query, **self._all)
        return row["place"] if row else None

    def _renumber(self) -> None:
        rows = self._tx.all("list_places", **self._all)
        for index, row in enumerate(rows):
            item_id = row["item_id"]
            self._tx.one(
                "move_message", session_id=self._session_id, item_id=item_id, place=nth(index)
            )


def suggest_title(tx: Transaction, conversation_id: bytes, puts: Sequence[PutMessage]) -> None:
    """A conversation is called after the first thing its user says."""
    said = next((put.text for put in puts if put.role == "user" and put.text.strip()), None)
    if said is not None:
        tx.one("suggest_title", conversation_id=conversation_id, title=title_of(said))
