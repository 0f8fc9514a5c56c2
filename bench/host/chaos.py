"""Twenty sessions write while the service answers badly in thirty ways and dies, and while keepers
are killed, stopped and doubled.

No acknowledgement is ever ahead of the store. When all is well again, everything is acknowledged
soon, and the log of each session is what was said, once, in order.
"""

import asyncio
import random
import sqlite3

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.moods import BAD, WELL, MoodyService, drawn
from bench.host.parts import Part, Service, keeper, started
from bench.host.store import Store
from tests.core.conftest import new_header
from unbroken.env import Host
from unbroken.errors import LevelUnavailable
from unbroken.journal.spool import Spool
from unbroken.live.live import BEAT_S, Live
from unbroken.log.mark import Mark

SESSIONS, KEEPERS = 20, 2
ROUND_S = 75.0
WELL_SHARE = 8
ENTRY_S = (0.0, 0.2)  # between two entries of one session
PAUSE_S = (0.05, 0.4)  # between two blows
STOP_S = (0.1, 1.5)
RESTART_SHARE = 0.03
MOODS_SHARE = 0.8
LOOK_S = 1.0
HEAL_S = 60.0


def attack(a: Attack) -> None:
    number = 0
    while number == 0 or a.left_s() > ROUND_S / 2:
        asyncio.run(_round(a, number))
        number += 1
    a.require_exercised(
        "keepers killed", "keepers stopped", "service killed", "waited for", "looks"
    )
    hit = sum(a.counts[mood] > 0 for mood in BAD)
    a.notes["bad moods"] = f"{hit} of {len(BAD)}"
    a.require(hit > len(BAD) * MOODS_SHARE, f"only {hit} of {len(BAD)} bad moods were met")


async def _round(a: Attack, number: int) -> None:
    folder, where = a.round(number), f"round {number}, "
    spool = Spool.open(Host(), str(folder / "spool"))
    service = Service(folder)
    with MoodyService(service.port) as moody, started(service):
        keepers = [keeper(spool.folder, moody.url) for _ in range(KEEPERS)]
        with started(*keepers):
            storm = Storm(a, service, moody, keepers, a.chance(number))
            writers = [Writer(a, spool, number * SESSIONS + k) for k in range(SESSIONS)]
            await storm.rage([*writers], min(ROUND_S, max(a.left_s() - HEAL_S / 4, 10)), where)
            await storm.heal(writers, where)
            claims = [writer.claim() for writer in writers]
            for writer in writers:
                await writer.live.close("left")
            store = Store(service.data)
            a.require(await asyncio.to_thread(checker.settle, store, claims), f"{where}no end told")
            checker.check(a, store, claims, where=where)
        a.counts.update(moody.counts)


class Writer:
    """A session of this process, that writes and waits now and then."""

    def __init__(self, a: Attack, spool: Spool, seed: int) -> None:
        header = new_header(spool.env, spool, room=f"room {seed}", sid=f"RM_{seed}")
        self.live = Live.open(spool, header)
        self.seed, self.room, self.told, self.count = seed, header.room, 0, 0
        self._a, self._session_id = a, header.new_session_id

    async def run(self) -> None:
        """Until cancelled."""
        chance = self._a.chance("writer", self.seed)
        while True:
            self.count += 1
            self.live.record(said.entry(self.seed, self.count))
            self.live.ack.beat(self.live.ack.beats[1] + int(BEAT_S * 1e6))
            if chance.random() < 0.1:
                self.live.mark(Mark(transcripts=("and then",)))
            if chance.random() < 0.05:
                await self._wait(chance.uniform(0, 0.5))
            await asyncio.sleep(chance.uniform(*ENTRY_S))

    async def _wait(self, seconds: float) -> None:
        n, self._a.counts["waited for"] = self.count, self._a.counts["waited for"] + 1
        try:
            if await self.live.durable("service", upto=n, timeout_s=seconds):
                self.told = max(self.told, n)
        except LevelUnavailable as error:
            self._a.violations.append(f"seed {self.seed}: durable raises: {error}")

    def claim(self) -> Claim:
        return Claim(self._session_id, self.seed, self.told, self.count, is_taken=True)


class Storm:
    def __init__(
        self,
        a: Attack,
        service: Service,
        moody: MoodyService,
        keepers: list[Part],
        chance: random.Random,
    ) -> None:
        self._a, self._service, self._moody = a, service, moody
        self._keepers, self._chance = keepers, chance

    async def rage(self, writers: list[Writer], seconds: float, where: str) -> None:
        self._moody.mood = drawn(self._chance, well=WELL_SHARE)
        tasks = [asyncio.create_task(writer.run()) for writer in writers]
        tasks.append(asyncio.create_task(self._look(writers, where)))
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))
            await self._strike()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                self._a.violations.append(f"{where}a writer failed: {result!r}")

    async def heal(self, writers: list[Writer], where: str) -> None:
        self._moody.mood = lambda _path: WELL
        self._see_keepers()
        async with asyncio.timeout(HEAL_S) as limit:
            while any(w.live.ack.acked < w.count for w in writers):
                await asyncio.sleep(0.05)
                self._see_keepers()
        self._a.require(not limit.expired(), f"{where}not all is acknowledged after {HEAL_S:g} s")
        for writer in writers:
            writer.told = writer.live.ack.acked
            self._a.require(not writer.live.is_fenced, f"{where}seed {writer.seed} is fenced")

    async def _strike(self) -> None:
        """Kill or stop a keeper, kill the service, or nothing."""
        chance, blow = self._chance, self._chance.random()
        victim = chance.choice(self._keepers)
        self._see_keepers()
        if blow < 0.5:
            self._a.counts["keepers killed"] += 1
            victim.kill()
            victim.start()
        elif blow < 0.6:
            self._a.counts["keepers stopped"] += 1
            victim.stop()
            await asyncio.sleep(chance.uniform(*STOP_S))
            victim.go_on()
        if chance.random() < RESTART_SHARE:
            self._a.counts["service killed"] += 1
            self._service.kill()
            await asyncio.to_thread(self._service.start)

    async def _look(self, writers: list[Writer], where: str) -> None:
        """First the acknowledgements, then the store: what is acknowledged must be in it."""
        while True:
            await asyncio.sleep(LOOK_S)
            acked = {writer.room: writer.live.ack.acked for writer in writers}
            try:
                heads = await asyncio.to_thread(Store(self._service.data).heads)
            except sqlite3.Error:
                continue  # between two services
            self._a.counts["looks"] += 1
            for room, n in acked.items():
                if n > heads.get(room, 0):
                    self._a.violations.append(f"{where}{room}: {n} acked, {heads.get(room)} stored")

    def _see_keepers(self) -> None:
        """A keeper that is not needed, or idle, may end; none may fail."""
        for part in self._keepers:
            if part.code is not None:
                self._a.require(part.code == 0, f"a keeper ended by itself, code {part.code}")
                part.kill()
                part.start()
