"""What the application's dispatch said to the first holder of a session. Inside a transaction."""

from uuid import UUID

import msgspec

from unbroken.dispatch import Said, is_kept
from unbroken.store.text import stored_json
from unbroken.store.transaction import Transaction


def note(tx: Transaction, session_id: UUID, said: Said | None) -> None:
    """Keep it with the session, unless something is kept already; what is too long is not."""
    if said is not None and is_kept(said):
        attributes = msgspec.json.encode(said.attributes).decode()
        about = {"session_id": session_id, "metadata": said.metadata}
        tx.one("note_said", **about, attributes=attributes)


def get(tx: Transaction, session_id: UUID) -> Said | None:
    row = tx.one("get_said", session_id=session_id)
    if row is None:
        return None
    attributes = stored_json(row["said_attributes"], dict[str, str])
    return Said(row["said_metadata"], attributes)
