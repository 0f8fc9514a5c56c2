"""What a store promises about users, files, reports, locks and requests that come again."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from unbroken.archive.port import Archive, WireEntry
from unbroken.errors import NotFound
from unbroken.log.entries import USER, Noted, encode
from unbroken.store.port import Store
from unbroken.store.records import Answered, Report, Upload, User
from unbroken.testing.holders import ENV, Clock, Holder

TWO_DAYS_S = 48 * 3600
UNFIT = "a\0b\ud800"  # no text column holds it


def named(data: object) -> WireEntry:
    """An application says who speaks."""
    payload, flags = encode(Noted(USER, data))
    return WireEntry("note", ENV.now_us(), flags, payload)


def user(name: str | None = None, context: bytes | None = None) -> User:
    return User(id="ann", name=name, context=context)


def report(name: UUID, message: str = "went wrong") -> Report:
    said: dict[str, Any] = {"error_type": "E", "message": message, "stack_trace": None}
    return Report(id=name, room_name="room", at_us=0, **said)


class UsersContract:
    """Needs `store` and its `archive`."""

    async def test_of_a_user_only_what_is_said_changes(self, store: Store) -> None:
        assert await store.users.get("ann") is None
        await store.users.put(user("Ann"))
        await store.users.put(user(context=b'{"likes":"tea"}'))
        assert await store.users.get("ann") == user("Ann", b'{"likes":"tea"}')
        await store.users.put(user("Anna"))
        assert await store.users.get("ann") == user("Anna", b'{"likes":"tea"}')
        assert await store.users.get("bob") is None

    async def test_the_first_one_has_the_conversation_and_all_are_known(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, named("bob"), named("ann"))
        found = await store.conversations.get_conversation(taken.conversation_id)
        assert found.user_id == "bob"
        known = [await store.users.get(name) is not None for name in ("bob", "ann", "zoe")]
        assert known == [True, True, False]

    async def test_what_is_no_name_names_nobody(self, store: Store, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, named(""), named(None), named({"a": 1}), named("x" * 1_000))
        found = await store.conversations.get_conversation(taken.conversation_id)
        assert found.user_id is None

    async def test_a_users_last_conversations_are_listed(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        taken = []
        for room in ("one", "two", "three"):
            taken.append(await Holder(archive).take(room, user_id="ann"))
            clock.advance(1)
        await Holder(archive).take("other", user_id="bob")
        found = await store.conversations.list_of_user("ann", limit=2)
        ids = [t.conversation_id for t in reversed(taken)]
        assert [name for name, _, _ in found] == ids[:2]


class FilesContract:
    """Needs `store`."""

    async def test_a_file_is_what_was_put(self, store: Store) -> None:
        where: dict[str, Any] = {
            "conversation_id": ENV.new_id(),
            "call_id": None,
            "identity": "ann",
        }
        about: dict[str, Any] = {"name": "a.txt", "content_type": "text/plain", "size_bytes": 3}
        file = Upload(id=ENV.new_id(), sha256=b"\1" * 32, **where, **about)
        await store.files.put(file)
        assert await store.files.get(file.id) == file

    async def test_a_file_that_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.files.get(ENV.new_id())


class ReportsContract:
    """Needs `store` and its `clock`."""

    async def test_reports_are_listed_in_pages_the_newest_first(
        self, store: Store, clock: Clock
    ) -> None:
        ids = [ENV.new_id() for _ in range(5)]
        for name in ids:
            await store.reports.put(report(name))
            clock.advance(1)
        first = await store.reports.list(limit=2)
        last = first[-1]
        rest = await store.reports.list(limit=9, before=(last.at_us, last.id))
        assert [r.id for r in (*first, *rest)] == ids[::-1]

    async def test_a_report_has_the_time_of_the_store(self, store: Store, clock: Clock) -> None:
        clock.advance(1_000)
        await store.reports.put(report(ENV.new_id()))
        (found,) = await store.reports.list(limit=9)
        assert abs(found.at_us - clock.now_us()) < 60_000_000

    async def test_what_no_column_holds_is_the_nearest_that_it_does(self, store: Store) -> None:
        await store.reports.put(report(ENV.new_id(), UNFIT))
        (found,) = await store.reports.list(limit=9)
        assert found.message == "a\N{REPLACEMENT CHARACTER}b?"


class LocksContract:
    """Needs `store` and its `clock`."""

    async def test_a_lock_is_ones_until_it_is_released(self, store: Store) -> None:
        one, two = ENV.new_id(), ENV.new_id()
        assert await store.locks.acquire("room", one, hold_s=30)
        assert not await store.locks.acquire("room", two, hold_s=30)
        assert await store.locks.acquire("other", two, hold_s=30)
        await store.locks.release("room", two)
        assert not await store.locks.acquire("room", two, hold_s=30)
        await store.locks.release("room", one)
        assert await store.locks.acquire("room", two, hold_s=30)

    async def test_a_lock_that_is_not_released_ends_by_itself(
        self, store: Store, clock: Clock
    ) -> None:
        one, two = ENV.new_id(), ENV.new_id()
        await store.locks.acquire("room", one, hold_s=30)
        clock.advance(31)
        assert await store.locks.acquire("room", two, hold_s=30)
        await store.locks.release("room", one)
        assert not await store.locks.acquire("room", one, hold_s=30)

    async def test_a_lock_is_kept_by_asking_again(self, store: Store, clock: Clock) -> None:
        one, two = ENV.new_id(), ENV.new_id()
        for _ in range(3):
            assert await store.locks.acquire("room", one, hold_s=30)
            clock.advance(20)
            assert not await store.locks.acquire("room", two, hold_s=30)

    async def test_of_many_who_ask_at_once_one_has_the_lock(self, store: Store) -> None:
        asked = (store.locks.acquire("room", ENV.new_id(), hold_s=30) for _ in range(10))
        assert sorted(await asyncio.gather(*asked)) == [False] * 9 + [True]


class RequestsContract:
    """Needs `store` and its `clock`."""

    async def test_a_request_is_begun_once_and_answered_to_whoever_asks_again(
        self, store: Store
    ) -> None:
        first = await store.requests.begin("/rooms", "k", b"body")
        again = await store.requests.begin("/rooms", "k", b"other")
        assert (first.fingerprint, again.fingerprint) == (b"body", b"body")
        assert first.answer is again.answer is None
        answer = Answered(201, "text/plain", b"done")
        await store.requests.answer("/rooms", "k", answer)
        assert (await store.requests.begin("/rooms", "k", b"body")).answer == answer

    async def test_a_key_is_of_its_path(self, store: Store) -> None:
        await store.requests.begin("/rooms", "k", b"body")
        assert (await store.requests.begin("/files", "k", b"other")).fingerprint == b"other"

    async def test_a_request_is_forgotten_after_two_days(self, store: Store, clock: Clock) -> None:
        await store.requests.begin("/rooms", "k", b"body")
        clock.advance(TWO_DAYS_S + 60)
        assert (await store.requests.begin("/rooms", "k", b"other")).fingerprint == b"other"
