"""/api/v1/conversations"""

import hashlib
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import structlog
from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from unbroken.service import shapes
from unbroken.service.api.turns import Turn, turns
from unbroken.service.inputs import TEXT_SCHEMA, Digits, Facts, Name, Sayable, SummaryIn, Text
from unbroken.service.parts import Given
from unbroken.store import records as domain
from unbroken.store.port import GiveWay, giving_way
from unbroken.store.records import PAGE_BYTES_MAX, SavedTurn
from unbroken.store.search import terms_of
from unbroken.store.text import TITLE_CHARS_MAX, as_json

ITEMS_MAX = 1_000  # in one answer
QUESTION_CHARS_MAX = 500
UTF8_BYTES_MAX = 4  # of a character

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])
log = structlog.get_logger()

Limit = Annotated[int, Query(ge=1, le=ITEMS_MAX), Digits]
Question = Annotated[
    str,
    Query(min_length=1, max_length=QUESTION_CHARS_MAX, json_schema_extra=TEXT_SCHEMA),
    Sayable,
]


class ConversationsOut(BaseModel):
    conversations: list[shapes.ConversationRowOut]
    next: str | None


class MessagesOut(BaseModel):
    messages: list[shapes.MessageOut]
    before: str | None


class ToolOut(BaseModel):
    name: str
    arguments: str
    output: str | None
    is_error: bool


class TurnOut(BaseModel):
    id: str
    user: shapes.MessageOut | None
    assistant: list[shapes.MessageOut]
    tools: list[ToolOut]
    delays_ms: dict[str, float]


class TurnsOut(BaseModel):
    turns: list[TurnOut]
    before: str | None


class RenamingIn(BaseModel):
    title: Annotated[
        str,
        Field(min_length=1, max_length=TITLE_CHARS_MAX, json_schema_extra=TEXT_SCHEMA),
        Sayable,
    ]


class TurnIn(BaseModel):
    room_name: Name
    participant_identity: Name | None = None
    user_message: Text | None = None
    assistant_message: Text | None = None
    metadata: Facts | None = None


class SavedOut(BaseModel):
    conversation_id: UUID
    call_id: UUID


class FinalizeIn(SummaryIn):
    """Whatever else the caller knows of the conversation is kept as its summary."""


@router.get("", response_model=ConversationsOut)
async def list_conversations(
    parts: Given,
    limit: Limit = 20,
    after: str | None = None,
    user_id: Name | None = None,
    q: Question | None = None,
) -> Response:
    """Newest first, of one user if `user_id` is given. With `q` those that have all of its words,
    the last of them perhaps only begun, in what was said, in the title, or in a caller's identity,
    name, telephone number or user id; `found` is the line. Pass `next` back as `after` to get the
    next page."""
    found = await parts.store.conversations.list_conversations(
        limit=limit + 1,
        before=shapes.moment(after),
        user_id=user_id,
        terms=_terms(q),
    )
    return await shapes.json_of(parts.store, lambda way: _list(found, limit, way))


@router.get("/{conversation_id}", response_model=shapes.ConversationDetailOut)
async def get_conversation(conversation_id: UUID, parts: Given) -> Response:
    """With its last 1,000 calls, and 100 sessions of each."""
    detail = await _detail(parts, conversation_id)
    return await shapes.json_of(parts.store, lambda _: detail)


@router.patch("/{conversation_id}")
async def rename(
    conversation_id: UUID, renaming: RenamingIn, parts: Given
) -> shapes.ConversationDetailOut:
    """The answer has this title, whatever others called it meanwhile."""
    title = await parts.store.conversations.rename(conversation_id, renaming.title)
    return (await _detail(parts, conversation_id)).model_copy(update={"title": title})


@router.get("/{conversation_id}/messages", response_model=MessagesOut)
async def list_messages(
    conversation_id: UUID,
    parts: Given,
    limit: Limit = 20,
    before: str | None = None,
    items: Literal["spoken", "all"] = "spoken",
) -> Response:
    """The last ones, oldest first. Pass `before` back to get those in front of them."""
    conversations = parts.store.conversations
    found = await conversations.list_messages(
        conversation_id,
        limit=limit + 1,
        before=shapes.message_spot(before),
        spoken_only=items == "spoken",
    )
    if not found:
        await conversations.get_conversation(conversation_id)  # or there is none
    page, is_short = found[-limit:], len(found) <= limit
    if is_short and _is_long(page):
        is_short = not await conversations.list_messages(
            conversation_id, limit=1, before=page[0].spot, spoken_only=items == "spoken"
        )
    before = None if is_short else shapes.message_cursor(page[0])
    return await shapes.json_of(
        parts.store,
        lambda way: {
            "messages": [shapes.message(m) for m in giving_way(page, way)],
            "before": before,
        },
    )


