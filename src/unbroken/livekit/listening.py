"""Whom the agent listens to, as the log has it and as the next holder's session has it again.

It is the caller: whom LiveKit linked first, or whom the application named. While the caller is
away another one of the call may stand in, who is listened to until the caller is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import room_io

from unbroken.live.live import Live
from unbroken.livekit import fragile
from unbroken.livekit import room as rooms
from unbroken.livekit.callers import Callers
from unbroken.livekit.guard import guarded, words_of
from unbroken.livekit.restore.restore import Restored
from unbroken.log.entries import ListenedTo

log = logging.getLogger(__name__)

FIELD = "listening to"
NOBODY = ListenedTo(None)


class Listening:
    """For one session in a room, and the options that it is about to start with: these then name
    whom the last holder listened to. Whom the application names there counts more than whom LiveKit
    had chosen."""

    def __init__(
        self,
        live: Live,
        session: AgentSession[Any],
        room: rtc.Room,
        callers: Callers,
        options: room_io.RoomOptions,
    ) -> None:
        self._live, self._session, self._room, self._callers = live, session, room, callers
        self._before = live.session.listened_to or NOBODY
        self._kinds = options.participant_kinds or ()
        self._is_named = bool(options.participant_identity)  # by the application, at the start
        if self._before.is_named or not self._is_named:
            options.participant_identity = self._wanted() or options.participant_identity
        self._set: Callable[[str | None], None] = lambda _identity: None
        self._unset: Callable[[], None] = lambda: None

    def attach(self) -> None:
        """From here on it is in the log. Call it when the session has started."""
        try:
            linking = self._session.room_io
        except RuntimeError:  # started without a room
            return
        self._set, self._unset = linking.set_participant, linking.unset_participant
        linking.set_participant = self._told  # type: ignore[method-assign,assignment]
        linking.unset_participant = self._let_go  # type: ignore[method-assign]
        self._stay_away()
        self._look()
        self._welcome_new_ones()
        self._room.on("participant_connected", self._joined)
        self._room.on("participant_disconnected", self._left)

    def judge(self, restored: Restored) -> None:
        """Whether the agent listens as the last holder did. Never raises: where nobody can tell,
        that is said."""
        try:
            now, wanted = fragile.awaited(self._session), self._wanted()
        except RuntimeError:  # started without a room
            return
        except Exception as error:
            log.exception("it is not known whom the agent listens to")
            restored.judge(FIELD, f"cannot be read: {words_of(error)}")
            return
        if wanted or self._has_let_go:
            is_it = now == wanted if wanted else now not in self._callers.were_here
            restored.judge(FIELD, None if is_it else f"it listens to {now or 'whoever comes'}")

    def _wanted(self) -> str | None:
        """The caller; who stood in, while only that one is in the room."""
        both, here = (self._before.identity, self._before.stand_in), self._room.remote_participants
        return next((one for one in both if one in here), self._before.identity)

    @property
    def _now(self) -> ListenedTo:
        return self._live.session.listened_to or NOBODY

    @property
    def _has_let_go(self) -> bool:
        """Of whom it listened to: it waits for whoever comes next."""
        return self._live.session.listened_to == NOBODY and not self._is_named

    def _told(self, identity: str | None) -> None:
        """Somebody switches: the application, or LiveKit itself to whom it has just linked."""
        linked = self._session.room_io.linked_participant
        is_named = linked is None or linked.identity != identity
        self._set(identity)
        if is_named:
            self._record(ListenedTo(identity, is_named=identity is not None))
        else:
            self._stay_away()
            self._look()

    def _let_go(self) -> None:
        """The application wants to hear none of those who are there."""
        self._unset()
        self._record(NOBODY)

    def _stay_away(self) -> None:
        """LiveKit links whomever it sees first, also whom the application had let go."""
        linked = self._session.room_io.linked_participant
        if linked and self._has_let_go and linked.identity in self._callers.were_here:
            self._unset()

    @guarded
    def _look(self) -> None:
        """Whom LiveKit chose."""
        identity = fragile.awaited(self._session)
        if identity and identity not in (self._now.identity, self._now.stand_in):
            self._record(ListenedTo(identity))

    def _record(self, now: ListenedTo) -> None:
        if now != self._now:
            self._live.record(now)

    def _welcome_new_ones(self) -> None:
        """Who came while nobody kept the log."""
        for who in rooms.people(self._room):
            if who.identity not in self._callers.were_here:
                self._joined(who)

    @guarded
    def _joined(self, who: rtc.RemoteParticipant) -> None:
        """At once, and again when LiveKit has seen them, too: older versions of livekit-rtc call
        the handlers of an event in no order."""
        if rooms.is_person(who):
            self._hear_of(who)
            asyncio.get_running_loop().call_soon(self._hear_of, who)

    @guarded
    def _hear_of(self, who: rtc.RemoteParticipant) -> None:
        if who.identity not in self._room.remote_participants:
            return  # gone meanwhile
        now = self._now
        if not self._callers.welcomes(who):
            self._turn_away(who)
        elif who.identity == now.identity:
            if now.stand_in or self._is_deaf():
                self._set(who.identity)
                self._record(ListenedTo(now.identity, is_named=now.is_named))
        elif self._may_stand_in(who, now):
            self._set(who.identity)
            self._record(ListenedTo(now.identity, stand_in=who.identity))
        self._look()

    def _may_stand_in(self, who: rtc.RemoteParticipant, now: ListenedTo) -> bool:
        """Where the application named somebody nobody else will do."""
        is_possible = not self._kinds or who.kind in self._kinds
        is_named = self._is_named or now.is_named or now.identity is None
        return is_possible and not is_named and self._is_deaf()

    def _is_deaf(self) -> bool:
        return self._session.room_io.linked_participant is None

    def _turn_away(self, who: rtc.RemoteParticipant) -> None:
        """A stranger hears nothing of the call and says nothing in it."""
        with contextlib.suppress(RuntimeError):  # it says nothing just now
            self._session.interrupt(force=True)
        linked = self._session.room_io.linked_participant
        if linked is not None and linked.identity == who.identity:
            self._unset()  # older versions keep whom they chose when somebody else is named
            self._set(self._now.identity or self._callers.awaited())

    @guarded
    def _left(self, who: rtc.RemoteParticipant) -> None:
        now = self._now
        if who.identity == now.stand_in:
            self._set(now.identity)
            self._record(ListenedTo(now.identity, is_named=now.is_named))
