"""Conversations as people read them. Every read raises ArchiveUnavailable if it fails."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from unbroken.blobs import Blobs
from unbroken.conversation import Call, Conversation, Found, Message, SessionRow, Spot
from unbroken.errors import Corrupt, NotFound
from unbroken.search import excerpt
from unbroken.stores import parts
from unbroken.stores.projection import PutMessage, changes, clean, text_of, title_of
from unbroken.stores.sqlite.database import Database, Row, Transaction

PAGE_BYTES_MAX = 4 << 20  # of words in one page; beyond it the page ends early
CALLS_MAX = 1_000  # of one conversation, the newest
SESSIONS_MAX = 100  # of one call: one for each role
LISTS_MAX = 1  # at once: they are long, and agents and single conversations go first
_LAST_ID = b"\xff" * 16
_LAST_PLACE = b"\xff" * 8
_LAST_AT = (1 << 63) - 1
_END: Spot = (_LAST_AT, UUID(bytes=_LAST_ID), _LAST_PLACE)


class SqliteConversations:
    """`Conversations` over one SQLite file, and what the service asks beyond it."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._listing = asyncio.Semaphore(LISTS_MAX)

    async def list_conversations(
        self,
        *,
        limit: int,
        before: tuple[int, UUID] | None = None,
        user_id: str | None = None,
        terms: Sequence[str] = (),
    ) -> list[Conversation]:
        """Newest first; of that user only, if one is named. With `terms` those that have all of
        them, in what was said or in what is known of their callers, each with the line that was
        found."""
        at, last = (before[0], before[1].bytes) if before else (_LAST_AT, _LAST_ID)
        asked = {"limit": limit, "user_id": user_id, "before_at": at, "before_id": last}
        matching = asked["terms"] = _matching(terms)
        async with self._listing:
            if matching is None:
                return await self._listed(asked)
            try:
                return await self._with_lines(await self._listed(asked), terms)
            except Corrupt:
                if not await self._database.mend_index(matching):
                    raise
                return await self._with_lines(await self._listed(asked), terms)

    async def _listed(self, asked: dict[str, Any]) -> list[Conversation]:
        rows = await self._database.read(lambda tx: tx.all("list_conversations", **asked))
        return await self._conversations(rows)

    async def _with_lines(
        self, conversations: list[Conversation], terms: Sequence[str]
    ) -> list[Conversation]:
        ids = json.dumps([c.id.hex.upper() for c in conversations])
        rows = await self._database.read(
            lambda tx: tx.all("found_lines", terms=_matching(terms), ids=ids)
        )
        lines = {UUID(bytes=row["conversation_id"]): _line_found(row, terms) for row in rows}
        return [msgspec.structs.replace(c, found=lines.get(c.id)) for c in conversations]

    async def get_conversation(self, conversation_id: UUID) -> Conversation:
        row = await self._database.read(
            lambda tx: tx.one("get_conversation", conversation_id=conversation_id)
        )
        (found,) = await self._conversations([_found(row, "conversation", conversation_id)])
        return found

    async def list_calls(self, conversation_id: UUID) -> list[Call]:
        """The newest CALLS_MAX, oldest first."""
        return await self._database.read(lambda tx: _calls(tx, conversation_id))

    async def list_messages(
        self,
        conversation_id: UUID,
        *,
        limit: int,
        before: Spot | None = None,
        spoken_only: bool = True,
    ) -> list[Message]:
        asked = _page(conversation_id, limit, before) | {"all_items": not spoken_only}
        rows = await self._rows("list_messages", asked)
        whole = await self._whole(rows)
        return [_message(row, payload) for row, payload in zip(rows, whole, strict=True)][::-1]

    async def list_items(
        self, conversation_id: UUID, *, limit: int, before: Spot | None = None
    ) -> list[tuple[Message, bytes | None]]:
        """As `list_messages` with all items; those of tools with their payload."""
        asked = _page(conversation_id, limit, before)
        rows = await self._rows("list_items", asked)
        found = [
            (_message(row, payload), row["payload"] and (payload or row["payload"]))
            for row, payload in zip(rows, await self._whole(rows), strict=True)
        ]
        return found[::-1]

    async def _rows(self, query: str, asked: dict[str, Any]) -> list[Row]:
        """At most `limit`, and none behind the one that reaches PAGE_BYTES_MAX."""

        def work(tx: Transaction) -> list[Row]:
            found, size = [], 0
            for row in tx.each(query, **asked):
                found.append(row)
                size += len(row["text"]) + len(row["apart"] or b"")
                if size >= PAGE_BYTES_MAX:
                    break
            return found

        return await self._database.read(work)

    async def _whole(self, rows: list[Row]) -> list[bytes | None]:
        return await self._put_together([row["apart"] for row in rows])

    async def _conversations(self, rows: list[Row]) -> list[Conversation]:
        lines = await self._put_together([row["last_apart"] for row in rows])
        titles = await self._put_together([row["title_apart"] for row in rows])
        return [_conversation(*found) for found in zip(rows, lines, titles, strict=True)]

    async def _put_together(self, payloads: list[bytes | None]) -> list[bytes | None]:
        """Those with large parts, as they were written."""
        content = await parts.fetch(self._blobs, filter(None, payloads))
        return [parts.put_together(one, content) if one else None for one in payloads]

    async def get_session(self, session_id: UUID) -> SessionRow:
        """Raises NotFound."""
        row = await self._database.read(lambda tx: tx.one("get_session", session_id=session_id))
        return _session(_found(row, "session", session_id))

    async def rename(self, conversation_id: UUID, title: str) -> str:
        """The title as it is kept. Raises NotFound."""
        title = clean(title)
        row = await self._database.write(
            lambda tx: tx.one("set_title", conversation_id=conversation_id, title=title)
        )
        _found(row, "conversation", conversation_id)
        return title

    async def close(self, conversation_id: UUID, summary: bytes) -> None:
        """Note that it is over, and its summary. What is said later is kept all the same."""
        row = await self._database.write(
            lambda tx: tx.one(
                "close_conversation", conversation_id=conversation_id, summary=summary
            )
        )
        _found(row, "conversation", conversation_id)

    async def list_of_user(self, user_id: str, *, limit: int) -> list[tuple[UUID, str | None, int]]:
        """(id, title, last_at_us), newest first."""
        rows = await self._database.read(
            lambda tx: tx.all("list_user_conversations", user_id=user_id, limit=limit)
        )
        return [(UUID(bytes=r["conversation_id"]), r["title"], r["last_at"]) for r in rows]


