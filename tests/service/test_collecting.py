"""Blobs that nothing refers to go after a day, and no others."""

import asyncio
import hashlib

import pytest

from tests.s3 import blobs_at
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable
from unbroken.service import collecting
from unbroken.service.collecting import HOLD_S, IDLE_S, Collector
from unbroken.testing.holders import Holder
from unbroken.testing.uses import with_parts

CONTENT = b"nobody wants this"
NAME = hashlib.sha256(CONTENT).digest()


@pytest.fixture(params=["folder", "bucket"])
async def blobs(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return ObjectBlobs.in_folder(tmp_path / "blobs")
    s3 = request.getfixturevalue("s3")
    bucket = s3.make_bucket(request.getfixturevalue("tmp_path_factory").mktemp("bucket").name)
    return await blobs_at(f"{bucket}/prefix", s3.environ(), monkeypatch)


def collector(parts, sha256: bytes = NAME) -> Collector:
    """One that looks where the blob is."""
    found = Collector(parts)
    found._group = sha256[0]
    return found


async def test_what_nothing_refers_to_goes_after_a_day(parts, store, clock, blobs):
    holder, kept = Holder(store.archive), hashlib.sha256(b"kept").digest()
    await holder.take()
    await store.blobs.put(kept, b"kept")
    await holder.append(1, with_parts(kept))
    await store.blobs.put(NAME, CONTENT)
    assert await collector(parts).round() == 0
    clock.advance(IDLE_S + 1)
    assert await collector(parts, kept).round() == 0
    assert await collector(parts).round() == 1
    assert [await blobs.exists(name) for name in (NAME, kept)] == [False, True]
    await store.blobs.put(NAME, CONTENT)
    assert await collector(parts).round() == 0
    assert await blobs.get(NAME) == CONTENT


async def test_all_of_them_are_looked_at_a_bounded_number_in_a_round(
    parts, store, clock, monkeypatch
):
    many = [hashlib.sha256(bytes([n])).digest() for n in range(50)]
    for n, name in enumerate(many):
        await store.blobs.put(name, bytes([n]))
    clock.advance(IDLE_S + 1)
    one = Collector(parts)
    assert await one.round() < len(many)
    monkeypatch.setattr(collecting, "PAGES", 2 * collecting.GROUPS)
    await one.round()
    assert not any([await store.blobs.exists(name) for name in many])


async def test_what_is_put_while_it_is_deleted_is_there_afterwards(
    parts, store, clock, blobs, monkeypatch
):
    await store.blobs.put(NAME, CONTENT)
    clock.advance(IDLE_S + 1)
    delete = blobs.delete

    async def put_then_delete(sha256: bytes) -> None:
        with pytest.raises(ArchiveUnavailable, match="send it again"):
            await store.blobs.put(NAME, CONTENT)
        await delete(sha256)

    monkeypatch.setattr(store.blobs, "delete", put_then_delete)
    assert await collector(parts).round() == 1
    await store.blobs.put(NAME, CONTENT)
    assert await blobs.get(NAME) == CONTENT


async def test_what_one_has_left_another_deletes(parts, store, clock, blobs, monkeypatch):
    await store.blobs.put(NAME, CONTENT)
    clock.advance(IDLE_S + 1)

    async def away(_sha256: bytes) -> None:
        raise ArchiveUnavailable("the bucket is away")

    with monkeypatch.context() as broken:
        broken.setattr(store.blobs, "delete", away)
        with pytest.raises(ArchiveUnavailable):
            await collector(parts).round()
    assert await Collector(parts).round() == 0  # the first one may still be at it
    clock.advance(HOLD_S + 1)
    assert await Collector(parts).round() == 1
    assert not await blobs.exists(NAME)
    await store.blobs.put(NAME, CONTENT)


async def test_one_that_stood_still_deletes_nothing(parts, store, clock, blobs, monkeypatch):
    await store.blobs.put(NAME, CONTENT)
    clock.advance(IDLE_S + 1)
    doom = store.uses.doom

    async def slow_doom(*asked, **more):
        found = await doom(*asked, **more)
        clock.advance(HOLD_S + 1)
        return found

    monkeypatch.setattr(store.uses, "doom", slow_doom)
    with pytest.raises(TimeoutError):
        await collector(parts).round()
    assert await blobs.exists(NAME)


async def test_of_several_services_one_looks(parts, store, clock):
    await store.blobs.put(NAME, CONTENT)
    clock.advance(IDLE_S + 1)
    counts = await asyncio.gather(*(collector(parts).round() for _ in range(5)))
    assert sorted(counts) == [0, 0, 0, 0, 1]


async def test_in_a_bucket_of_another_database_nothing_is_deleted(parts, store, clock, blobs):
    assert await blobs.is_of("another")
    await store.blobs.put(NAME, CONTENT)
    clock.advance(IDLE_S + 1)
    assert await collector(parts).round() == 0
    assert await blobs.exists(NAME)


async def test_an_error_ends_no_later_round(parts, monkeypatch):
    monkeypatch.setattr(collecting, "ROUND_S", 0)
    rounds = asyncio.Queue()

    class Failing(Collector):
        async def round(self) -> int:
            rounds.put_nowait(None)
            raise (ArchiveUnavailable("away"), TimeoutError(), ValueError("a fault"))[
                rounds.qsize() % 3
            ]

    task = asyncio.create_task(Failing(parts).run())
    for _ in range(6):
        await rounds.get()
    assert not task.done()
    task.cancel()
