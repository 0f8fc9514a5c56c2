"""JSON as the API shows it. Times are ISO 8601 in UTC with microseconds."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import BaseModel

from unbroken.archive.port import NUMBER_MAX
from unbroken.errors import InvalidInput
from unbroken.log import mark as marks
from unbroken.store import records as domain
from unbroken.store.port import GiveWay, Store
from unbroken.store.records import FIRST_PLACE, SideEntry, SidePlace

_JSON = msgspec.json.Encoder()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC: the zone is written behind it
_TIME_MIN = -(1 << 63)
_YEAR_9999_US = 253_402_300_799_999_999


def iso(us: int) -> str:
    moment = _EPOCH + timedelta(microseconds=max(0, min(us, _YEAR_9999_US)))
    return f"{moment.isoformat(timespec='microseconds')}Z"


def iso_or_none(us: int | None) -> str | None:
    return None if us is None else iso(us)


Shown: TypeAlias = dict[str, Any]  # JSON of a shape; ids and lists of others inside


async def json_of(store: Store, make: Callable[[GiveWay], BaseModel | Shown]) -> Response:
    """For long answers: `make` gives what is shown, aside, as `Store.aside` has it. Of a thousand
    parts it is plain values: a model would check each of them, and the framework once more, on the
    event loop."""

    def json(way: GiveWay) -> str | bytes:
        shown = make(way)
        return shown.model_dump_json() if isinstance(shown, BaseModel) else _JSON.encode(shown)

    return Response(await store.aside(json), media_type="application/json")


class MessageOut(BaseModel):
    id: str
    role: str
    content: str
    created_at: str
    interrupted: bool
    heard_ms: int | None
    speaker: str | None
    session_id: UUID
    metrics: dict[str, Any] | None
    takeover: int | None  # the term that took over, if its agent was lost in it
    corrupt: bool  # not what was said (`content` is empty then), or not where


class PieceOut(BaseModel):
    """`match`: it is what was asked for."""

    text: str
    match: bool


class FoundOut(BaseModel):
    """The line of a conversation for which it was found, and the part of it around the words."""

    message_id: str
    role: str
    excerpt: list[PieceOut]


class ConversationOut(BaseModel):
    id: UUID
    title: str | None
    user_id: str | None
    created_at: str
    last_at: str
    calls: int
    messages: int
    live: bool
    last_message: str | None


class SessionOut(BaseModel):
    id: UUID
    role: str
    agent_name: str | None
    agent_identity: str | None
    phase: str
    term: int
    last_seq: int
    opened_at: str
    cause: str | None
    end_reason: str | None
    degraded: str | None  # what is wrong on the agent's host, in words


class TermOut(BaseModel):
    """One holder of a session; `plan` and `report` as it said itself when it took over."""

    term: int
    agent_identity: str | None
    first_seq: int
    end_seq: int | None
    taken_at: str
    cause: str | None
    gap_ms: int | None
    plan: str | None
    report: dict[str, str] | None


class SpeechOut(BaseModel):
    agent: str
    generated: str
    heard: str
    heard_ms: int


class MarkOut(BaseModel):
    """What is in flight: no item yet."""

    speech: SpeechOut | None
    transcripts: list[str]


class SessionDetailOut(SessionOut):
    terms: list[TermOut]
    mark: MarkOut | None


class FindingOut(BaseModel):
    table: str
    row: str
    what: str


class VerificationOut(BaseModel):
    """How many rows were compared, and which of them are not as they were stored."""

    session_id: UUID
    ok: bool
    entries: int
    messages: int
    side_entries: int
    blobs: int
    findings: list[FindingOut]
    count: int


class CallOut(BaseModel):
    id: UUID
    room_name: str
    started_at: str
    ended_at: str | None
    end_reason: str | None
    left_at: str | None  # its last people
    kept_until: str | None  # for them to come back
    sessions: list[SessionOut]


class ConversationRowOut(ConversationOut):
    """One of a list; `found` if it was asked for by words, and one of its lines has them."""

    found: FoundOut | None


class ConversationDetailOut(ConversationOut):
    call_list: list[CallOut]


def message(m: domain.Message) -> Shown:
    """As `MessageOut`."""
    return {
        "id": m.id,
        "role": m.role,
        "content": m.content,
        "created_at": iso(m.at_us),
        "interrupted": m.interrupted,
        "heard_ms": m.heard_ms,
        "speaker": m.speaker,
        "session_id": m.session_id,
        "metrics": m.metrics,
        "takeover": m.takeover,
        "corrupt": m.is_corrupt,
    }


def conversation(c: domain.Conversation) -> Shown:
    """As `ConversationOut`."""
    return {
        "id": c.id,
        "title": c.title,
        "user_id": c.user_id,
        "created_at": iso(c.created_at_us),
        "last_at": iso(c.last_at_us),
        "calls": c.calls,
        "messages": c.messages,
        "live": c.is_live,
        "last_message": c.last_message,
    }


def conversation_row(c: domain.Conversation) -> Shown:
    """As `ConversationRowOut`."""
    return conversation(c) | {"found": _found(c.found) if c.found else None}


def _found(line: domain.Found) -> Shown:
    pieces = [{"text": piece.text, "match": piece.is_match} for piece in line.excerpt]
    return {"message_id": line.item_id, "role": line.role, "excerpt": pieces}


def session(s: domain.SessionRow) -> SessionOut:
    return SessionOut(
        id=s.id,
        role=s.role,
        agent_name=s.agent_name,
        agent_identity=s.agent_identity,
        phase=s.phase,
        term=s.term,
        last_seq=s.last_seq,
        opened_at=iso(s.opened_at_us),
        cause=s.cause,
        end_reason=s.end_reason,
        degraded=s.degraded,
    )


def session_detail(
    s: domain.SessionRow, terms: list[domain.Term], mark: marks.Mark | None
) -> SessionDetailOut:
    return SessionDetailOut(
        **session(s).model_dump(),
        terms=[_term(term) for term in terms],
        mark=_mark(mark) if mark else None,
    )


def verification(v: domain.Verified) -> VerificationOut:
    return VerificationOut(
        session_id=v.session_id,
        ok=v.is_whole,
        entries=v.entries,
        messages=v.messages,
        side_entries=v.side_entries,
        blobs=v.blobs,
        findings=[FindingOut(table=f.table, row=f.row, what=f.what) for f in v.findings],
        count=v.count,
    )


def _term(t: domain.Term) -> TermOut:
    said = t.recovered
    return TermOut(
        term=t.term,
        agent_identity=t.agent_identity,
        first_seq=t.first_seq,
        end_seq=t.end_seq,
        taken_at=iso(t.taken_at_us),
        cause=t.cause,
        gap_ms=said.gap_ms if said else None if t.gap_us is None else t.gap_us // 1_000,
        plan=said.plan if said else None,
        report=said.report if said else None,
    )


def _mark(m: marks.Mark) -> MarkOut:
    speech = None
    if said := m.speech:
        speech = SpeechOut(
            agent=said.agent, generated=said.generated, heard=said.heard, heard_ms=said.heard_ms
        )
    return MarkOut(speech=speech, transcripts=list(m.transcripts))


def call(c: domain.CallRow, *, rejoin_s: float) -> CallOut:
    left_us = c.left_at_us
    is_kept = left_us is not None and c.ended_at_us is None
    return CallOut(
        id=c.id,
        room_name=c.room_name,
        started_at=iso(c.started_at_us),
        ended_at=iso_or_none(c.ended_at_us),
        end_reason=c.end_reason,
        left_at=iso_or_none(left_us),
        kept_until=iso(left_us + int(rejoin_s * 1_000_000)) if left_us and is_kept else None,
        sessions=[session(s) for s in c.sessions],
    )


def cursor(*parts: bytes) -> str:
    return base64.urlsafe_b64encode(b"".join(parts)).rstrip(b"=").decode()


def opened(text: str, head: int) -> tuple[bytes, bytes]:
    """The first `head` bytes of a cursor, and the rest. Raises InvalidInput."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("not a cursor of ours") from error
    if len(raw) <= head:
        raise InvalidInput("not a cursor of ours")
    return raw[:head], raw[head:]


