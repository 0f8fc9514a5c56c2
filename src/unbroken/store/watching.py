"""The part of the port that watchers use: who has lost a holder, and who waits for the first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from unbroken.people import Person
from unbroken.store.records import (
    FIRST_ID,
    Abandoned,
    CallRoom,
    Ending,
    Orphan,
    Round,
    Waiting,
    Watched,
)


class Watch(Protocol):
    """Sessions without a holder: who is due, who waits, who is over.

    What is decided is guarded by the term: of several watchers one has its way.
    """

    async def wait(self, wait_s: float) -> None:
        """Until something may have become due, at the latest for `wait_s`: a hint, no more."""

    async def next_dispatch_us(self) -> int | None:
        """When the next dispatch is due, by the wall clock; None: nothing will be."""

    async def claim_orphans(self, *, limit: int, retry_s: float, until_s: float) -> list[Orphan]:
        """Those whose dispatch is due now; each again after `retry_s`, then twice, then always
        four times as long: a worker that is only slow must not drown in further jobs. They are
        late when LiveKit has answered for them for `until_s` and nobody has taken them."""

    async def postpone(
        self, session_id: UUID, term: int, *, first_s: float, most_s: float
    ) -> float | None:
        """LiveKit did not answer for it: nothing of it is counted, and it is due again after
        `first_s`, then after twice as long, at most after `most_s`. The pause; None: it has moved
        on."""

    async def answered(self, session_id: UUID, term: int) -> None:
        """LiveKit answers for it again: the next pause is the first one."""

    async def stand_by(self, session_id: UUID, term: int) -> None:
        """Nobody is there: nothing is due until people have `rejoined`."""

    async def orphan(self, session_id: UUID, term: int, holder: UUID, *, cause: str) -> bool:
        """Or end it, if its holder had hung up. False if the session has moved on."""

    async def whose(self, call: CallRoom, here: Iterable[Person]) -> bool | None:
        """Whether the call goes on for these people in its room; None: it had nobody yet."""

    async def rejoined(self, session_id: UUID, term: int) -> bool:
        """People are back in the room of an orphan: its dispatch is due."""

    async def count_crashes(self, session_id: UUID, *, window_s: float) -> int:
        """How often it lost its holder within `window_s`, for a reason that a new one may share."""

    async def begin_round(
        self, *, again_s: float, unsure_s: float, late_s: float = 0
    ) -> Round | None:
        """Claim the round that has been due for `late_s`; the next one is due `again_s` from now.
        None: another service has it, none is due, or there is no session to look after. Unsure
        within `unsure_s` of `note_away`."""

    async def note_away(self) -> None:
        """LiveKit did not answer in a round."""

    async def list_rooms(self, *, limit: int) -> list[str]:
        """The names of rooms with a session that is not over; `limit` or more: there are more."""

    async def list_waiting(self, names: Sequence[str]) -> list[Watched]:
        """Orphans for whom nothing is due, in the rooms of these names."""

    async def list_emptied(self, *, within_s: float, after: UUID = FIRST_ID) -> list[Watched]:
        """Those of all rooms since `within_s`: a page, by their ids, from behind `after` on."""

    async def list_closing(self, *, orphaned_s: float, after: UUID = FIRST_ID) -> list[Watched]:
        """Those whom nobody comes back to once LiveKit has no such room: a page, as before."""

    async def list_silent(self, *, listened_us: int, after: UUID = FIRST_ID) -> list[Watched]:
        """Held on a host whose lease is over: a page, as before. `listened_us`: how long it could
        have been heard."""

    async def note_missing(self, missing: Iterable[Watched], there: Iterable[Watched]) -> None:
        """LiveKit does not have the rooms of `missing`, and has those of `there`."""

    async def list_elsewhere(self, sids: Mapping[str, str]) -> list[Watched]:
        """Sessions with an agent, in rooms whose sid, by name, their call does not know."""

    async def list_former(self, *, within_s: float | None = None) -> dict[str, set[str]]:
        """By room name: the identities of earlier holders of sessions that are live; of those
        that were taken `within_s`."""

    async def see_room(self, call: CallRoom, sid: str) -> None:
        """The room of the call has a further sid."""

    async def list_abandoned(self, *, orphaned_s: float) -> list[Abandoned]:
        """Orphaned for `orphaned_s` or longer, the oldest first, at most a page."""

    async def end(self, session_id: UUID, term: int, holder: UUID, *, reason: str) -> bool:
        """Close the session, and its call if it was the last one. False if it has moved on."""

    async def end_each(self, ends: Iterable[Ending]) -> list[UUID]:
        """As `end`, all in one step; the sessions that were ended."""

    async def end_idle(self, *, idle_s: float) -> list[UUID]:
        """End what was saved over REST and has been idle for `idle_s`; the sessions."""


class WaitingRooms(Protocol):
    """Rooms that were opened with an agent that has not come yet."""

    async def next_due_us(self) -> int | None:
        """When a room is to be looked at next, by the wall clock; None: none waits."""

    async def find(self, name: str) -> Waiting | None:
        """The open room of this name, if it waits."""

    async def list(self) -> dict[str, Waiting]:
        """The rooms that wait, by name; the newest thousand."""

    async def claim(self, *, limit: int, hold_s: float) -> tuple[Waiting, ...]:
        """Those that are due, for one who looks; due again after `hold_s` if nothing is said."""

    async def look(
        self, room_id: UUID, *, has_people: bool, again_s: float, asked: bool, is_coming: bool
    ) -> None:
        """What was seen there, and when to look again. `asked`: LiveKit has a dispatch for it."""

    async def may_ask(self, waiting: Waiting, *, has_people: bool, again_s: float) -> bool:
        """Claim the next dispatch. False: another has asked, or there is an agent."""

    async def postpone(self, room_ids: Sequence[UUID], *, again_s: float) -> None:
        """LiveKit did not answer for them: they begin to wait anew."""

    async def settle(self, room_id: UUID) -> None:
        """It waits no more."""

    async def may_give_up(self, waiting: Waiting, *, hold_s: float) -> bool:
        """Claim its end. False: there is an agent, or it waits anew."""

    async def agent_names(self, *, within_s: float) -> tuple[str, ...]:
        """The names under which agents took sessions lately, at most twenty."""
