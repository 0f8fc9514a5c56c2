"""`python -m bench.coordination_worker`: one process that patches, locks, takes slots, is counted.

It says a line when it is ready. Each line of its standard input is JSON that says what to do
(`Asked`), and is answered with a line that says what was done (`Done`). Where a service does not
answer it goes on with the next one, as what is behind a balancer does.
"""

import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable

import msgspec

from bench.coordination_checks import Held
from unbroken.coordination.lease import LOCK, SLOT, LeaseAsk, LockFence, Pool
from unbroken.coordination.rate import window
from unbroken.coordination.remote_leases import LeaseSaid, RemoteLeases
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.scope import StateOwner
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, LimitReached, Locked, OldFence

BOARDS = 20  # keys of the room that all patch
GUARDED = "guarded"  # the key that only the holder of the lock writes
DOOR, SEATS = Pool(LOCK, "door"), Pool(SLOT, "seats")
SEATS_MAX = 3
MANY = 10_000  # a limit that nobody meets
SMS = window("sms", "", limit=MANY, per_s=1)
TTL_S = 3.0
WAIT_S = 2.0
ABANDONED = 0.05  # of what is held is not released
PAUSE_S = 0.1


class Asked(msgspec.Struct, frozen=True):
    """`kind`: patch, add, lock, slot or window, over and over; mixed: patches, locks and slots. For
    `seconds`, and at most `times` if that is not 0."""

    urls: list[str]
    number: int
    kind: str
    room: str
    seconds: float
    times: int = 0


class Done(msgspec.Struct):
    """What was acknowledged; what was held; how long each answer took; what was not answered as
    asked for, by name and code."""

    patched: list[tuple[str, str]] = []
    held: list[Held] = []
    took_ms: dict[str, list[float]] = {}
    answers: dict[str, int] = {}


class Worker:
    def __init__(self, asked: Asked) -> None:
        self._asked, self._env = asked, Host()
        self._dice = random.Random(asked.number)  # noqa: S311 - no secret
        self._services = [
            (RemoteShared(url, self._env), RemoteLeases(url, self._env)) for url in asked.urls
        ]
        self._at = asked.number  # which of them is asked
        self._room = StateOwner("room", asked.room)
        self._done, self._took = Done(), defaultdict[str, list[float]](list)
        self._answers = Counter[str]()

    async def run(self) -> Done:
        act = getattr(self, f"_{self._asked.kind}")
        until, n = time.monotonic() + self._asked.seconds, 0
        while time.monotonic() < until and (n < self._asked.times or not self._asked.times):
            n += 1
            await act(n)
        self._done.took_ms, self._done.answers = dict(self._took), dict(self._answers)
        for shared, leases in self._services:
            await shared.aclose()
            await leases.aclose()
        return self._done

    async def _mixed(self, n: int) -> None:
        await self._dice.choice((self._patch, self._patch, self._hold_door, self._hold_seat))(n)

    async def _patch(self, n: int) -> None:
        """Until it is acknowledged: the same patch twice is one."""
        key, member = f"board{n % BOARDS}", f"{self._asked.number}-{n}"
        content = msgspec.json.encode({member: 1})
        while not await self._timed("patch", lambda: self._shared.patch(self._room, key, content)):
            pass
        self._done.patched.append((key, member))

    async def _add(self, n: int) -> None:
        key = f"count{n % BOARDS}"
        await self._timed("add", lambda: self._shared.add(self._room, key, 1, fence=None))

    async def _lock(self, _n: int) -> None:
        await self._granted_and_back("lock", Pool(LOCK, f"door {self._asked.number}"), 1)

    async def _slot(self, _n: int) -> None:
        await self._granted_and_back("slot", SEATS, MANY)

    async def _window(self, _n: int) -> None:
        await self._timed("window", lambda: self._leases.admit(SMS))

    async def _granted_and_back(self, name: str, pool: Pool, limit: int) -> None:
        if lease := await self._grant(name, pool, limit, wait_s=0):
            await self._timed(f"{name} released", lambda: self._leases.release(lease.id))

    async def _hold_door(self, _n: int) -> None:
        await self._hold(DOOR, 1, self._guarded)

    async def _hold_seat(self, _n: int) -> None:
        await self._hold(SEATS, SEATS_MAX, self._sit)

    async def _hold(
        self, pool: Pool, limit: int, use: Callable[[LeaseSaid, float], Awaitable[None]]
    ) -> None:
        asked_at = time.monotonic()
        lease = await self._grant(pool.kind, pool, limit, wait_s=WAIT_S)
        if lease is None:
            return
        since, sure_until = time.monotonic(), asked_at + TTL_S
        if since < sure_until:
            await use(lease, sure_until)
        is_abandoned = self._dice.random() < ABANDONED
        until = sure_until if is_abandoned else min(sure_until, time.monotonic())
        self._done.held.append(Held(pool.name, lease.fence, since, until))
        if not is_abandoned:
            await self._timed("release", lambda: self._leases.release(lease.id))

    async def _guarded(self, lease: LeaseSaid, _sure_until: float) -> None:
        fence = LockFence(DOOR.name, lease.fence)
        content = msgspec.json.encode(lease.fence)
        await self._timed(
            "guarded", lambda: self._shared.set(self._room, GUARDED, content, fence=fence)
        )

    async def _sit(self, _lease: LeaseSaid, sure_until: float) -> None:
        left_s = sure_until - time.monotonic()
        await asyncio.sleep(min(left_s, self._dice.random() * 0.05))

    async def _grant(self, name: str, pool: Pool, limit: int, *, wait_s: float) -> LeaseSaid | None:
        ask = LeaseAsk(
            lease_id=self._env.new_id(), pool=pool, limit=limit, ttl_us=int(TTL_S * 1_000_000)
        )
        found: list[LeaseSaid] = []

        async def granted() -> None:
            found.append(await self._leases.grant(ask, wait_s=wait_s))

        await self._timed(name, granted)
        return found[0] if found else None

    async def _timed(self, name: str, act: Callable[[], Awaitable[object]]) -> bool:
        """Whether it was answered as asked for."""
        began = time.perf_counter()
        try:
            await act()
        except (Locked, LimitReached, OldFence) as error:
            self._answers[f"{name} {error.code}"] += 1
            return False
        except ArchiveUnavailable:
            self._answers[f"{name} unavailable"] += 1
            self._at += 1
            await asyncio.sleep(PAUSE_S)
            return False
        self._took[name].append((time.perf_counter() - began) * 1_000)
        return True

    @property
    def _shared(self) -> RemoteShared:
        return self._services[self._at % len(self._services)][0]

    @property
    def _leases(self) -> RemoteLeases:
        return self._services[self._at % len(self._services)][1]


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        done = asyncio.run(Worker(msgspec.json.decode(line, type=Asked)).run())
        print(msgspec.json.encode(done).decode(), flush=True)


if __name__ == "__main__":
    main()
