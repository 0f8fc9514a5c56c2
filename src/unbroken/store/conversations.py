"""Conversations as people read them. Every read raises ArchiveUnavailable if it fails."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from unbroken.blobs import Blobs
from unbroken.errors import NotFound
from unbroken.store import large
from unbroken.store.port import GiveWay, giving_way
from unbroken.store.projection import PutMessage, changes, text_of
from unbroken.store.records import (
    PAGE_BYTES_MAX,
    CallRow,
    Conversation,
    Found,
    Message,
    SessionRow,
    Spot,
)
from unbroken.store.search import excerpt
from unbroken.store.text import clean, title_of
from unbroken.store.transaction import Database, Row, Transaction

CALLS_MAX = 1_000  # of one conversation, the newest
SESSIONS_MAX = 100  # of one call: one for each role
LISTS_MAX = 1  # at once: they are long, and single conversations go first
_LAST_ID = UUID(bytes=b"\xff" * 16)
_LAST_PLACE = b"\xff" * 8
_LAST_AT = (1 << 63) - 1
_END: Spot = (_LAST_AT, _LAST_ID, _LAST_PLACE)


class StoredConversations:
    """`blobs` has the parts of items that are stored apart."""

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
        at, last = before or (_LAST_AT, _LAST_ID)
        asked = {"limit": limit, "user_id": user_id, "before_at": at, "before_id": last}

        def work(tx: Transaction, wanted: str | None) -> tuple[list[Row], list[Row]]:
            ids = [
                row["conversation_id"]
                for row in tx.each("find_conversations", **asked, terms=wanted)
            ]
            rows = tx.all("get_conversations", ids=ids)
            return rows, tx.all("found_lines", terms=wanted, ids=ids) if wanted else []

        async with self._listing:
            rows, found = await self._database.search(terms, work)
            lines = {row["conversation_id"]: _line_found(row, terms) for row in found}
            listed = await self._conversations(rows)
        return [msgspec.structs.replace(c, found=lines.get(c.id)) for c in listed]

    async def get_conversation(self, conversation_id: UUID) -> Conversation:
        row = await self._database.read(
            lambda tx: tx.one("get_conversations", ids=[conversation_id])
        )
        (found,) = await self._conversations([_found(row, "conversation", conversation_id)])
        return found

    async def list_calls(self, conversation_id: UUID) -> list[CallRow]:
        return await self._database.read(lambda tx: _calls(tx, conversation_id))

    async def list_messages(
        self,
        conversation_id: UUID,
        *,
        limit: int,
        before: Spot | None = None,
        spoken_only: bool = True,
    ) -> list[Message]:
        asked = _page(conversation_id, limit, before)
        asked |= {"all_items": not spoken_only, "with_turns": False}
        rows = await self._rows(asked)
        whole = await self._whole(rows)
        return await self._database.aside(lambda way: _messages(rows, whole, way))

    async def list_items(
        self, conversation_id: UUID, *, limit: int, before: Spot | None = None
    ) -> list[tuple[Message, bytes | None]]:
        asked = _page(conversation_id, limit, before) | {"all_items": True, "with_turns": True}
        rows = await self._rows(asked)
        whole = await self._whole(rows)
        found = await self._database.aside(lambda way: _messages(rows, whole, way))
        payloads = [r["payload"] and (w or r["payload"]) for r, w in zip(rows, whole, strict=True)]
        return list(zip(found, payloads[::-1], strict=True))

    async def _rows(self, asked: dict[str, Any]) -> list[Row]:
        """At most `limit`, and none behind the one that reaches PAGE_BYTES_MAX."""

        def work(tx: Transaction) -> list[Row]:
            found, size = [], 0
            for row in tx.each("list_messages", **asked):
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
        content = await large.fetch(self._blobs, filter(None, payloads))
        return [large.put_together(one, content) if one else None for one in payloads]

    async def get_session(self, session_id: UUID) -> SessionRow:
        row = await self._database.read(lambda tx: tx.one("get_session", session_id=session_id))
        return _session(_found(row, "session", session_id))

    async def rename(self, conversation_id: UUID, title: str) -> str:
        title = clean(title)
        row = await self._database.write(
            lambda tx: tx.one("set_title", conversation_id=conversation_id, title=title)
        )
        _found(row, "conversation", conversation_id)
        return title

    async def close(self, conversation_id: UUID, summary: bytes) -> None:
        row = await self._database.write(
            lambda tx: tx.one(
                "close_conversation", conversation_id=conversation_id, summary=summary
            )
        )
        _found(row, "conversation", conversation_id)

    async def list_of_user(self, user_id: str, *, limit: int) -> list[tuple[UUID, str | None, int]]:
        rows = await self._database.read(
            lambda tx: tx.all("list_user_conversations", user_id=user_id, limit=limit)
        )
        return [(r["conversation_id"], r["title"], r["last_at"]) for r in rows]


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
        id=row["conversation_id"],
        user_id=row["user_id"],
        title=title_of(text_of(said)) if said else row["title"],
        created_at_us=row["created_at"],
        last_at_us=row["last_at"],
        calls=row["calls"],
        messages=row["messages"],
        is_live=bool(row["is_live"]),
        last_message=text_of(line) if line else row["last_message"],
    )


def _messages(rows: list[Row], whole: list[bytes | None], way: GiveWay) -> list[Message]:
    """Oldest first."""
    both = giving_way(zip(rows, whole, strict=True), way)
    return [_message(row, payload) for row, payload in both][::-1]


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
        session_id=row["session_id"],
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


def _calls(tx: Transaction, conversation_id: UUID) -> list[CallRow]:
    rows = tx.all("list_calls", conversation_id=conversation_id, limit=CALLS_MAX)[::-1]
    asked = [{"call_id": row["call_id"], "limit": SESSIONS_MAX} for row in rows]
    return [_call(row, tx.all("list_sessions", **a)) for row, a in zip(rows, asked, strict=True)]


def _call(row: Row, sessions: list[Row]) -> CallRow:
    return CallRow(
        id=row["call_id"],
        conversation_id=row["conversation_id"],
        room_name=row["room_name"],
        started_at_us=row["started_at"],
        ended_at_us=row["ended_at"],
        end_reason=row["end_reason"],
        sessions=tuple(_session(session) for session in sessions),
    )


def _session(row: Row) -> SessionRow:
    return SessionRow(
        id=row["session_id"],
        call_id=row["call_id"],
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
        is_due=row["next_dispatch_at"] is not None,
    )
