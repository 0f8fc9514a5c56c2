"""A copy has what its source has, row by row, wherever it was stopped on the way."""

import sqlite3

import psycopg
import pytest

from tests.stores.copies import FILE, OWN, lived_in, opened, rows
from tests.stores.test_corruption import change
from unbroken.env import Host
from unbroken.errors import Conflict, SettingsInvalid
from unbroken.service.storing import open_copy
from unbroken.store import copying
from unbroken.store.search import terms_of
from unbroken.testing.holders import Holder


class Stopped(Exception):
    pass


async def copied(source, target, *, tell=lambda *_: None):
    """What is damaged in it. As `unbroken copy` does it."""
    async with open_copy(str(source), str(target), Host(), tell) as copy:
        await copy.begin()
        await copy.run()
        await copy.compare()
        found = [one async for one in copy.verified()]
        await copy.finish()
    return copy.damaged + [str(f) for one in found for f in one.findings]


async def searched(place):
    async with opened(place) as store:
        asked = [terms_of(words) for words in ("line 1", "bøb", "lobby", "ann")]
        found = [
            await store.conversations.list_conversations(limit=9, terms=terms) for terms in asked
        ]
    return [[one.id for one in each] for each in found]


@pytest.fixture
async def source(tmp_path):
    await lived_in(tmp_path / "source")
    return tmp_path / "source"


async def test_it_is_the_same_there_and_back(tmp_path, source, database):
    assert await copied(source, database) == []
    assert rows(database) == rows(source)
    assert all(rows(database).values())  # each table has some
    back = tmp_path / "back"
    assert await copied(database, back) == []
    assert rows(back, with_own=True) == rows(source, with_own=True)
    assert await searched(back) == await searched(database) == await searched(source)


def test_the_columns_that_only_one_side_has_are_made_of_others(tmp_path, source, database):
    theirs, ours = columns(database), columns(source)
    assert set(theirs) == set(ours)
    for table, names in ours.items():
        assert names ^ theirs[table] <= OWN, table


def columns(place):
    return {table: {name for name, _ in each[0]} for table, each in with_rows(place).items()}