def _matching(terms: Sequence[str]) -> str | None:
    """What the index is asked: each term as it stands, the last one as a beginning, too."""
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    return json.dumps([*quoted[:-1], f"{quoted[-1]} *"]) if quoted else None


def _line_found(row: Row, terms: Sequence[str]) -> Found | None:
    if row["is_damaged"]:
        return None
    return Found(row["item_id"], row["role"], excerpt(row["text"], terms))


def _page(conversation_id: UUID, limit: int, before: Spot | None) -> dict[str, Any]:
    at, session, place = before or _END
    return {
        "conversation_id": conversation_id,
        "before_at": at,
        "before_session": session,
        "before_place": place,
        "limit": limit,
    }


def _found(row: Row | None, what: str, name: object) -> Row:
    if row is None:
        raise NotFound(f"no {what} {name}")
    return row


def _conversation(row: Row, line: bytes | None, said: bytes | None) -> Conversation:
    """`line` is the last one, `said` the first thing that its user said, if they are large."""
    return Conversation(
        id=UUID(bytes=row["conversation_id"]),
        user_id=row["user_id"],
        title=title_of(text_of(said)) if said else row["title"],
        created_at_us=row["created_at"],
        last_at_us=row["last_at"],
        calls=row["calls"],
        messages=row["messages"],
        is_live=bool(row["is_live"]),
        last_message=text_of(line) if line else row["last_message"],
    )


def _message(row: Row, payload: bytes | None) -> Message:
    """`payload`: of one with large parts, or one whose row is damaged."""
    is_misplaced = bool(row["is_misplaced"])
    put = changes("item", payload or b"", row["at"]) if row["is_damaged"] else None
    if row["is_damaged"] and not isinstance(put, PutMessage):
        return _line(row, None, is_corrupt=True)
    found = _line(row, payload, is_corrupt=is_misplaced)
    return _as_put(found, put) if isinstance(put, PutMessage) else found


def _as_put(line: Message, put: PutMessage) -> Message:
    """As the log says it, whatever has become of its row."""
    return msgspec.structs.replace(
        line,
        id=put.item_id,
        role=put.role,
        content=put.text,
        at_us=put.at_us,
        interrupted=put.interrupted,
        heard_ms=put.heard_ms,
        speaker=put.speaker,
        metrics=json.loads(put.metrics) if put.metrics else None,
    )


def _line(row: Row, payload: bytes | None, *, is_corrupt: bool) -> Message:
    metrics = None if row["is_damaged"] else row["metrics"]
    return Message(
        session_id=UUID(bytes=row["session_id"]),
        place=row["place"],
        heard_at_us=row["heard_at"],
        id=row["item_id"],
        role=row["role"],
        content=text_of(payload) if payload else "" if row["is_damaged"] else row["text"],
        at_us=row["at"],
        interrupted=bool(row["interrupted"]),
        heard_ms=row["heard_ms"],
        speaker=None if row["is_damaged"] else row["speaker"],
        turn_id=row["turn_id"],
        metrics=json.loads(metrics) if metrics else None,
        takeover=row["takeover"],
        is_corrupt=is_corrupt,
    )


def _calls(tx: Transaction, conversation_id: UUID) -> list[Call]:
    rows = tx.all("list_calls", conversation_id=conversation_id, limit=CALLS_MAX)[::-1]
    asked = [{"call_id": row["call_id"], "limit": SESSIONS_MAX} for row in rows]
    return [_call(row, tx.all("list_sessions", **a)) for row, a in zip(rows, asked, strict=True)]


def _call(row: Row, sessions: list[Row]) -> Call:
    return Call(
        id=UUID(bytes=row["call_id"]),
        conversation_id=UUID(bytes=row["conversation_id"]),
        room_name=row["room_name"],
        started_at_us=row["started_at"],
        ended_at_us=row["ended_at"],
        end_reason=row["end_reason"],
        sessions=tuple(_session(session) for session in sessions),
    )


def _session(row: Row) -> SessionRow:
    return SessionRow(
        id=UUID(bytes=row["session_id"]),
        call_id=UUID(bytes=row["call_id"]),
        role=row["role"],
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        phase=row["phase"],
        term=row["term"],
        last_seq=row["last_seq"],
        opened_at_us=row["opened_at"],
        cause=row["cause"],
        end_reason=row["end_reason"],
        degraded=row["degraded"],
        orphaned_at_us=row["orphaned_at"],
    )