def message_cursor(m: domain.Message) -> str:
    at, session_id, place = m.spot
    return cursor((at - _TIME_MIN).to_bytes(8, "big"), session_id.bytes, place)


def message_spot(text: str | None) -> domain.Spot | None:
    if not text:
        return None
    head, place = opened(text, 24)
    return int.from_bytes(head[:8], "big") + _TIME_MIN, UUID(bytes=head[8:]), place


def conversation_cursor(c: domain.Conversation) -> str:
    return moment_cursor(c.last_at_us, c.id)


def moment_cursor(at_us: int, name: UUID) -> str:
    return cursor(max(0, at_us).to_bytes(8, "big"), name.bytes)


def moment(text: str | None) -> tuple[int, UUID] | None:
    if not text:
        return None
    at, name = opened(text, 8)
    if len(name) != 16 or at[0] > 127:  # noqa: PLR2004 - a uuid; a signed integer
        raise InvalidInput("not a cursor of ours")
    return int.from_bytes(at, "big"), UUID(bytes=name)


def side_cursor(side: SideEntry) -> str:
    term, holder, seq = side.place
    return cursor(term.to_bytes(8, "big"), holder.bytes, seq.to_bytes(8, "big"))


def side_place(text: str | None) -> SidePlace:
    if not text:
        return FIRST_PLACE
    head, seq = opened(text, 24)
    numbers = [int.from_bytes(part, "big") for part in (head[:8], seq)]
    if len(seq) != 8 or max(numbers) > NUMBER_MAX:  # noqa: PLR2004 - an integer of eight bytes
        raise InvalidInput("not a cursor of ours")
    return numbers[0], UUID(bytes=head[8:]), numbers[1]