def with_rows(place):
    if not str(place).startswith("postgresql:"):
        return rows(place, with_own=True)
    asked = (
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'public' and table_name not in ('store', 'schema_version', "
        "'taken_rooms', 'going_calls', 'ended_leases')"
    )
    found: dict[str, list[tuple[str, None]]] = {}
    with psycopg.connect(place) as db:
        for table, name in db.execute(asked):
            found.setdefault(table, []).append((name, None))
    return {table: [names] for table, names in found.items()}


async def test_a_copy_goes_on_as_the_same_history(source, database):
    async with opened(source) as store:
        taken = await Holder(store.archive).take("another")
        before = store.archive.identity
    await copied(source, database)
    async with opened(database) as store:
        assert store.archive.identity.system_id == before.system_id
        assert store.archive.identity.timeline != before.timeline  # keepers ask for all heads
        assert (await store.sessions.verify(taken.session_id)).is_whole


@pytest.mark.parametrize("way", ["there", "back"])
async def test_wherever_it_stops_the_same_call_goes_on(
    tmp_path, source, database, monkeypatch, way
):
    monkeypatch.setattr(copying, "ROWS_MAX", 2)
    of, to = source, database
    if way == "back":
        await copied(source, database)
        of, to = database, tmp_path / "back"
    steps = 0

    def stop_at_each(table, count):
        nonlocal steps
        steps += 1
        if steps > stop_at_each.after:
            raise Stopped

    stop_at_each.after = 0
    while True:
        steps, stop_at_each.after = 0, stop_at_each.after + 13
        try:
            await copied(of, to, tell=stop_at_each)
        except Stopped:
            with pytest.raises(SettingsInvalid, match="not finished"):
                async with opened(to):
                    pass
            continue
        break
    assert stop_at_each.after > 4 * 13  # it was stopped several times
    assert rows(to) == rows(of)


async def test_what_has_changed_between_two_runs_is_copied_too(source, database):
    async with open_copy(str(source), database, Host(), lambda *_: None) as copy:
        await copy.begin()
        await copy.run()
    change(
        source,
        "update entries set payload = x'7b7d' where seq = 1",
        "delete from messages where seq = 2",
        "update users set name = 'Bob' where user_id = 'bob'",
    )
    await copied(source, database)
    assert rows(database) == rows(source)


async def test_a_source_that_changes_meanwhile_is_no_finished_copy(source, database):
    def touch(table, _):
        if table == "waiting":
            change(source, "update users set name = 'Bob' where user_id = 'bob'")

    with pytest.raises(Conflict, match=r"users differs at 1/bob: .* was changed meanwhile"):
        await copied(source, database, tell=touch)


async def test_what_is_damaged_is_copied_as_it_is_and_named(source, database):
    change(
        source,
        "update users set name = 'Eve' where user_id = 'bob'",
        "update entries set payload = x'7b7d' where seq = 2",
    )
    found = await copied(source, database)
    assert found[0] == "users 1/bob"
    assert any("entries" in one and "changed" in one for one in found[1:])
    assert rows(database) == rows(source)


async def test_what_the_target_cannot_hold_is_named(source, database):
    change(source, "update users set name = 'a' || char(0) where user_id = 'bob'")
    with pytest.raises(Conflict, match="takes no row of users between these: 1/"):
        await copied(source, database)


@pytest.mark.parametrize("kind", ["full", "other copy", "finished"])
async def test_a_target_with_anything_else_is_left_alone(tmp_path, source, database, kind):
    if kind == "finished":
        await copied(source, database)
    else:
        await lived_in(tmp_path / "other")
        async with open_copy(str(tmp_path / "other"), database, Host(), lambda *_: None) as copy:
            await copy.begin()
            await copy.run()
            if kind == "full":
                await copy.finish()
    before = rows(database)
    why = {"full": "not empty", "other copy": "of something else", "finished": "finished copy"}
    with pytest.raises(SettingsInvalid, match=why[kind]):
        await copied(source, database)
    assert rows(database) == before


async def test_half_a_copy_is_no_source(tmp_path, source, database):
    async with open_copy(str(source), database, Host(), lambda *_: None) as copy:
        await copy.begin()
    with pytest.raises(SettingsInvalid, match="was not finished"):
        await copied(database, tmp_path / "third")


@pytest.mark.parametrize("who", ["source", "target"])
async def test_what_a_service_has_open_is_left_alone(tmp_path, source, database, who):
    target = database if who == "source" else tmp_path / "target"
    async with opened(source if who == "source" else target):
        with pytest.raises(SettingsInvalid, match="already writes"):
            await copied(source, target)


@pytest.mark.parametrize("name", ["", "?application_name=prod"])
async def test_a_postgresql_that_a_service_has_open_is_left_alone(tmp_path, source, database, name):
    async with opened(database + name):
        for of, to in ((source, database), (database, tmp_path / "back")):
            with pytest.raises(SettingsInvalid, match="is connected with the database"):
                await copied(of, to)


async def test_who_connects_while_it_is_copied_is_seen_when_all_is_compared(
    tmp_path, source, database
):
    await copied(source, database)
    async with open_copy(database, str(tmp_path / "back"), Host(), lambda *_: None) as copy:
        await copy.begin()
        await copy.run()
        async with opened(f"{database}?application_name=prod"):
            with pytest.raises(SettingsInvalid, match="a service or another copy is connected"):
                await copy.compare()
        await copy.compare()


async def test_other_tables_are_left_alone(tmp_path, source, database):
    db = sqlite3.connect(source / FILE)
    db.execute("pragma user_version = 3")
    db.close()
    with pytest.raises(SettingsInvalid, match="another version"):
        await copied(source, database)
    with pytest.raises(SettingsInvalid, match="version 3"):
        await copied(database, source)


async def test_a_source_that_is_not_there_is_not_made(tmp_path, database):
    with pytest.raises(SettingsInvalid, match="there is no database"):
        await copied(tmp_path / "none", database)
    assert not (tmp_path / "none").exists()
