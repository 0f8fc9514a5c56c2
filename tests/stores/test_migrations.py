"""What an earlier version stored reads as before."""

import sqlite3

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store.sqlite import SqliteStore
from unbroken.store.sqlite.database import MIGRATIONS
from unbroken.testing.holders import ENV, Clock

CONVERSATION, LEFT, RIGHT = ENV.new_id(), ENV.new_id(), ENV.new_id()
LAST_US = 1_000
LINES = [  # session, place, at: of the left one the clock was set back, of the right one wrong
    (LEFT, 1, 10, "one"),
    (LEFT, 2, 30, "three"),
    (LEFT, 3, 20, "four"),
    (RIGHT, 1, 15, "two"),
    (RIGHT, 2, 40, "five"),
    (RIGHT, 3, 1 << 62, "six"),
]


def store_of_version(path, version: int) -> None:
    with sqlite3.connect(path) as db:
        for migration in MIGRATIONS[:version]:
            for statement in migration:
                db.execute(statement)
        db.execute(f"pragma user_version = {version}")
        db.execute(
            "insert into conversations values (?, 1, null, null, 0, ?, null, null)",
            (CONVERSATION.bytes, LAST_US),
        )
        for session, place, at, text in LINES:
            db.execute(
                "insert into messages (session_id, item_id, tenant, conversation_id, seq, place,"
                " role, text, interrupted, at) values (?, ?, 1, ?, 1, ?, 'user', ?, 0, ?)",
                (session.bytes, text, CONVERSATION.bytes, bytes([place]), text, at),
            )
    db.close()


async def test_lines_stand_in_the_order_of_history_and_else_of_time(tmp_path):
    path = tmp_path / "unbroken.sqlite"
    store_of_version(path, 4)
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(path, blobs, Clock()) as store:
        found = await store.conversations.list_messages(CONVERSATION, limit=9)
        assert [m.content for m in found] == ["one", "two", "three", "four", "five", "six"]
        assert max(m.heard_at_us for m in found) == LAST_US
