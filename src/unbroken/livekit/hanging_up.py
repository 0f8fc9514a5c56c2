"""Hanging up: what an application does to end its call, noted in the moment in which it does so.

A process may die in the millisecond behind it, and nobody must come back to a call that was
ended. LiveKit's own ends are told apart by who asked first: a worker that is drained, an
entrypoint that failed or a connection that was lost end the job, not the call, even where the
application's clean-up then shuts down or deletes what is there.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from livekit import rtc
from livekit.agents import AgentSession, JobContext, ToolExecutionUpdatedEvent
from livekit.agents.beta import EndCallTool

from unbroken.live.live import Live
from unbroken.livekit.guard import guarded, is_called_off
from unbroken.log.cause import ENDING
from unbroken.log.entries import Noted

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

SHUT_DOWN = "session shut down"  # why an agent hung up


class Ours(str):
    """A reason of our own to end a job: no hang-up."""

    __slots__ = ()


class HangingUp:
    """Watches one job and its session."""

    def __init__(
        self, ctx: JobContext, live: Live, outlive: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """`outlive` ends the session where its job goes on without it."""
        self._ctx, self._live, self._outlive = ctx, live, outlive
        self._asked: set[str] = set()  # the application's reasons for `ctx.shutdown`
        self._is_sure = self._is_closed = self._is_shut_down = False
        self._outliving: asyncio.Task[None] | None = None
        self._tool: str | None = None  # the call of EndCallTool that is under way

    def attach(self, session: AgentSession[Any]) -> None:
        self._session = session
        ctx = self._ctx
        ctx.shutdown = self._noting(ctx.shutdown, self._shut_down)  # type: ignore[method-assign]
        ctx.delete_room = self._noting(ctx.delete_room, self._delete)  # type: ignore[method-assign]
        session.shutdown = self._noting(session.shutdown, self._close)  # type: ignore[method-assign]
        session.on("close", self._closed)
        session.on("tool_execution_updated", self._tool_updated)
        ctx.room.on("disconnected", self._disconnected)

    def end(self, reason: str) -> None:
        """The application says that its call is over."""
        self._note(reason, is_sure=True)

    def settle(self, reason: str) -> str | None:
        """Why the application hung up; None if it did not. `reason` is LiveKit's, of the job's
        end: it names who asked first."""
        ending = self._live.session.notes.get(ENDING)
        if ending is None:
            return None
        if self._is_sure or reason in self._asked:
            return str(ending)
        self._take_back()
        return None

    def _noting(self, act: Callable[P, T], note: Callable[..., None]) -> Callable[P, T]:
        @functools.wraps(act)
        def noted(*args: P.args, **kwargs: P.kwargs) -> T:
            if not is_called_off():  # a cancelled task puts away what it had; it does not decide
                note(*args, **kwargs)
            return act(*args, **kwargs)

        return noted

    @guarded
    def _shut_down(self, reason: str = "user requested") -> None:
        if not isinstance(reason, Ours):
            self._asked.add(reason or "user requested")
            self._note(reason or "user requested", is_sure=False)

    @guarded
    def _delete(self, room_name: str | None = None) -> None:
        if room_name in (None, self._live.room):
            self._note("room deleted", is_sure=not self._is_closed)

    @guarded
    def _close(self, **_how: Any) -> None:
        self._is_shut_down = not self._is_closed
        self._note(SHUT_DOWN, is_sure=not self._is_closed)

    @guarded
    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        if reason == rtc.DisconnectReason.ROOM_DELETED:
            self._note("room deleted", is_sure=True)

    @guarded
    def _closed(self, _event: object) -> None:
        self._is_closed = True
        if self._is_shut_down:
            self._outliving = asyncio.create_task(self._outlive(), name="unbroken outlive")

    @guarded
    def _tool_updated(self, event: ToolExecutionUpdatedEvent) -> None:
        """Once it runs, nothing keeps LiveKit's tool from ending the call."""
        update = event.update
        if update.type == "tool_call_started" and self._ends_calls(update.function_call.name):
            self._tool = update.function_call.call_id
            self._note(f"tool {update.function_call.name}", is_sure=False)
        elif update.type == "tool_call_ended" and update.call_id == self._tool:
            self._tool = None
            if update.status == "done":
                self._is_sure = True
            elif not (self._is_sure or self._asked):
                self._take_back()

    def _ends_calls(self, name: str) -> bool:
        tools = (*self._session.current_agent.tools, *self._session.tools)
        ending = (tool for tool in tools if isinstance(tool, EndCallTool))
        return any(one.id == name for toolset in ending for one in toolset.tools)

    def _note(self, reason: str, *, is_sure: bool) -> None:
        """The first reason stands."""
        self._is_sure = self._is_sure or is_sure
        if self._live.session.notes.get(ENDING) is None:
            self._live.ack.hang_up(self._live.record(Noted(ENDING, reason)))
            self._live.journal.sync()

    def _take_back(self) -> None:
        self._live.ack.take_back(self._live.record(Noted(ENDING, None)))


def shut_down(ctx: JobContext, reason: str) -> bool:
    """Ask LiveKit to end the job, which is no hang-up. False if it would not."""
    try:
        ctx.shutdown(Ours(reason))
    except Exception:
        log.exception("the job would not shut down")
        return False
    return True
