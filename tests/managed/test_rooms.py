"""What is shared of a room, in memory and in Redis: the same scenarios."""

from collections.abc import AsyncIterator

import pytest

from unbroken import Conflict, InvalidInput, NotFound, StateManager, TooLarge
from unbroken.managed import rooms


@pytest.fixture(params=["memory", "redis"])
async def state(request) -> AsyncIterator[StateManager]:
    url = request.getfixturevalue("server").url if request.param == "redis" else None
    async with StateManager(redis=url) as made:
        yield made


async def said(state: StateManager, room: str = "r", limit: int | None = None) -> list[str]:
    return [line["content"] for line in (await state.get_conversation(room, limit))["messages"]]


async def test_a_room_that_nobody_opened_has_nothing(state):
    for ask in (state.get_conversation, state.finalize_conversation, state.get_participants):
        with pytest.raises(NotFound):
            await ask("r")
    with pytest.raises(NotFound):
        await state.add_message("r", "user", "hello")


async def test_what_is_added_is_read(state):
    id_ = await state.create_conversation("r", "ann")
    assert await state.create_conversation("r", "bob") == id_
    await state.add_message("r", "user", "a table", {"seats": 4})
    await state.add_message("r", "assistant", "for when?")
    await state.set_user_context("r", "language", "fr")
    found = await state.get_conversation("r")
    assert [(m["role"], m["content"], m["metadata"]) for m in found["messages"]] == [
        ("user", "a table", {"seats": 4}),
        ("assistant", "for when?", {}),
    ]
    assert found["conversation_id"] == id_
    assert found["participants"] == ["ann", "bob"]
    assert found["metadata"] == {"language": "fr"}
    assert found["ended_at"] is None
    assert found["is_whole"]
    assert await state.get_user_context("r", "language") == "fr"
    assert await state.get_user_context("r", "colour") is None


async def test_the_last_ones(state):
    await state.create_conversation("r", "ann")
    for n in range(5):
        await state.add_message("r", "user", str(n))
    assert [await said(state, limit=n) for n in (0, 2, 9)] == [[], ["3", "4"], list("01234")]


async def test_who_is_there(state):
    await state.create_conversation("r", "ann")
    await state.add_participant("r", "bob")
    await state.remove_participant("r", "ann")
    await state.remove_participant("r", "nobody")
    assert await state.get_participants("r") == ["bob"]


async def test_an_ended_one_is_read_and_not_written(state):
    await state.create_conversation("r", "ann")
    await state.add_message("r", "user", "bye")
    await state.finalize_conversation("r")
    ended_at = (await state.get_conversation("r"))["ended_at"]
    await state.finalize_conversation("r")
    assert (await state.get_conversation("r"))["ended_at"] == ended_at
    assert await said(state) == ["bye"]
    for write in (
        state.add_message("r", "user", "one more"),
        state.add_participant("r", "bob"),
        state.set_user_context("r", "a", 1),
    ):
        with pytest.raises(Conflict):
            await write


async def test_a_room_used_again_begins_anew(state):
    first = await state.create_conversation("r", "ann")
    await state.add_message("r", "user", "my PIN is 1234")
    await state.set_user_context("r", "pin", 1234)
    await state.finalize_conversation("r")
    assert await state.create_conversation("r", "bob") != first
    found = await state.get_conversation("r")
    assert (found["messages"], found["participants"], found["metadata"]) == ([], ["bob"], {})


async def test_bounds(state, monkeypatch):
    monkeypatch.setattr(rooms, "MESSAGES_MAX", 2)
    await state.create_conversation("r", "ann")
    for _ in range(2):
        await state.add_message("r", "user", "again")
    with pytest.raises(InvalidInput, match="at most 2"):
        await state.add_message("r", "user", "again")
    with pytest.raises(TooLarge):
        await state.add_message("r", "user", "x" * (256 << 10))
    with pytest.raises(TooLarge):
        await state.set_user_context("r", "k", "x" * (256 << 10))
    with pytest.raises(InvalidInput):
        await state.create_conversation("", "ann")


@pytest.mark.parametrize("room", ["}{", "a:b", "größe", "{r}", "%7D", " "])
async def test_any_name_is_a_room_of_its_own(state, room):
    await state.create_conversation(room, "ann")
    await state.create_conversation("r", "bob")
    await state.add_message(room, "user", "here")
    assert (await said(state, room), await said(state)) == (["here"], [])
