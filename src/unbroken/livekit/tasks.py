"""The AgentTasks of one session: recorded while they are awaited, and gone into again.

Theory of operation
-------------------
A task is awaited by Python code: a tool's, or an agent's `on_enter`. No process can continue the
frame of another one, but it can run the same code again. It begins as it did, says nothing, and
each `await` of a task that had finished gives its recorded result at once. The task that was
running gets its context and attributes back and is entered, silently if anybody had said a word
in it; from there on all is LiveKit's: what it comes to goes to the code that awaits it.

A tool is run by LiveKit itself: its agent's model gives out the recorded call.
"""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

from livekit.agents import Agent, AgentSession, AgentTask, SpeechCreatedEvent, StopResponse
from livekit.agents.llm import FunctionCall
from livekit.agents.voice import SpeechHandle

from unbroken.live.live import Live
from unbroken.livekit import fragile, livekits_own
from unbroken.livekit.entering import Entering
from unbroken.livekit.fragile import Await
from unbroken.livekit.guard import guarded
from unbroken.livekit.rerun import (
    WHILE_RUN,
    AgentKeys,
    Back,
    Quiet,
    Rerun,
    SpokenAgain,
    call_again,
    merge,
    misfit,
    rerun_of,
)
from unbroken.livekit.saying import by_voice_or_model
from unbroken.livekit.state import cards, outcome
from unbroken.livekit.state.outcome import OutcomeLost
from unbroken.log.awaiting import ON_ENTER, AwaitingPlace, PlaceId, Task
from unbroken.log.entries import AwaitingEnded, TaskEnded, TaskStarted
from unbroken.log.tool import Tool
from unbroken.recovery.again import Again, began_at, name_of
from unbroken.typed import Refer

log = logging.getLogger(__name__)

SETTLE_S = 5.0  # what is run again may take longer; what comes next does not wait for it
LOST = "Sorry, I was cut off, and lost my place. Let us take that again."

OnEnter = Callable[[], Awaitable[None]]


class TaskDiffers(StopResponse):
    """Ends code that is run again and does not await what it had awaited: nobody answers it."""


_by_session: WeakKeyDictionary[AgentSession[Any], "ref[Tasks]"] = WeakKeyDictionary()


def of(session: AgentSession[Any]) -> "Tasks | None":
    """Those of a session that hooks watch; nothing here keeps a session alive."""
    known = _by_session.get(session)
    return known() if known else None


