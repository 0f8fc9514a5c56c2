"""What an earlier version stored reads as before."""

import hashlib
import json
import sqlite3

import psycopg

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.log.entries import BLOBS
from unbroken.store.postgres import PostgresStore
from unbroken.store.postgres.statements import MIGRATIONS as POSTGRES_MIGRATIONS
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


PARTS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)]
FLAGGED = (  # flags, payload, and which of the parts it refers to
    (BLOBS, '{"a":[%s,%s]}', (0, 1)),
    (BLOBS, '{"\u20ac":%s}', (2,)),
    (0, '{"b":%s}', (3,)),
)


def payload(text: str, parts: tuple[int, ...]) -> bytes:
    references = [json.dumps({"$blob": PARTS[n], "bytes": 3}) for n in parts]
    return (text % tuple(one.replace(" ", "") for one in references)).encode()


async def test_what_entries_referred_to_before_stays(tmp_path):
    path = tmp_path / "unbroken.sqlite"
    store_of_version(path, 4)
    with sqlite3.connect(path) as db:
        for seq, (flags, text, parts) in enumerate(FLAGGED, 1):
            db.execute(
                "insert into entries (session_id, seq, tenant, term, kind, flags, at, payload,"
                " sha256) values (?, ?, 1, 1, 'note', ?, 0, ?, x'00')",
                (LEFT.bytes, seq, flags, payload(text, parts)),
            )
        db.execute(
            "insert into entries (session_id, seq, tenant, term, kind, flags, at, payload, sha256)"
            " values (?, 9, 1, 1, 'note', ?, 0, x'ff', x'00')",
            (LEFT.bytes, BLOBS),
        )
    db.close()
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(path, blobs, Clock()) as store:
        names = [bytes.fromhex(part) for part in PARTS]
        assert await store.uses.doom(names, idle_s=0) == [names[3]]


async def test_what_entries_of_a_postgres_referred_to_before_stays(postgres, tmp_path):
    url = postgres.make_database("before_blobs")
    with psycopg.connect(url, autocommit=True) as db:
        for statement in POSTGRES_MIGRATIONS[0]:
            db.execute(statement)
        db.execute("create table schema_version (one int primary key, version int not null)")
        db.execute("insert into schema_version values (1, 1)")
        for seq, (flags, text, parts) in enumerate((*FLAGGED, (BLOBS, "\x00\\ %%", ())), 1):
            db.execute(
                "insert into entries (session_id, seq, tenant, term, kind, flags, at, payload,"
                " sha256) values (%s, %s, 1, 1, 'note', %s, 0, %s, '\\x00')",
                (LEFT, seq, flags, payload(text, parts)),
            )
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with PostgresStore.open(url, blobs, Clock()) as store:
        names = [bytes.fromhex(part) for part in PARTS]
        assert await store.uses.doom(names, idle_s=0) == [names[3]]
