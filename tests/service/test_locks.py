"""What one request does at a time, of all services over one store."""

import asyncio

import httpx

from tests.service.test_idempotency import KEYED, SAVE
from tests.service.test_without_a_journal import API
from unbroken.errors import ArchiveUnavailable
from unbroken.service import locks
from unbroken.service.locks import HOLD_S, OneAtATime


class Counting:
    """A store that counts who asked for a lock."""

    def __init__(self, locks) -> None:
        self._locks = locks
        self._asked = asyncio.Event()
        self.release = locks.release

    async def acquire(self, name, holder, *, hold_s) -> bool:
        found = await self._locks.acquire(name, holder, hold_s=hold_s)
        self._asked.set()
        return found

    async def once_more(self) -> None:
        """Somebody who asks from now on has been answered."""
        for _ in range(2):  # the first one may have asked before
            self._asked.clear()
            await self._asked.wait()


class Unreleased:
    """A store that is away when a lock is to be released."""

    def __init__(self, locks) -> None:
        self.acquire = locks.acquire

    async def release(self, name, holder) -> None:
        raise ArchiveUnavailable("away")


async def test_two_services_do_it_one_after_the_other(store, clock):
    here, there = (OneAtATime(store.locks, clock) for _ in range(2))
    done: list[str] = []

    async def do(one_at_a_time, name: str) -> None:
        async with one_at_a_time("room lobby"):
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(f"{name} ends")

    await asyncio.gather(do(here, "a"), do(there, "b"), do(here, "c"))
    begun, ended = done[::2], done[1::2]
    assert [line.split()[0] for line in begun] == [line.split()[0] for line in ended]
    assert {line.split()[0] for line in begun} == {"a", "b", "c"}


async def test_a_lock_that_cannot_be_released_costs_nothing_that_was_done(store, clock):
    async with OneAtATime(Unreleased(store.locks), clock)("room lobby"):
        pass
    assert not await store.locks.acquire("room lobby", clock.new_id(), hold_s=1)
    clock.advance(HOLD_S + 1)
    assert await store.locks.acquire("room lobby", clock.new_id(), hold_s=1)


async def test_what_takes_long_keeps_its_lock(store, clock, monkeypatch):
    """Else another service did the same beside it."""
    monkeypatch.setattr(locks, "RENEW_S", 0.01)
    counting, other = Counting(store.locks), clock.new_id()
    async with OneAtATime(counting, clock)("room lobby"):
        for _ in range(3):
            clock.advance(HOLD_S - 1)
            await counting.once_more()
            assert not await store.locks.acquire("room lobby", other, hold_s=1)
    assert await store.locks.acquire("room lobby", other, hold_s=1)


async def test_a_body_that_comes_slowly_holds_no_lock(client, clock):
    """It could come for longer than a lock is held; another service then did the same beside it."""
    name, other = f"POST {API}{SAVE} {KEYED['idempotency-key']}", clock.new_id()
    kept = client.parts.store.locks
    looked: list[bool] = []

    async def slowly():
        yield b'{"room_name": "room", "participant_identity": "ann", '
        looked.append(await kept.acquire(name, other, hold_s=30))
        await kept.release(name, other)
        yield b'"user_message": "Hello."}'

    headers = {**KEYED, "content-type": "application/json"}
    answer = await client.post(f"{API}{SAVE}", content=slowly(), headers=headers)
    assert answer.status_code == httpx.codes.CREATED
    assert looked == [True]
