"""The usual native state, a stand-in written as its users write it: lists and dicts of the agent,
and a save to the backend in a task that nobody awaits."""

import asyncio
import logging
import ssl
from typing import Any, Self

import httpx

SAVE_S = 5.0
TRUSTED = ssl.create_default_context()  # made once: it takes longer than all else here
log = logging.getLogger(__name__)


class HttpBackend:
    """A client of `backend`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, timeout=SAVE_S, trust_env=False, verify=TRUSTED
        )

    async def __aenter__(self) -> Self:
        await self._http.get("/health")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def save_conversation_turn(
        self, room_name: str, participant_identity: str, user_message: str, assistant_message: str
    ) -> None:
        turn = {
            "room_name": room_name,
            "participant_identity": participant_identity,
            "user_message": user_message,
            "assistant_message": assistant_message,
        }
        answer = await self._http.post("/api/v1/conversations/save-turn", json=turn)
        answer.raise_for_status()


class NativeAgent:
    """State as plain attributes. Keeps its tasks, so that none is collected before its end."""

    def __init__(self, room_name: str, backend: HttpBackend | None) -> None:
        self.room_name = room_name
        self.conversation_history: list[dict[str, Any]] = []
        self.user_context: dict[str, Any] = {}
        self._backend = backend
        self._saving: set[asyncio.Task[None]] = set()

    def add_message(self, role: str, content: str) -> None:
        self.conversation_history.append({"role": role, "content": content})

    def save_turn(self, question: str, answer: str) -> None:
        """Returns at once."""
        task = asyncio.create_task(self._save(question, answer))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save(self, question: str, answer: str) -> None:
        if self._backend is None:
            return
        try:
            await self._backend.save_conversation_turn(self.room_name, "caller", question, answer)
        except httpx.HTTPError as error:
            log.warning("the turn was not saved: %s", error)
