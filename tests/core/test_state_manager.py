"""What a StateManager holds is bounded by what is open."""

import pytest

from unbroken import StateManager
from unbroken.errors import InvalidInput, NotFound
from unbroken.managed import memory


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(memory, "ROOMS_MAX", 3)


async def test_conversations_that_ended_make_place_the_oldest_first():
    async with StateManager() as state:
        for n in range(20):
            await state.create_conversation(f"r{n}", "ann")
            await state.finalize_conversation(f"r{n}")
        assert (await state.get_conversation("r19"))["ended_at"]
        assert (await state.get_conversation("r17"))["ended_at"]
        with pytest.raises(NotFound):
            await state.get_conversation("r16")


async def test_open_conversations_are_never_forgotten():
    async with StateManager() as state:
        for name in ("a", "b", "c"):
            await state.create_conversation(name, "ann")
        with pytest.raises(InvalidInput, match="3 open rooms"):
            await state.create_conversation("d", "ann")
        await state.finalize_conversation("b")
        await state.create_conversation("d", "ann")
        assert [(await state.get_conversation(name))["ended_at"] for name in "acd"] == [None] * 3


async def test_a_room_that_is_used_again_is_open_again():
    async with StateManager() as state:
        for name in ("a", "b", "c"):
            await state.create_conversation(name, "ann")
        await state.finalize_conversation("a")
        await state.create_conversation("a", "bob")
        with pytest.raises(InvalidInput):
            await state.create_conversation("d", "ann")
        assert (await state.get_conversation("a"))["participants"] == ["bob"]


async def test_a_lock_is_the_same_while_somebody_has_it_and_forgotten_behind_it():
    async with StateManager() as state:
        async with state.lock("a", "menu"):
            assert state.lock("a", "menu").locked()
        for n in range(100):
            async with state.lock(f"r{n}", "menu"):
                pass
        assert len(state._locks) <= 1