class Tasks:
    """Watches the tasks of one session. `lost` says of those that could not be gone into why."""

    def __init__(self, live: Live, session: AgentSession[Any], keys: AgentKeys) -> None:
        self.lost: dict[str, str] = {}
        self._live = live
        self._together = live.journal.together
        self._session = session
        self._keys = keys
        self._context = contextvars.copy_context()  # of no tool and no on_enter
        self._again = Again(root=None)
        self._back: Back | None = None
        self._reruns: dict[PlaceId, Rerun] = {}
        self._quiet: Quiet | None = None
        self._to_enter: str | None = None  # the task that was running
        self._running: list[str] = []  # by key, the tasks that were awaited when a holder was lost
        self._settled = asyncio.Event()
        self._settled.set()
        self._is_cut = False
        self._speech: SpeechHandle | None = None  # the newest
        session.on("speech_created", self._speaks)
        _by_session[session] = ref(self)
        fragile.watch_tasks(session, self)

    @property
    def are_settled(self) -> bool:
        """Whether what is run again has come as far as it was."""
        return self._settled.is_set()

    # Recording.

    async def awaited(
        self, task: AgentTask[Any], by: Await, enter: Callable[[], Awaitable[Any]]
    ) -> Any:
        """In place of LiveKit's own `await task`."""
        place = self._keys.key_of(by.agent), by.place
        rerun = self._reruns.get(place)
        if rerun is None or rerun.has_arrived or not rerun.place.tasks:
            if rerun:
                rerun.go_on()
            self._started(task, place, by.call)
            return await self._entered(task, enter)
        known = rerun.next()
        self._undo(known.ended_at)
        if by.call and rerun.place.called_at:
            by.call.created_at = rerun.place.called_at  # its place in history is by time
        if type(task).__name__ != known.kind:
            self._lose(rerun, f"this version awaits {type(task).__name__}, not {known.kind}")
            raise TaskDiffers
        if known.status is None:
            await self._go_into(task, known)
            return await self._entered(task, enter)
        return await self._given(task, known, by, rerun)

    async def _entered(self, task: AgentTask[Any], enter: Callable[[], Awaitable[Any]]) -> Any:
        """What the code sees although the task came to nothing, a timeout of its own, counts."""
        try:
            return await enter()
        except asyncio.CancelledError:
            if not task.done():
                self._ended(task, TimeoutError())
            raise

    @guarded
    def _started(self, task: AgentTask[Any], place: PlaceId, call: FunctionCall | None) -> None:
        if fragile.is_closing(self._session):
            return  # for the next holder the one before goes on
        with self._together():
            self._keys.look_at_state()
            key, called_at = self._keys.key_of(task), call.created_at if call else None
            self._live.record(TaskStarted(key, type(task).__name__, *place, called_at))
        fragile.when_task_is_done(task, lambda came_to: self._ended(task, came_to))

    @guarded
    def _ended(self, task: AgentTask[Any], came_to: object) -> None:
        if fragile.is_closing(self._session):
            return  # it did not end: the next holder goes on in it
        with self._together():
            self._keys.look_at_state()
            value = outcome.written(came_to, self._name)
            self._live.record(TaskEnded(self._keys.key_of(task), outcome.status_of(came_to), value))

    def _name(self, value: object) -> str | None:
        if isinstance(value, Agent):
            return self._keys.key_of(value)
        return self._keys.known_key(value)

    async def enter(self, agent: Agent, key: str, on_enter: OnEnter, *, is_silent: bool) -> None:
        """In place of an agent's `on_enter`."""
        place = key, ON_ENTER
        if key == self._to_enter:
            self._to_enter = None
        self._call_again(agent, key)
        self._check()
        try:
            if rerun := self._reruns.get(place):
                own = partial(self._followed, key, on_enter, rerun.over)
                await self._on_enter_again(agent, rerun, own)
            elif not is_silent:
                await self._followed(key, on_enter)
            elif self._quiet and livekits_own.is_one(agent):  # it listens again
                await livekits_own.enter_again(agent, on_enter)
        finally:  # also one that failed
            is_over = isinstance(agent, AgentTask) and agent.done()  # and with it what it awaits
            if place in self._live.session.awaiting.places and not is_over:
                self._end_when_heard(place)

    def _end_when_heard(self, place: PlaceId) -> None:
        """What an `on_enter` says at its end is said again if nobody heard it."""
        if self._speech and not self._speech.done():
            self._speech.add_done_callback(lambda _: self._end(place))
        else:
            self._end(place)

    @guarded
    def _end(self, place: PlaceId) -> None:
        if not fragile.is_closing(self._session):
            with self._together():
                self._keys.look_at_state()
                self._live.record(AwaitingEnded(*place))

    @guarded
    def _speaks(self, event: SpeechCreatedEvent) -> None:
        self._speech = event.speech_handle

    # Closing: LiveKit cancels the tasks, and each place goes on with an error. For the next
    # holder nothing of that has happened.

    def are_left_to_the_next(self, known: Agent | None, current: Agent) -> bool:
        """Whether a task has handed back only because the session is closing."""
        if isinstance(known, AgentTask) and current is not known:
            self._is_cut = self._is_cut or fragile.is_closing(self._session)
        return self._is_cut

    def keep(self, call_id: str) -> bool:
        """A tool has ended: whether its place is kept for the next holder."""
        self._tool_ended(call_id)
        return self.has_place(call_id) and fragile.is_closing(self._session)

    def has_place(self, call_id: str) -> bool:
        """Whether a call awaits tasks, or has awaited some."""
        places = self._live.session.awaiting.places.values()
        return any(place.name == call_id for place in places)

    # Going on in a restored session.

    def go_on(self, again: Again, back: Back) -> None:
        """Run these places again as soon as their agents enter."""
        self._again, self._back, self._running = again, back, self._awaited_now()
        for lost in again.lost:
            self._tell_lost(lost.place, lost.why)
        self._reruns = {place.id: rerun_of(place, self._live.session) for place in again.places}
        if self._reruns:
            self._to_enter = again.task.key if again.task else None
            self._settled.clear()
            self._quiet = Quiet(self._session)

    def give_up(self, again: Again, back: Back, why: str) -> None:
        """Run nothing again."""
        self._back, self._running = back, self._awaited_now()
        for place in (*again.places, *(lost.place for lost in again.lost)):
            self._tell_lost(place, why)

    async def settled(self) -> None:
        """Wait until what is run again has come as far as it was, SETTLE_S at most. Says one line
        if not all of it is, unless the person is asked about it anyway."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._settled.wait()
        except TimeoutError:
            log.warning("what is run again takes long", extra={"places": list(self._reruns)})
            self._settled.set()
        if self.lost:
            self._end_holding()
        is_told = bool(self.lost) and not any(lost.asks for lost in self._again.lost)
        if self._back:
            self._back.tasks_settled(self.lost, is_told=is_told)
        if is_told:
            self._say_lost()

    def _awaited_now(self) -> list[str]:
        places = self._live.session.awaiting.places.values()
        return [place.running.key for place in places if place.running]

    @guarded
    def _end_holding(self) -> None:
        """A transfer that is not gone into had kept the caller from hearing and being heard."""
        entered = {self._keys.key_of(agent) for agent in fragile.started_agents(self._session)}
        for key in self._running:
            if key not in entered and (held := self._live.session.attributes.get(key)):
                fragile.end_holding(self._session, held.value)

    def begins(self, call_id: str) -> None:
        """A tool is about to run; one that is run again finds what it had found."""
        for rerun in [r for r in self._reruns.values() if r.place.name == call_id]:
            self._undo(began_at(self._live.session, rerun.place))

    @guarded
    def _undo(self, at: int | None = None) -> None:
        """What code that is run again changes was changed before: userdata and attributes are as
        they were when it was there, or are now."""
        if self._back and not self.are_settled:
            self._back.put_back_state(self._session, at)

    @guarded
    def _say_lost(self) -> None:
        by_voice_or_model(self._session.say, self._session.generate_reply, LOST)

    async def _go_into(self, task: AgentTask[Any], known: Task) -> None:
        """The task that was running."""
        await self._put_back(task, known)
        is_current = self._again.task is not None and known.key == self._again.task.key
        if not (is_current and self._again.is_fresh):
            self._keys.silence(task)
        fragile.when_task_is_done(task, lambda came_to: self._ended(task, came_to))

    async def _given(self, task: AgentTask[Any], known: Task, by: Await, rerun: Rerun) -> Any:
        """What the task had come to. It may not have handed back yet: then its words go into the
        context of the agent that awaits it, as LiveKit would have put them there."""
        try:
            came_to = outcome.read(known.value, task, self._refer)
        except OutcomeLost as error:
            self._lose(rerun, str(error))
            raise TaskDiffers from error
        await self._put_back(task, known)
        fragile.complete_task(task, came_to)
        if known.key == self._again.agent:  # it had not handed back
            await merge(by.agent, task)
        self._check()
        if isinstance(came_to, BaseException):
            raise came_to
        return came_to

    async def _put_back(self, task: AgentTask[Any], known: Task) -> None:
        self._keys.name(task, known.key)
        if self._back:
            await self._back.put_back_agent(known.key, task)

    @property
    def _refer(self) -> Refer:
        return cards.refer(self._live.session.tools, self._agent)

    def _agent(self, key: str, _old: object) -> Agent:
        if self._back is None:
            raise KeyError(key)
        return self._back.agent(key)

    async def _on_enter_again(self, agent: Agent, rerun: Rerun, on_enter: OnEnter) -> None:
        if isinstance(rerun, SpokenAgain):
            rerun.arrived = partial(self._spoke_again, rerun)
        self._undo(began_at(self._live.session, rerun.place))
        token = WHILE_RUN.set((rerun,))
        try:
            await on_enter()
        except TaskDiffers as error:
            if isinstance(agent, AgentTask) and not agent.done():
                agent.complete(error)  # it was nothing but this code
        finally:
            WHILE_RUN.reset(token)
            self._came_to_its_end(rerun)

    def _spoke_again(self, rerun: SpokenAgain) -> None:
        self._undo(rerun.at)
        self._check()

    def _followed(self, key: str, on_enter: OnEnter, over: int = 0) -> Awaitable[None]:
        look = self._keys.look_at_state
        return Entering(self._live, self._session, key, over, look).follow(on_enter)

    @guarded
    def _call_again(self, agent: Agent, key: str) -> None:
        """Run the tools again that this agent had under way."""
        tools = self._live.session.tools
        open_ = [r for r in self._reruns.values() if r.place.agent == key and not r.has_arrived]
        calls = [(r, tools[r.place.name]) for r in open_ if r.place.name in tools]
        fitting = [(r, tool) for r, tool in calls if self._fits(r, agent, tool)]
        if fitting and self._quiet:
            reruns, of = zip(*fitting, strict=True)
            run = self._context.copy().run
            speech = run(call_again, self._session, self._quiet, agent, reruns, of)
            for rerun in reruns:
                speech.add_done_callback(lambda _, rerun=rerun: self._came_to_its_end(rerun))

    def _fits(self, rerun: Rerun, agent: Agent, tool: Tool) -> bool:
        if why := misfit(self._session, agent, tool):
            self._lose(rerun, why)
        return why is None

    def _tool_ended(self, call_id: str) -> None:
        for rerun in [r for r in self._reruns.values() if r.place.name == call_id]:
            self._came_to_its_end(rerun)

    def _came_to_its_end(self, rerun: Rerun) -> None:
        """Without awaiting all that it had awaited: this version does without."""
        if not rerun.has_arrived:
            log.warning("awaits no more: %s", rerun.place.id)
            rerun.go_on()
            self._undo()
        self._check()

    def _lose(self, rerun: Rerun, why: str) -> None:
        """Not run again: its agent goes on without."""
        self._tell_lost(rerun.place, why)
        rerun.go_on()
        open_ = self._live.session.awaiting.places
        for place_id in [p for p in self._reruns if p not in open_]:
            self._reruns.pop(place_id).go_on()
        self._undo()
        self._check()

    @guarded
    def _tell_lost(self, place: AwaitingPlace, why: str) -> None:
        self.lost[name_of(self._live.session, place)] = why
        log.warning("not gone into again: %s", why, extra={"place": place.id})
        self._live.record(AwaitingEnded(*place.id))

    def _check(self) -> None:
        """Whether all has come as far as it was."""
        if all(rerun.has_arrived for rerun in self._reruns.values()) and (
            self.lost or not self._to_enter
        ):
            self._settled.set()
