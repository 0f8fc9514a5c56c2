"""Conversations at the service, as this package reads and adds to them, over its API.

Theory of operation. What is imported at once is a session of its own, of the role `imported`, in a
call of its own in the room `imported/...`: so no living call is touched, and the log has it like
anything else that was said. Its holder is made of the conversation and of the number of such
sessions that are over. An import that was killed in the middle goes on in the session that it had,
and two at once write the same entries to the same places, which the store keeps once.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Self, TypeVar
from uuid import UUID, uuid5

import httpx
import msgspec

from unbroken import names
from unbroken.archive.http import RemoteArchive, ask, http_client, refusal
from unbroken.archive.port import Batch, HostBatch, TakeRequest, WireEntry
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, Conflict, NotFound
from unbroken.log import entries
from unbroken.log.entries import USER, Ended, ItemPut, Noted, Payload
from unbroken.log.said import message as item_of
from unbroken.moving.answers import (
    IMPORTED,
    DetailAnswer,
    EntriesPage,
    ImportedItem,
    ImportLog,
    LineAnswer,
    LinesPage,
    ListedPage,
    SessionAnswer,
)
from unbroken.moving.kept import KeptConversation, KeptMessage
from unbroken.moving.usual import HISTORY, OWN, PREFIX, UsualConversation, UsualMessage, time_us

NOTE = "unbroken.imported"
SPOKEN = frozenset({"user", "assistant", "system", "developer"})
TIMEOUT_S = 30.0
TTL_MS = 60_000
PAGE = 1_000
BATCH_ENTRIES, BATCH_BYTES = 200, 512 << 10

A = TypeVar("A")


class AtService:
    """Use `async with`. Raises ArchiveUnavailable, Unauthorized."""

    def __init__(self, url: str, key: str | None, env: Env) -> None:
        self.url, self._env = url, env
        self._archive = RemoteArchive(url, key=key, timeout_s=TIMEOUT_S)
        self._http = http_client(url, key=key, timeout_s=TIMEOUT_S)
        self._host_id = uuid5(OWN, f"host {env.host_name()}")

    async def __aenter__(self) -> Self:
        await self._get(dict, "/system")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._archive.aclose()
        await self._http.aclose()

    async def ids(self) -> AsyncIterator[UUID]:
        """Of all conversations, the newest first."""
        after: str | None = ""
        while after is not None:
            asked = {"limit": PAGE} | ({"after": after} if after else {})
            page = await self._get(ListedPage, "/conversations", **asked)
            for one in page.conversations:
                yield UUID(one.id)
            after = page.next

    async def read(self, conversation_id: UUID) -> KeptConversation:
        """Empty for one that is not there."""
        try:
            detail = await self._get(DetailAnswer, f"/conversations/{conversation_id}")
        except NotFound:
            return KeptConversation(id=conversation_id)
        imports = [s for c in detail.call_list for s in c.sessions if s.role == IMPORTED]
        log = await self._log(imports)
        lines = await self._lines(conversation_id)
        rooms = [call.room_name for call in detail.call_list if not call.is_import]
        return KeptConversation(
            id=conversation_id,
            room=rooms[-1] if rooms else None,
            user=detail.user_id,
            started_us=time_us(detail.created_at),
            messages=[_kept(line, log.items.get(line.id)) for line in lines if _is_said(line)],
            about=log.about,
            imports=sum(session.phase == "ended" for session in imports),
        )

    async def add(
        self, read: UsualConversation, new: Sequence[UsualMessage], kept: KeptConversation
    ) -> None:
        """Keep `new` behind what is kept, and what `read` is about. Raises Conflict if another
        import was quicker: then the next one does what is left."""
        held = await self._take(read, kept)
        seq = await self._send(held, 1, ())
        payloads = [*_about(read, kept), *_items(read, new, kept, self._env.now_us())]
        batch: list[WireEntry] = []
        for payload, at_us in payloads:
            batch.append(_wire(payload, at_us or self._env.now_us()))
            if len(batch) == BATCH_ENTRIES or sum(len(e.payload) for e in batch) > BATCH_BYTES:
                seq, batch = await self._send(held, seq + 1, batch), []
        batch.append(_wire(Ended(IMPORTED), self._env.now_us()))
        await self._send(held, seq + 1, batch)

    async def _take(self, read: UsualConversation, kept: KeptConversation) -> Batch:
        """Nothing yet, of the session that is ours from now on."""
        made = uuid5(read.id, f"import {kept.imports}")
        name = read.key.removeprefix(PREFIX).removesuffix(HISTORY)
        taken = await self._archive.take(
            TakeRequest(
                host_id=self._host_id,
                ttl_ms=TTL_MS,
                holder=made,
                room_name=names.fit(f"{IMPORTED}/{name}"),
                room_sid=f"{IMPORTED}-{made}",
                role=IMPORTED,
                agent_name=None,
                agent_identity=IMPORTED,
                conversation_id=read.id,
                user_id=None,
                people=(),
                new_session_id=uuid5(made, "session"),
                new_call_id=uuid5(made, "call"),
                new_conversation_id=read.id,
            )
        )
        return Batch(session_id=taken.session_id, term=taken.term, holder=made, first=1)

    async def _send(self, held: Batch, first: int, new: Sequence[WireEntry]) -> int:
        """The seq up to which all is stored."""
        batch = msgspec.structs.replace(held, first=first, entries=tuple(new))
        sent = HostBatch(
            host_id=self._host_id, host_name=self._env.host_name(), ttl_ms=TTL_MS, batches=(batch,)
        )
        (answer,) = (await self._archive.append(sent)).batches
        if answer.outcome != "acked":
            raise Conflict(f"it was not kept: {answer.code or answer.outcome}")
        return answer.seq

    async def _log(self, imports: Sequence[SessionAnswer]) -> ImportLog:
        log = ImportLog()
        for session in imports:
            after: int | None = 0
            while after is not None:
                path = f"/sessions/{session.id}/entries"
                page = await self._get(EntriesPage, path, after=after, limit=PAGE)
                for entry in page.entries:
                    log.add(entry, NOTE)
                after = page.next
        return log

    async def _lines(self, conversation_id: UUID) -> list[LineAnswer]:
        """Oldest first."""
        pages: list[list[LineAnswer]] = []
        before: str | None = ""
        while before is not None:
            asked = {"items": "all", "limit": PAGE} | ({"before": before} if before else {})
            path = f"/conversations/{conversation_id}/messages"
            page = await self._get(LinesPage, path, **asked)
            pages.append(page.messages)
            before = page.before
        return [line for part in reversed(pages) for line in part]

    async def _get(self, form: type[A], path: str, **asked: Any) -> A:
        status, content = await ask(self._http, "GET", path, within_s=TIMEOUT_S, params=asked)
        if status != httpx.codes.OK:
            raise refusal(self.url, status, content)
        try:
            return msgspec.json.decode(content, type=form)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise ArchiveUnavailable(f"{self.url}{path} answers in another form") from None


def _about(read: UsualConversation, kept: KeptConversation) -> list[tuple[Payload, int | None]]:
    found: list[tuple[Payload, int | None]] = []
    if not kept.has_about(read):
        found.append((Noted(NOTE, {"key": read.key, "about": read.about}), None))
    if read.user is not None:
        found.append((Noted(USER, read.user), None))
    return found


def _items(
    read: UsualConversation, new: Sequence[UsualMessage], kept: KeptConversation, now_us: int
) -> list[tuple[Payload, int | None]]:
    """Behind what is kept, also of an import that was cut off: of this session or another one.

    A message that does not say its time has that of the one before it, and a moment."""
    times = [m.said.at_us for m in kept.messages if m.said.at_us is not None]
    at_us = max(times, default=0) or (read.started_us or now_us)
    found: list[tuple[Payload, int | None]] = []
    last = kept.messages[-1].item_id if kept.messages else None
    for place, said in enumerate(new):
        at_us = at_us + 1 if said.at_us is None else said.at_us
        item_id = f"{IMPORTED}_{len(kept.messages) + place}_{said.whole.hex()[:16]}"
        extra = {IMPORTED: {"key": read.key, "rest": said.rest}}
        item = item_of(item_id, said.role, said.content, at_us / 1_000_000, extra=extra)
        found.append((ItemPut(item=item, after=last), at_us))
        last = item_id
    return found


def _wire(payload: Payload, at_us: int) -> WireEntry:
    data, flags = entries.encode(payload)
    return WireEntry(entries.KIND_OF[type(payload)], at_us, flags, data)


def _kept(line: LineAnswer, item: ImportedItem | None) -> KeptMessage:
    if item is None:
        at_us = time_us(line.created_at)
        rest = {} if at_us is None else {"timestamp": at_us / 1_000_000}
        return KeptMessage(line.id, UsualMessage(line.role, line.content, rest, at_us), None)
    was = item.extra.imported
    return KeptMessage(line.id, UsualMessage.of(line.role, item.content[0], was.rest), was.key)


def _is_said(line: LineAnswer) -> bool:
    return not line.corrupt and (line.role in SPOKEN or line.id.startswith(f"{IMPORTED}_"))
