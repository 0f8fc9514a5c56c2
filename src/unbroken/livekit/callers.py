"""Whose call it is: who in the room belongs to it, and what happens when only others are there.

A room's name is anybody's, and so is a room whose caller has left it. Who comes then is neither
listened to nor recorded, as long as nobody of the call is there; the agent makes way, and the
next one begins a call of their own. Whoever was in the room together with one of the call's
people belongs to it.
"""

import asyncio
import logging
from typing import Self

from livekit import rtc
from livekit.agents import JobContext

from unbroken.archive.port import Taken
from unbroken.env import Env
from unbroken.live.live import BEAT_S, Live
from unbroken.livekit import deposed
from unbroken.livekit import room as rooms
from unbroken.people import Person, have_met, is_person, person

log = logging.getLogger(__name__)

OTHERS = "others are in the room"  # why an agent leaves
AWAY_S = 3.0  # people whose connection dropped are back by then


class Callers:
    """`is_open`: the application named the conversation, so whoever comes continues it."""

    def __init__(self, env: Env, live: Live, room: rtc.Room, *, is_open: bool) -> None:
        self._env, self._live, self._room, self._is_open = env, live, room, is_open
        known = live.session.participants.values()
        self.were_here = {p.identity for p in known if p.is_here}  # when the last holder was

    @classmethod
    def of(cls, env: Env, live: Live, room: rtc.Room, taken: Taken | None) -> Self:
        """Of a call just taken; without an answer of the store, as it would say it itself."""
        header = live.journal.header
        is_named = header.conversation_id is not None and not header.is_room_word
        return cls(env, live, room, is_open=taken.is_named if taken else is_named)

    def welcomes(self, who: rtc.RemoteParticipant) -> bool:
        """Whether this person belongs to the call. The first ones who ever come do."""
        known = self._known()
        return not known or have_met(known, [rooms.person(who)]) or self._has_company(known)

    def are_others(self) -> bool:
        """People are in the room, and none of them belongs to the call."""
        here = rooms.people(self._room)
        return bool(here) and not any(self.welcomes(who) for who in here)

    async def replaced(self) -> None:
        """Until others are in the room, and the call's own people have been gone for a while."""
        gone_us: int | None = None
        while True:
            known = self._known()
            if not known or self._has_company(known):
                gone_us = None
            elif gone_us is None:
                gone_us = self._env.boot_us()
            elif self.are_others() and self._env.boot_us() - gone_us >= AWAY_S * 1_000_000:
                return
            await asyncio.sleep(BEAT_S)

    def awaited(self) -> str | None:
        """The identity of the one of the call who came last."""
        return known[-1].identity if (known := self._known()) else None

    def _has_company(self, known: list[Person]) -> bool:
        return have_met(known, [rooms.person(who) for who in rooms.people(self._room)])

    def _known(self) -> list[Person]:
        """Whom the call is for; empty for everybody."""
        if self._is_open:
            return []
        people = self._live.session.participants.values()
        return [person(p.identity, p.kind, p.attributes) for p in people if is_person(p.kind)]


async def make_way(ctx: JobContext, callers: Callers) -> None:
    """Leave the room to others, when it is theirs now. The call waits for its own people."""
    await callers.replaced()
    log.info("others are in the room, the agent leaves")
    await deposed.leave(ctx, OTHERS)
