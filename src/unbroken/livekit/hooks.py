"""AgentSession's events, written to the log."""

import asyncio
import logging
import weakref
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from weakref import ref

from livekit.agents import (
    Agent,
    AgentSession,
    AgentStateChangedEvent,
    AgentTask,
    CloseEvent,
    ConversationItemAddedEvent,
    SessionUsageUpdatedEvent,
    ToolExecutionUpdatedEvent,
    UserInputTranscribedEvent,
)

from unbroken.env import Env
from unbroken.live.live import Live
from unbroken.live.mirror import Mirror, Put
from unbroken.livekit import fragile
from unbroken.livekit.guard import guarded
from unbroken.livekit.pace import Allowance, Pace
from unbroken.livekit.speech.ignored import Ignored
from unbroken.livekit.speech.replies import Replies
from unbroken.livekit.speech.speech import InFlight
from unbroken.livekit.speech.voice import Fence, Voice
from unbroken.livekit.state import (
    arguments,
    attributes,
    cards,
    instructions,
    items,
    objects,
    options,
    tools,
    userdata,
)
from unbroken.livekit.state.claims import Claims
from unbroken.livekit.state.factories import AgentFactory, Unmade
from unbroken.livekit.state.fields import Owner
from unbroken.livekit.state.keys import Keys
from unbroken.livekit.state.lists import Lists
from unbroken.livekit.state.objects import Target
from unbroken.livekit.state.recorder import AGENTS_MAX, Recorders
from unbroken.livekit.tasks import Tasks
from unbroken.livekit.tool_ends import ToolEnds
from unbroken.log.entries import AgentEntered, Noted, ToolStarted, Usage
from unbroken.recovery import plan

log = logging.getLogger(__name__)

ASIDES_MAX = 8  # of one turn
LOOK_S = 0.5  # until what changed between two turns is in the log
BEATS_AT_ONCE, BEAT_US = 20, 10_000_000  # that write what changes while nobody speaks
BETWEEN_REST = 100  # of the beat's own reading, which is for nothing as long as nothing changes


