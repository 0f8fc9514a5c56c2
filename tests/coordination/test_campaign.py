"""Two hundred stories of calls that are opened, taken, lost and left, from their numbers.

In each of them agents die, people never come, answers are lost and somebody sets the clock. What
was admitted is merged into one log of who held what from when to when, and compared with the limit;
what the store says is held is compared with it at every step, and at the end nothing is.
"""

import random
from collections import Counter

import pytest

from bench.coordination_checks import Held, over_admitted
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.admission import CALL, INSTALLATION, CallLimits, OpenedRoom
from unbroken.coordination.lease import Pool
from unbroken.errors import LimitReached
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Clock, Holder

STORIES, STEPS = 200, 24
OPEN_S, MOST = 120, 3
LIMITS = CallLimits(installation=MOST, open_us=OPEN_S * 1_000_000)
ALL = Pool(CALL, INSTALLATION)
FAULTS = {"died", "never came", "answer lost", "clock set"}


class Still(Clock):
    """Time goes by only when it is put forward."""

    def __init__(self):
        super().__init__()
        self._first_us = super().now_us(), super().boot_us()

    def now_us(self):
        return self._first_us[0] + self._ahead_us + self._set_us

    def boot_us(self):
        return self._first_us[1] + self._ahead_us

    @property
    def s(self):
        return self._ahead_us / 1_000_000


class Story:
    """`opened`: rooms without a call, by when they were opened last; `calls`: by their room."""

    def __init__(self, store, clock, seed):
        self.store, self.clock, self.seed = store, clock, seed
        self.dice = random.Random(seed)
        self.opened, self.calls, self.since = {}, {}, {}
        self.log: list[Held] = []
        self.seen = Counter()

    async def run(self):
        acts = [self.open, self.open, self.take, self.take, self.end, self.die, self.pass_by]
        acts += [self.ask_again, self.set_clock, self.close]
        for _ in range(STEPS):
            await self.dice.choice(acts)()
            self.leave_late()
            assert await self.held() == len(self.since), self.seed
        while self.calls:
            await self.end()
        self.clock.advance(OPEN_S)
        self.leave_late()
        assert await self.held() == 0 == len(self.since), self.seed

    async def held(self):
        return (await self.store.leases.held([ALL]))[ALL]

    def name(self):
        return f"{self.seed} {self.clock.boot_us()} {self.dice.random()}"

    def begin(self, room):
        self.since.setdefault(room, self.clock.s)

    def over(self, room, until=None):
        since, until = self.since.pop(room), self.clock.s if until is None else until
        self.log.append(Held(INSTALLATION, len(self.log), since, until))

    def leave_late(self):
        for room, at in list(self.opened.items()):
            if self.clock.s - at >= OPEN_S:
                del self.opened[room]
                self.over(room, at + OPEN_S)
                self.seen["never came"] += 1

    async def admit(self, room):
        try:
            await self.store.rooms.admit(OpenedRoom(room), limits=LIMITS)
        except LimitReached:
            self.seen["refused"] += 1
            assert len(self.since) == MOST, self.seed  # nobody is refused where there is room
        else:
            self.begin(room)
            self.opened[room] = self.clock.s

    async def open(self):
        await self.admit(self.name())

    async def ask_again(self):
        """The answer was lost: the same room is opened once more."""
        if self.opened:
            self.seen["answer lost"] += 1
            await self.admit(self.dice.choice(list(self.opened)))

    async def take(self):
        """By the agent of a room that was opened, or of one that nobody opened."""
        is_known = self.opened and self.dice.random() < 0.7
        room = self.dice.choice(list(self.opened)) if is_known else self.name()
        try:
            await self.taken(room)
        except LimitReached:
            self.seen["refused"] += 1
            assert not is_known, self.seed
            assert len(self.since) == MOST, self.seed
        else:
            self.opened.pop(room, None)
            self.begin(room)

    async def taken(self, room):
        holder = Holder(self.store.archive, clock=self.clock)
        holder.taken = await self.store.archive.take(holder.request(room), limits=LIMITS)
        self.calls[room] = holder

    async def die(self):
        """The next agent has the call, and its place."""
        if self.calls:
            self.seen["died"] += 1
            room = self.dice.choice(list(self.calls))
            holder = self.calls[room]
            await holder.append(1, final="killed")
            await self.taken(room)
            assert self.calls[room].taken.term == holder.taken.term + 1, self.seed

    async def end(self):
        if self.calls:
            room = self.dice.choice(list(self.calls))
            holder = self.calls.pop(room)
            about = (holder.taken.session_id, holder.taken.term, holder.id)
            assert await self.store.watch.end(*about, reason="done")
            self.over(room)

    async def close(self):
        if self.opened:
            room = self.dice.choice(list(self.opened))
            await self.store.rooms.close(room)
            del self.opened[room]
            self.over(room)

    async def pass_by(self):
        self.clock.advance(self.dice.choice([7, 50, 130]))

    async def set_clock(self):
        self.seen["clock set"] += 1
        self.clock.step(self.dice.choice([-3_600, -5, 5, 3_600]))


@pytest.fixture
async def clock():
    return Still()


@pytest.fixture
async def store(tmp_path, clock):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, clock) as store:
        yield store


async def test_in_no_story_are_there_more_calls_than_there_may_be(store, clock):
    log, seen = [], Counter()
    for seed in range(STORIES):
        story = Story(store, clock, seed)
        await story.run()
        assert FAULTS & story.seen.keys(), f"no fault in {seed}"
        log += story.log
        seen += story.seen
    assert over_admitted(log, {INSTALLATION: MOST}) == []
    assert seen.keys() >= FAULTS | {"refused"}
    (first, *rest) = [one for one in log if one.until > one.since]
    longer = first._replace(until=max(one.until for one in log))
    assert over_admitted([longer, *rest], {INSTALLATION: MOST})  # one that is not freed is found
