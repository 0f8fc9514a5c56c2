"""The assistant that answers: greets, listens, notes, and hands bookings over.

State is native: attributes that are read without I/O. They are live views of the
`Call`, which keeps them in the journal; nothing here saves anything turn by turn.
"""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from livekit.agents import Agent, AgentSession, JobContext, RunContext, function_tool
from livekit.agents.llm import ChatContext, ChatItem, ChatMessage

from agents.core.bookings import Bookings
from agents.core.order import Order
from agents.core.room_context import RoomContext, read_room
from agents.persona import GREETING, INSTRUCTIONS
from agents.services.backend_client import BackendClient, LLMMessage
from agents.state.coordination import Coordination
from agents.state.manager import StateManager
from agents.tools.caller import call_by_name, tell_booked, tell_name
from agents.tools.notes import keep_note, read_notes
from agents.tools.table import understand
from unbroken import NotFound, Participant, UnbrokenError
from unbroken.livekit import AgentFactories, Call, History, Restored, durable

log = logging.getLogger(__name__)

RECENT_MAX = 10  # earlier messages that a new call begins with


class VoiceAssistantAgent(Agent):
    """One per job. Give it a `state_manager` only where several agents share a room."""

    def __init__(
        self,
        ctx: JobContext,
        backend_client: BackendClient | None = None,
        state_manager: StateManager | None = None,
        *,
        instructions: str = INSTRUCTIONS,
    ) -> None:
        super().__init__(
            instructions=instructions,
            tools=[keep_note, read_notes, call_by_name, tell_name, tell_booked],
        )
        self.ctx = ctx
        self.backend_client = backend_client
        self.state_manager = state_manager
        self.room_context = RoomContext()
        self.recent: list[LLMMessage] = []  # of this conversation, from before this call
        self.unread: str | None = None  # why `recent` could not be read; None: it was
        self._before_start: list[LLMMessage] = []
        self._made_at = datetime.now(UTC)
        self._made_s = time.monotonic()
        self._earlier_s = 0.0  # how long the call had lasted when this process took it
        self._call: Call[Order] | None = None
        self._coordination: Coordination | None = None
        self._is_cleaned_up = False

    # Its state.

    @property
    def conversation_history(self) -> History | list[LLMMessage]:
        """What was said, oldest first; `append` is safe at once."""
        return self._call.conversation_history if self._call else self._before_start

    @property
    def participant_states(self) -> Mapping[str, Participant]:
        """By identity; those who left stay, with `is_here` False."""
        return self._call.participant_states if self._call else {}

    @property
    def session_start(self) -> datetime:
        return self._call.session_start if self._call else self._made_at

    @property
    def message_count(self) -> int:
        return self._call.message_count if self._call else len(self._before_start)

    @property
    def conversation_id(self) -> str | None:
        """None until the room names one or the call is started."""
        return self._call.conversation_id if self._call else self.room_context.conversation_id

    # Its life.

    async def start(self, session: AgentSession[Order], **options: Any) -> Call[Order]:
        """Start `session` durably with this agent, then read what is known of the room.

        Raises CallTaken if another agent has this call.
        """
        call = await durable(self.ctx, agents=AGENTS).start(session, agent=self, **options)
        await self.attach(call)
        return call

    async def attach(self, call: Call[Order]) -> None:
        """From here on the attributes are views of `call`."""
        self._call = call
        self._earlier_s = max(0.0, (self._made_at - call.session_start).total_seconds())
        for message in self._before_start:
            call.conversation_history.append(message)
        self._before_start.clear()
        if self.state_manager:
            self._coordination = Coordination(self.state_manager, self.ctx.room.name)
            await self._coordination.begin(self.session, list(self.ctx.room.remote_participants))
        await self._load_room_context()

    async def _load_room_context(self) -> None:
        """Read the room's and its people's metadata and, in a new call, what was said before it.

        Hostile metadata is ignored. A failed read leaves `unread` set: the caller is then not
        treated as somebody new.
        """
        self.room_context = read_room(self.ctx.room)
        if self.backend_client and self.conversation_id and self._is_first_holder():
            await self._load_recent(self.backend_client, self.conversation_id)

    def _is_first_holder(self) -> bool:
        return self._call is None or self._call.is_new

    async def _load_recent(self, backend: BackendClient, conversation_id: str) -> None:
        self.unread = None
        try:
            found = await backend.get_recent_messages(conversation_id, limit=RECENT_MAX)
        except NotFound:
            found = []  # an answer: nobody has said anything in it yet
        except UnbrokenError as error:
            self._not_read(error)
            return
        now = {message.id for message in self.conversation_history}
        self.recent = [message for message in found if message.id not in now]
        await self._remember(self.recent)

    def _not_read(self, error: UnbrokenError) -> None:
        self.unread = error.code
        log.error("earlier messages not read", extra={"code": error.code}, exc_info=error)
        if self._call:
            self._call.note("unread", {"what": "recent messages", "code": error.code})

    async def _remember(self, earlier: list[LLMMessage]) -> None:
        """Put what was said in earlier calls in front of this agent's own context."""
        if not earlier:
            return
        system = [item for item in self.chat_ctx.items if _is_instruction(item)]
        rest = [item for item in self.chat_ctx.items if not _is_instruction(item)]
        told = [_chat_message(message) for message in earlier]
        await self.update_chat_ctx(ChatContext([*system, *told, *rest]))

    async def on_enter(self) -> None:
        """Greet a new caller; know what was said while another agent had the call."""
        if any(item.type == "message" for item in self.session.history.items):
            await self._catch_up()
        else:
            self.session.say(GREETING)

    async def _catch_up(self) -> None:
        """The last words of the agent before are spoken after it has handed over."""
        said = self.session.history.copy(
            exclude_function_call=True,
            exclude_instructions=True,
            exclude_handoff=True,
            exclude_config_update=True,
        )
        known = self.chat_ctx.copy()
        known.merge(said)
        if len(known.items) > len(self.chat_ctx.items):
            await self.update_chat_ctx(known)

    async def cleanup(self) -> None:
        """Save the session's summary, once. Call it while the job still has its call."""
        if self._is_cleaned_up:
            return
        self._is_cleaned_up = True
        if self._coordination:
            await self._coordination.end(self.backend_client)
        if self.backend_client:
            self.backend_client.save_session(self.session_data())

    def session_data(self) -> dict[str, Any]:
        """What `save_session` gets. `duration` is in seconds, by a clock that does not step."""
        elapsed_s = time.monotonic() - self._made_s
        return {
            "room_name": self.ctx.room.name,
            "messages": self.conversation_history,
            "participants": self.participant_states,
            "duration": self._earlier_s + elapsed_s,
        }

    # What it does besides talking.

    @function_tool
    async def book_table(self, context: RunContext[Order], request: str) -> Agent | str:
        """Book or reserve a table, make a booking or reservation.

        Args:
            request: For which day, time and how many people, in the caller's own words.
        """
        if problem := understand(context.userdata, request):
            return problem
        return Bookings(self, chat_ctx=_said(self.chat_ctx))


def _bookings(restored: Restored) -> Agent:
    return Bookings(restored.agent(VoiceAssistantAgent.__name__))


# Who may have the call when it is restored, besides the first agent.
AGENTS: AgentFactories = {Bookings.__name__: _bookings}


def _said(context: ChatContext) -> ChatContext:
    return context.copy(exclude_instructions=True, exclude_function_call=True)


def _chat_message(message: LLMMessage) -> ChatMessage:
    """With an id of its own: in this call it is no item of the history."""
    return ChatMessage(
        role="assistant" if message.role == "assistant" else "user",
        content=[message.content],
        interrupted=message.interrupted,
        created_at=message.created_at or 0.0,
    )


def _is_instruction(item: ChatItem) -> bool:
    return item.type == "message" and item.role in ("system", "developer")