class Hooks:
    """Watches one AgentSession for one live session. Made before `session.start`.
    Nothing is spoken but through `fence`; agents that `known` cannot make again are warned of."""

    def __init__(
        self,
        env: Env,
        live: Live,
        session: AgentSession[Any],
        known: Mapping[str, AgentFactory] = MappingProxyType({}),
        owners: Mapping[str, Owner] = MappingProxyType({}),
    ) -> None:
        self._replies = Replies(session)
        self.in_flight = InFlight(env, live.mark, self._replies)
        self.in_flight.aside_heard = self._aside_heard
        self._ignored = Ignored(session, self.in_flight)
        self._ends = ToolEnds(session)
        self.mirror = Mirror(live.session, items.CODEC)
        self._lists = Lists(live, session, self.mirror, self._put, self._living)
        self._live = live
        self._session = session
        self.fence = Fence(env, live)
        self._voice: Voice | None = None
        self._keys = Keys(live.session.agents)
        self._met: set[str] = set()  # by key, as the next one is
        self._silenced: set[str] = set()
        self._unmade = Unmade(known)
        self._agent: Agent | None = None
        self._scan_is_due = self._is_over = False
        self._usage: Any = None
        self._newest: list[ref[Agent]] = []  # the last current one first, held ones behind
        self.recorders = Recorders(live)
        self.claims = Claims(live, session, self._lists, self.recorders, owners)
        self._pace = Pace(env)  # of reading userdata and attributes
        self._between = Pace(env, BETWEEN_REST)  # at the beat
        self._beats = Allowance(env, at_once=BEATS_AT_ONCE, every_us=BEAT_US)
        self.tasks = Tasks(live, session, self)
        self._together = live.journal.together

    def attach(self, agent: Agent) -> None:
        """From here on everything reaches the log. `agent` is the one that starts."""
        self.meet(agent)
        self._agent = agent
        options.tell(self._session, self._look)
        self._beat()
        self._replies.attach()
        self._ignored.attach()
        on = self._session.on
        on("conversation_item_added", self._item_added)
        on("tool_execution_updated", self._tool_updated)
        on("user_input_transcribed", self._transcribed)
        on("session_usage_updated", self._used)
        on("close", self._closed)
        on("agent_state_changed", self._state_changed)
        for quiet in ("function_tools_executed", "agent_state_changed", "user_state_changed"):
            on(quiet, self._something_happened)

    @guarded
    def attach_audio(self) -> None:
        """The audio output exists only within `session.start`, just before anybody enters."""
        if self._voice or not (audio := self._session.output.audio):
            return
        voice = self._voice = Voice(self.fence, self.in_flight, audio, self.silenced)
        voice.on("playback_started", self.in_flight.playback_started)
        voice.on("playback_finished", self.in_flight.playback_finished)
        self._session.output.audio = voice

    async def played(self) -> None:
        """What was handed to the voice has been heard, or was cut."""
        if self._voice:
            await self._voice.wait_for_playout()

    @guarded
    def silenced(self) -> None:
        """What is being said may not be heard: it is cut, and what was not heard is not said."""
        if speech := self._session.current_speech:
            speech.interrupt(force=True)

    def meet(self, agent: Agent) -> None:
        """Give the agent its key, read along what it says, and record when it enters."""
        key = self.key_of(agent)
        older = [other for other in self._newest if (it := other()) is not None and it is not agent]
        self._newest = [ref(agent), *older][:AGENTS_MAX]
        if key in self._met:
            return
        self._met.add(key)
        self.in_flight.watch(agent, key)
        self._ignored.watch(agent)
        self._record_entry(agent, key)

    def key_of(self, agent: Agent) -> str:
        """The class's name; from the second instance of the class on with its number. What it was
        made with is in the log, too."""
        key = self._keys.of(agent)
        if key not in self._live.session.made:
            self._live.record(arguments.entry_of(agent, key, self._keys.of))
        return key

    def _living(self) -> dict[str, Agent]:
        found = (known() for known in self._newest)
        return {self._keys[agent]: agent for agent in found if agent is not None}

    def known_key(self, value: object) -> str | None:
        """The key of an agent that has one, and what stands for a card; of all else none."""
        if isinstance(value, Agent):
            return self._keys.get(value)
        return cards.name_of(value, self._live.session.tools)

    def name(self, agent: Agent, key: str) -> None:
        """The key that an agent made for a restored session had before."""
        self._keys.name(agent, key)

    def silence(self, agent: Agent) -> None:
        """The next `on_enter` of this agent was begun by an earlier holder, if the log says so.

        Where nobody has said a word since, it begins again: its caller was not greeted.
        """
        session = self._live.session
        key = self.key_of(agent)
        if key in session.begun and session.message_count:
            self._silenced.add(key)

    def _record_entry(self, agent: Agent, key: str) -> None:
        enter = agent.on_enter

        async def entered() -> None:
            self.attach_audio()
            is_silent = key in self._silenced
            self._silenced.discard(key)
            if not is_silent:
                with self._together():
                    self.look_at_state()
                    self._enter(agent, key, ran=True)
            await self.tasks.enter(agent, key, enter, is_silent=is_silent)

        agent.on_enter = entered  # type: ignore[method-assign]

    @guarded
    def _enter(self, agent: Agent, key: str, *, ran: bool) -> None:
        told, has = instructions.read(agent), tuple(tools.read(agent))
        self._live.record(AgentEntered(key, told, has, ran=ran))

    def _beat(self) -> None:
        """Settings of models change without a word, and so does what RPCs, timers and handlers of
        the application write. Ends with the session, or with these hooks."""
        if not self._is_over:
            self._look()
            beat = weakref.WeakMethod(self._beat)
            asyncio.get_running_loop().call_later(LOOK_S, lambda: (again := beat()) and again())

    @guarded
    def _look(self) -> None:
        if agent := self._agent:
            key = self._keys[agent]
            self.claims.scan_options({key: agent})
            is_recorded = self._lists.look(key, agent) and not self.claims.are_owed
            with self._together():  # what changed, and its digest
                if self._has_changed() or self._pace.is_owed or not is_recorded:
                    self._scan()

    def _has_changed(self) -> bool:
        """Record what userdata and attributes are at the beat: whether that is news."""
        is_watched = fragile.is_begun(self._session) and not fragile.is_closing(self._session)
        if not is_watched or not self.tasks.are_settled:
            return False
        if not self._beats.is_left:
            return False
        before = self._live.journal.appended
        self._between.run(self._scan_state)
        if is_news := self._live.journal.appended != before:
            self._beats.take()
        return is_news

    def scan(self) -> None:
        """Record every difference between the live objects and the log, all of it or none."""
        with self._together():
            self._scan()

    @guarded
    def _scan(self) -> None:
        self._scan_is_due = False
        current = self._session.current_agent
        if self.tasks.are_left_to_the_next(self._agent, current):
            return
        self.meet(current)
        seen = {self._keys[current]: current}
        if self._agent and self._agent is not current:
            seen[self._keys[self._agent]] = self._agent
            self._lists.scan(self._keys[self._agent], self._agent)  # its last words
            self._handed_over(self._agent, current)
            self.in_flight.mark()  # what is owed is another agent's
        elif self.tasks.are_settled:
            self._go_on_as(current)
        self._agent = current
        self._lists.scan(self._keys[current], current)
        self.claims.scan_options(seen)
        if self.tasks.are_settled:  # else they are not what they will be
            self._pace.run(self._scan_state, at_once=self._is_over)
            self.claims.record(seen, self._keys[current])

    def _handed_over(self, before: Agent, agent: Agent) -> None:
        key, session = self._keys[agent], self._live.session
        if session.agent != key:  # else its `on_enter` has said so
            goes_on = isinstance(before, AgentTask) or key in self._silenced
            self._enter(agent, key, ran=goes_on and key in session.begun)
        if not isinstance(agent, AgentTask):
            self._unmade.see(session.made[key])

    def _go_on_as(self, agent: Agent) -> None:
        """In place of a task that could not be gone into again."""
        key, session = self._keys[agent], self._live.session
        if session.agent not in (None, key):
            self._enter(agent, key, ran=key in session.begun)

    def _put(self, change: Put) -> None:
        put = change.put
        role = put.item.get("role") if change.is_new else None
        if role in ("user", "assistant"):
            placed = self._spoken(str(role))
            placed |= {"agent": put.agent, "is_last": put.is_last}
            self._live.report("livekit", put.item, after=put.after, **placed)
            self._live.journal.sync()
        else:
            self._live.record(put)

    def _spoken(self, role: str) -> dict[str, object]:
        """Who said it, or how much of it was heard."""
        if role == "user":
            self.in_flight.committed()
            return {"from_": self._speaker(), "skip_reply": self._ignored.take_skip()}
        heard_ms, generated = self.in_flight.played_ms, self.in_flight.generated
        self.in_flight.reply_ended()
        return {"heard_ms": heard_ms, "generated": generated}

    @guarded
    def _aside_heard(self, text: str) -> None:
        """Whoever calls a running tool again has to know that."""
        session = self._live.session
        if any(tool.status is None for tool in session.tools.values()):
            said = [*plan.asides_of(session), text][-ASIDES_MAX:]
            self._live.record(Noted(plan.ASIDES, {"turn": session.turn, "said": said}))

    def _speaker(self) -> str | None:
        try:
            linked = self._session.room_io.linked_participant
        except RuntimeError:  # started without a room
            return None
        return linked.identity if linked else None

    def look_at_state(self, *, at_once: bool = True) -> None:
        """Record what userdata and attributes are right now, unless they are not yet what they
        will be; without `at_once` only if that was not slow just now."""
        if self.tasks.are_settled:
            self._pace.run(self._scan_state, at_once=at_once)

    @guarded
    def _scan_state(self) -> None:
        names = userdata.names(self._session)
        found = objects.read_together(self._state(), self._name, names)
        for field, reading in found.items():
            self.recorders.record(field, reading)

    def _state(self) -> Iterator[Target]:
        """Agents that are found on the way are read, too."""
        yield from userdata.targets(self._session)
        for known in self._newest:
            if agent := known():
                key = self._keys[agent]
                if attributes.are_any(agent) or key in self._live.session.attributes:
                    yield attributes.target(key, agent)

    def _name(self, value: object) -> str | None:
        """What stands for an agent that another object holds; its attributes are kept, too."""
        if not isinstance(value, Agent):
            return self.known_key(value)
        if len(self._newest) < AGENTS_MAX and all(known() is not value for known in self._newest):
            self._newest.append(ref(value))
        return self.key_of(value)

    @guarded
    def _item_added(self, _event: ConversationItemAddedEvent) -> None:
        self.scan()

    @guarded
    def _something_happened(self, _event: object) -> None:
        """Items come right behind some events: look when the handler's caller is done."""
        if not self._scan_is_due:
            self._scan_is_due = True
            asyncio.get_running_loop().call_soon(self.scan)

    @guarded
    def _state_changed(self, event: AgentStateChangedEvent) -> None:
        if event.old_state == "speaking":
            self.in_flight.reply_ended()

    @guarded
    def _tool_updated(self, event: ToolExecutionUpdatedEvent) -> None:
        update = event.update
        with self._together():  # what a tool has changed, and that it is over
            if update.type == "tool_call_started":
                call = update.function_call
                self._ends.follow(call)
                self.look_at_state(at_once=False)
                self.tasks.begins(call.call_id)
                self._live.record(ToolStarted(call.call_id, call.name, call.arguments))
            elif update.type == "tool_call_ended" and not self.tasks.keep(update.call_id):
                self.look_at_state(at_once=self.tasks.has_place(update.call_id))
                self._live.record(self._ends.of(update))
        self._something_happened(event)

    @guarded
    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        if event.is_final and event.transcript and not self._ignored.are_new_ones:
            self.in_flight.transcribed(event.transcript)

    @guarded
    def _used(self, event: SessionUsageUpdatedEvent) -> None:
        self._usage = event.usage

    @guarded
    def _closed(self, _event: CloseEvent) -> None:
        self._is_over = True
        if agent := self._agent:
            self._lists.look(self._keys[agent], agent, is_whole=True)
        self.scan()
        self.record_usage()

    def record_usage(self) -> None:
        if self._usage is not None:
            usage = [model.model_dump(mode="json") for model in self._usage.model_usage]
            self._live.record(Usage({"model_usage": usage}))
            self._usage = None
