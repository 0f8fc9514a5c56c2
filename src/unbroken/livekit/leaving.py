"""Why a job ends, as far as it can be told: what its successor and the watch go by."""

import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, CloseEvent, CloseReason, JobContext

from unbroken.livekit.guard import guarded
from unbroken.livekit.hanging_up import shut_down
from unbroken.log.cause import EMPTY, ENDED, ENTRYPOINT_FAILED, LEFT, PROVIDER_LOST, SERVER_SHUTDOWN
from unbroken.log.session import Session
from unbroken.people import is_person

log = logging.getLogger(__name__)

RAISED = "job crashed"  # LiveKit's reason for an exception in the entrypoint


class Leaving:
    """Watches what ends a call from outside, and lets the job end when its session is dead."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._is_provider_lost = self._is_server_gone = False

    def attach(self, session: AgentSession[Any]) -> None:
        session.on("close", self._closed)
        self._ctx.room.on("disconnected", self._disconnected)

    @guarded
    def _closed(self, event: CloseEvent) -> None:
        """LiveKit closes a session after four errors of a provider, or with `close_on_disconnect`
        when its person is gone, and leaves the agent in the room, deaf and mute: who stays or
        comes back needs another one."""
        if event.reason is CloseReason.ERROR:
            self._is_provider_lost = True
            log.error("session closed by a provider's errors: %s", event.error)
            shut_down(self._ctx, "a provider is lost")
        elif event.reason is CloseReason.PARTICIPANT_DISCONNECTED:
            shut_down(self._ctx, "the person is gone")

    @guarded
    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self._is_server_gone = reason == rtc.DisconnectReason.SERVER_SHUTDOWN

    def cause(self, session: Session, reason: str) -> str:
        """`reason` is LiveKit's, of the job's shutdown."""
        if session.ended is not None:
            return ENDED
        if self._is_server_gone:
            return SERVER_SHUTDOWN  # nobody was seen to leave: the connection was gone
        if not any(p.is_here for p in session.participants.values() if is_person(p.kind)):
            return EMPTY
        if self._is_provider_lost:
            return PROVIDER_LOST
        return ENTRYPOINT_FAILED if reason == RAISED else LEFT
