"""What the agent of a call shares with other agents, processes and browsers, and what it holds
among them."""

import asyncio
from contextlib import suppress

from livekit.agents import JobContext

from unbroken.coordination import rate
from unbroken.coordination.floor import Floor
from unbroken.coordination.floor_holding import TTL_S, FloorHolding
from unbroken.coordination.floor_said import FLOOR, lock_name
from unbroken.coordination.holding import LeaseWire, Lock, Slot, WindowPlace, end_releases
from unbroken.coordination.lease import (
    LOCK,
    SLOT,
    LeaseAsk,
    Pool,
    SessionTerm,
    check_holder,
    check_limit,
    check_pool,
    check_ttl,
)
from unbroken.coordination.remote_leases import RemoteLeases
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.scope import APP, ROOM, USER, StateOwner
from unbroken.coordination.state import State, StateWire
from unbroken.coordination.transcript import HeardLine, RemoteTranscript, Transcript
from unbroken.env import Env
from unbroken.errors import Conflict, InvalidInput, LevelUnavailable
from unbroken.live.held import locks_of
from unbroken.live.live import Live
from unbroken.livekit.hooks import Hooks
from unbroken.names import NEW_CHARS_MAX
from unbroken.people import is_person

SETTLED_S = 0.5  # until LiveKit has committed what was heard
STORED_S = 1.0  # until that is at the service
LOOK_S = 0.01
APP_ID = "default"  # one installation is one application


class Shares:
    """Nothing is opened before `ready`, or a change, of one of the states."""

    _live: Live | None
    _ctx: JobContext
    _env: Env
    _shared: StateWire | None
    _states: dict[StateOwner, State]
    _leases: LeaseWire | None
    _transcript: Transcript | None
    _floor: Floor | None
    _holding: FloorHolding | None
    role: str

    @property
    def room(self) -> State:
        """Of the room of this call, by its name; whoever has a token to join the room may read
        it."""
        return self._state(ROOM, self._ctx.job.room.name)

    @property
    def user(self) -> State:
        """Of the person who was the first in this call, by identity; it goes with them from room
        to room. Raises Conflict before there was anybody."""
        people = self._live.session.participants.values() if self._live else ()
        if (first := next((p for p in people if is_person(p.kind)), None)) is None:
            raise Conflict("nobody has been in the call yet")
        return self._state(USER, first.identity)

    @property
    def app(self) -> State:
        """Of all calls of the service."""
        return self._state(APP, APP_ID)

    def lock(self, name: str, *, ttl_s: float = 10.0, wait_s: float | None = None) -> Lock:
        """For `async with`: one holder at a time, of all agents of the service. It waits for as
        long as it takes, or raises Locked behind `wait_s`; a holder that is gone blocks others for
        at most `ttl_s` (1 to 300). Raises InvalidInput, Conflict before the service knows the
        session; within it ArchiveUnavailable, CallTaken, and LeaseLost when it is lost."""
        if name == FLOOR:
            raise InvalidInput("the floor of the room is `call.floor`")
        ask = self._ask(Pool(LOCK, name), 1, ttl_s)
        held = locks_of(self._live) if self._live else None
        return Lock(self._wire(), self._env, ask, wait_s=wait_s, held=held)

    def limit(
        self,
        name: str,
        key: str = "",
        *,
        limit: int,
        per_s: float | None = None,
        ttl_s: float = 30.0,
        wait_s: float | None = 0.0,
    ) -> Slot | WindowPlace:
        """For `async with`: at most `limit` at a time of `name` for `key`, of all agents of the
        service; with `per_s` at most so many in any stretch of `per_s` seconds. Raises LimitReached
        behind `wait_s` (None: it waits for as long as it takes), and what `lock` raises. A slot
        whose holder is gone is free behind `ttl_s`, unless the session's next agent asks for it:
        it has that one."""
        if per_s is not None:
            window = rate.window(name, key, limit=limit, per_s=per_s)
            return WindowPlace(self._wire(), window, wait_s=wait_s)
        ask = self._ask(Pool(SLOT, name, key), limit, ttl_s)
        return Slot(self._wire(), self._env, ask, wait_s=wait_s)

    async def heard(self, limit: int = 20) -> list[HeardLine]:
        """What was said in the conversation, by people and by all agents of the room: the last
        `limit` lines (500 at most), oldest first, in the one order in which they were heard. It is
        read from the service, where a line is a moment after it was heard; what was said before
        the floor was passed is there. A person's words are there once for each agent that heard
        them. Raises ArchiveUnavailable, Conflict without a service, RuntimeError before `start`."""
        if self._live is None:
            raise RuntimeError("the call has not been started")
        if self._transcript is None:
            raise Conflict("this call has no service to read from")
        header = self._live.journal.header
        conversation_id = header.conversation_id or header.new_conversation_id
        return await self._transcript.lines(str(conversation_id), limit)

    @property
    def floor(self) -> Floor:
        """Of the room: of the agents that use it (`durable(ctx, floor=True)`) only who has it is
        heard. Raises Conflict for a call that does not use it, and before `start`."""
        if self._floor is None:
            raise Conflict("the floor is there in `start`, and with `durable(ctx, floor=True)`")
        return self._floor

    def _open_floor(self, live: Live, hooks: Hooks) -> FloorHolding:
        """From here on the voice is silent without it."""
        holding = self._holding = FloorHolding(
            self.room,
            self._wire(),
            self._env,
            role=self.role,
            ask=lambda: self._ask(Pool(LOCK, lock_name(self._ctx.job.room.name)), 1, TTL_S),
            held=locks_of(live),
            silenced=hooks.silenced,
            is_over=lambda: live.is_fenced or live.is_ended,
        )
        hooks.fence.may_speak = lambda: holding.is_held
        self._floor = Floor(holding, lambda: _said(live, hooks))
        return holding

    def _wire(self) -> LeaseWire:
        if self._leases is None:
            raise Conflict("this call has no service to ask for locks and limits")
        return self._leases

    def _ask(self, pool: Pool, limit: int, ttl_s: float) -> LeaseAsk:
        live = self._live
        if live is None or live.session_id is None or live.term is None:
            raise Conflict("the service does not know this session yet")
        return LeaseAsk(
            lease_id=self._env.new_id(),
            pool=check_pool(pool),
            limit=check_limit(limit),
            ttl_us=check_ttl(ttl_s),
            session=SessionTerm(live.session_id, live.term),
            owner=check_holder(f"{self._ctx.job.room.name}/{self.role}"[:NEW_CHARS_MAX]),
        )

    def _state(self, scope: str, name: str) -> State:
        owner = StateOwner(scope, name)
        if owner not in self._states:
            if self._shared is None:
                raise Conflict("this call has no service to share its state")
            self._states[owner] = State(owner, self._shared, self._env)
        return self._states[owner]

    async def _close_states(self) -> None:
        if self._holding:
            await self._holding.aclose()
        for state in self._states.values():
            await state.aclose()
        if isinstance(self._shared, RemoteShared):
            await self._shared.aclose()
        if isinstance(self._leases, RemoteLeases):
            await end_releases(self._leases)
            await self._leases.aclose()
        if isinstance(self._transcript, RemoteTranscript):
            await self._transcript.aclose()


async def _said(live: Live, hooks: Hooks) -> None:
    """What is being said was heard, and the next role can read it: for that it waits SETTLED_S and
    STORED_S at most."""
    await hooks.played()
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            while hooks.in_flight.is_out:  # noqa: ASYNC110 - LiveKit's own commit
                await asyncio.sleep(LOOK_S)
    with suppress(LevelUnavailable):
        await live.durable("service", timeout_s=STORED_S)