@router.get("/{conversation_id}/turns", response_model=TurnsOut)
async def list_turns(
    conversation_id: UUID, parts: Given, limit: Limit = ITEMS_MAX, before: str | None = None
) -> Response:
    """Whole turns out of the last `limit` items. Pass `before` back to get those in front. Of
    sessions that speak at once, a turn that began in front of the page is in both, by its id."""
    conversations = parts.store.conversations
    found = await conversations.list_items(
        conversation_id, limit=limit + 1, before=shapes.message_spot(before)
    )
    if not found:
        await conversations.get_conversation(conversation_id)  # or there is none
    page, is_short = found[-limit:], len(found) <= limit
    if is_short and _is_long([message for message, _ in page]):
        first = page[0][0].spot
        is_short = not await conversations.list_items(conversation_id, limit=1, before=first)
    page = page if is_short else _from_whole_turn(page)
    before = None if is_short else shapes.message_cursor(page[0][0])
    return await shapes.json_of(
        parts.store,
        lambda way: {
            "turns": [_turn(turn) for turn in giving_way(turns(page), way)],
            "before": before,
        },
    )


@router.post("/save-turn", status_code=201)
async def save_turn(
    turn: TurnIn,
    parts: Given,
    idempotency_key: Annotated[str | None, Header(max_length=256)] = None,
) -> SavedOut:
    """Keep what a person said and what was answered; with an Idempotency-Key once only."""
    place = await parts.store.rooms.save_turn(
        SavedTurn(
            room_name=turn.room_name,
            identity=turn.participant_identity,
            user_message=turn.user_message,
            assistant_message=turn.assistant_message,
            metadata=turn.metadata or {},
            key=_key(idempotency_key or parts.env.new_id().hex),
        )
    )
    return SavedOut(conversation_id=place.conversation_id, call_id=place.call_id)


@router.post("/finalize")
async def finalize(final: FinalizeIn, parts: Given) -> SavedOut:
    """Close the conversation of a room and keep its summary: the next call there is a new one."""
    place = await parts.store.rooms.finalize(final.room_name)
    summary = as_json(final.model_dump()).encode()
    await parts.store.conversations.close(place.conversation_id, summary)
    log.info("conversation closed", conversation_id=str(place.conversation_id))
    return SavedOut(conversation_id=place.conversation_id, call_id=place.call_id)


def _terms(question: str | None) -> list[str]:
    """Raises HTTPException 400 for a question without words: it would find everything."""
    if question is None:
        return []
    if terms := terms_of(question):
        return terms
    raise HTTPException(400, "q has no words to look for")


def _list(found: list[domain.Conversation], limit: int, way: GiveWay) -> shapes.Shown:
    page = found[:limit]
    following = shapes.conversation_cursor(page[-1]) if len(found) > limit else None
    rows = [shapes.conversation_row(c) for c in giving_way(page, way)]
    return {"conversations": rows, "next": following}


async def _detail(parts: Given, conversation_id: UUID) -> shapes.ConversationDetailOut:
    found = await parts.store.conversations.get_conversation(conversation_id)
    calls = await parts.store.conversations.list_calls(conversation_id)
    rejoin_s = parts.settings.rejoin_s
    return await parts.store.aside(lambda way: _shown(found, calls, rejoin_s, way))


def _shown(
    found: domain.Conversation, calls: list[domain.CallRow], rejoin_s: float, way: GiveWay
) -> shapes.ConversationDetailOut:
    listed = [shapes.call(c, rejoin_s=rejoin_s) for c in giving_way(calls, way)]
    return shapes.ConversationDetailOut(**shapes.conversation(found), call_list=listed)


def _is_long(page: list[domain.Message]) -> bool:
    """Whether the store may have ended this page early."""
    return sum(len(message.content) for message in page) >= PAGE_BYTES_MAX // UTF8_BYTES_MAX


Items = list[tuple[domain.Message, bytes | None]]


def _from_whole_turn(page: Items) -> Items:
    first = next((n for n, (message, _) in enumerate(page) if message.role == "user"), 0)
    return page[first:]


def _turn(turn: Turn) -> shapes.Shown:
    """As `TurnOut`."""
    return {
        "id": turn.id,
        "user": shapes.message(turn.user) if turn.user else None,
        "assistant": [shapes.message(m) for m in turn.assistant],
        "tools": [msgspec.structs.asdict(tool) for tool in turn.tools],
        "delays_ms": turn.delays_ms(),
    }


def _key(text: str) -> str:
    return f"turn_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}"
