"""Conversations that were: shipped as a keeper does, or told in the place of the service."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from playwright.async_api import Page, Route

from unbroken.archive.http import RemoteArchive
from unbroken.testing.holders import Holder, item

BATCH = 500
ID = "01999999-9999-7999-8999-999999999999"
AT = "2026-01-31T12:00:00.123456Z"


async def long_call(archive: RemoteArchive, room: str, messages: int) -> Holder:
    """A call in which "line 0." to the last one were said in turn; its agent is still there."""
    holder = Holder(archive)
    await holder.take(room)
    for first in range(0, messages, BATCH):
        said = [line(n) for n in range(first, min(first + BATCH, messages))]
        assert (await holder.append(first + 1, *said)).outcome == "acked"
    return holder


def line(n: int) -> Any:
    role = "assistant" if n % 2 else "user"
    return item(f"i{n}", f"line {n}.", after=f"i{n - 1}" if n else None, role=role)


def conversation(**changed: Any) -> dict[str, Any]:
    made = {
        "id": ID,
        "title": "Hello.",
        "user_id": None,
        "created_at": AT,
        "last_at": AT,
        "calls": 1,
        "messages": 2,
        "live": False,
        "last_message": "Hello.",
    }
    return made | changed


def message(text: str, at: str = AT, **changed: Any) -> dict[str, Any]:
    made = {
        "id": text,
        "role": "user",
        "content": text,
        "created_at": at,
        "interrupted": False,
        "heard_ms": None,
        "speaker": None,
        "session_id": ID,
        "takeover": None,
    }
    return made | changed


def turn(text: str, at: str = AT, **changed: Any) -> dict[str, Any]:
    made = {"id": text, "user": message(text, at), "assistant": [], "tools": [], "delays_ms": {}}
    return made | changed


def call(number: int, **changed: Any) -> dict[str, Any]:
    session = {
        "id": ID,
        "role": "concierge",
        "agent_name": "concierge",
        "agent_identity": "agent-1",
        "phase": "ended",
        "term": 1,
        "last_seq": 9,
        "opened_at": AT,
        "cause": None,
        "end_reason": None,
        "degraded": None,
    }
    sessions = changed.pop("sessions", {})
    made = {
        "id": f"01999999-9999-7999-8999-{number:012}",
        "room_name": "room",
        "started_at": AT,
        "ended_at": None,
        "end_reason": None,
        "left_at": None,
        "kept_until": None,
        "sessions": [session | sessions],
    }
    return made | changed


async def answer_with(
    page: Page, found: dict[str, Any], *turns: dict[str, Any], terms: Sequence[dict[str, Any]] = ()
) -> str:
    """The page is told this in place of what the service has; its path."""
    path = f"/conversations/{found['id']}"
    sessions = [session for call in found["call_list"] for session in call["sessions"]]
    answers = {
        f"**/api/v1{path}": found,
        f"**/api/v1{path}/turns?**": {"turns": list(turns), "before": None},
        "**/api/v1/sessions/*": sessions[0] | {"terms": list(terms)} if sessions else {},
    }
    for pattern, answer in answers.items():
        await page.route(pattern, told(answer))
    return path


def told(answer: Any) -> Callable[[Route], Awaitable[None]]:
    return lambda route: route.fulfill(json=answer)
