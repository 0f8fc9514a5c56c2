"""Which live session is meant by the name of a room."""

import pytest

from tests.core.conftest import new_header
from unbroken.journal.spool import Spool
from unbroken.live.by_room import CLIENT
from unbroken.live.live import Live, by_room


@pytest.fixture
async def opened(env, spool):
    made = []

    def open_(role, *, where=spool):
        import msgspec  # noqa: PLC0415

        header = msgspec.structs.replace(new_header(env, where, room="by-room"), role=role)
        made.append(Live.open(where, header))
        return made[-1]

    yield open_
    for live in made:
        await live.close("left")


def found(**by):
    return by_room.get("by-room", **by)


async def test_the_calls_first_role_is_meant_until_it_is_closed(opened):
    left, right = opened("left"), opened("right")
    assert found() is left
    assert found(role="right") is right
    assert "by-room" in list(by_room)
    await left.close("left")
    assert found() is right
    assert found(role="left") is None
    await right.close("left")
    assert found() is None
    assert "by-room" not in list(by_room)


async def test_a_later_session_of_a_role_takes_its_place(opened):
    first, other, second = opened("left"), opened("right"), opened("left")
    assert found() is second
    await first.close("left")
    assert found() is second
    await second.close("left")
    assert found() is other


async def test_a_call_is_meant_before_a_client_that_only_saves(opened):
    client = opened(CLIENT)
    assert found() is client
    call = opened("agent")
    assert found() is call
    await call.close("left")
    assert found() is client


async def test_a_session_that_is_kept_elsewhere_is_not_meant(env, tmp_path, spool, opened):
    elsewhere = Spool.open(env, str(tmp_path / "elsewhere"), archive="http://127.0.0.1:9")
    other = opened("agent", where=elsewhere)
    assert found() is other
    assert found(spool_folder=spool.folder) is None
    here = opened("agent")
    assert found(spool_folder=spool.folder) is here
    assert found(spool_folder=elsewhere.folder) is other


async def test_a_session_that_nobody_holds_any_more_is_forgotten(opened, env, spool):
    live = Live.open(spool, new_header(env, spool, room="dropped"))
    await live.close("left")
    assert by_room.get("dropped") is None
