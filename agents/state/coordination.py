"""The managed way: what the agent hears and says is told to a StateManager too.

Only where several parts of a program share a room; the conversation is safe without it.
"""

import asyncio
import logging
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage

from agents.services.backend_client import BackendClient
from agents.state.manager import StateManager
from unbroken import UnbrokenError

log = logging.getLogger(__name__)

NOBODY = "unknown"  # who is in a room that nobody has joined yet


class Coordination:
    """Tells `manager` of one room, from `begin` to `end`, in the order in which things happen."""

    def __init__(self, manager: StateManager, room_name: str) -> None:
        self._manager = manager
        self._room_name = room_name
        self._said: asyncio.Queue[ChatMessage | None] = asyncio.Queue()
        self._telling: asyncio.Task[None] | None = None

    async def begin(self, session: AgentSession[Any], identities: list[str]) -> None:
        first, *others = identities or [NOBODY]
        await self._manager.create_conversation(self._room_name, first)
        for identity in others:
            await self._manager.add_participant(self._room_name, identity)
        session.on("conversation_item_added", self._added)
        self._telling = asyncio.create_task(self._tell(), name="coordination")

    async def end(self, backend: BackendClient | None) -> None:
        """Tell what is left, close the conversation, and keep its final form."""
        self._said.put_nowait(None)
        if self._telling:
            await self._telling
        try:
            await self._manager.finalize_conversation(self._room_name)
            conversation = await self._manager.get_conversation(self._room_name)
        except UnbrokenError:
            log.exception("conversation not finalized", extra={"room": self._room_name})
            return
        if backend:
            backend.save_conversation(self._room_name, conversation)

    def _added(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage):
            self._said.put_nowait(event.item)

    async def _tell(self) -> None:
        while message := await self._said.get():
            try:
                await self._manager.add_message(
                    self._room_name, message.role, message.text_content or "", {"id": message.id}
                )
            except UnbrokenError:
                log.exception("message not shared", extra={"room": self._room_name})
