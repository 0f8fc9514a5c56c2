"""Two durable sessions of one job, kept at a service that is not the environment's: they survive a
kill together, and leave together when one of them is another agent's."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest
from livekit import api, rtc

from tests.e2e.house import House, standing_house
from tests.e2e.test_failover import is_dead
from tests.e2e.waiting import WAIT_S, until
from unbroken.archive.http import RemoteArchive
from unbroken.testing.holders import Holder

pytestmark = pytest.mark.e2e

ROLES = ("left", "right")
SPOKEN = {role: [f"hello from {role}", f"You said hello from {role}."] for role in ROLES}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("roles")
    (folder / "state").mkdir()
    house = standing_house(
        folder,
        "tests.e2e.roles_worker",
        [],
        UNBROKEN_TEST_STATE=str(folder / "state"),
        UNBROKEN_ARCHIVE="http://127.0.0.1:9",
    )
    with pytest.MonkeyPatch.context() as patch:
        # Known only when the house has its ports: the worker is told with the rest.
        told = House._environment
        patch.setattr(
            House,
            "_environment",
            lambda self: told(self) | {"UNBROKEN_TEST_ARCHIVE": self.service_url},
        )
        with house as standing:
            yield standing


@contextlib.asynccontextmanager
async def in_room(house: House, name: str) -> AsyncIterator[dict[str, Any]]:
    """Two people in a room; gives the room, once its job has both sessions and has answered."""
    room = house.create_room(name)
    people = []
    for role in ROLES:
        grants = api.VideoGrants(room_join=True, room=name)
        token = api.AccessToken(house.key, house.secret).with_identity(role).with_grants(grants)
        people.append(person := rtc.Room())
        await person.connect(house.livekit_url, token.to_jwt())
    await until(lambda: spoken(job(house, name)) == SPOKEN)
    yield room
    for person in people:
        await person.disconnect()


def job(house: House, room_name: str, *, but: int = 0) -> dict[str, Any]:
    """What the room's newest job shows, with its process."""
    paths = sorted((house.folder / "state").glob(f"{room_name}.*.json"), key=os.path.getmtime)
    found = [(int(path.name.split(".")[1]), path) for path in paths]
    shown = [json.loads(path.read_text()) | {"pid": pid} for pid, path in found if pid != but]
    return shown[-1] if shown else {}


def spoken(state: dict[str, Any]) -> dict[str, list[str]]:
    """By those whose session is known."""
    return {role: state[role][1] for role in ROLES if role in state and state[role][0]}


def phases(house: House, state: dict[str, Any]) -> list[tuple[str, int]]:
    rows = [house.get(f"/sessions/{state[role][0]}") for role in ROLES]
    return [(row["phase"], row["term"]) for row in rows]


async def test_both_go_on_behind_a_kill_and_all_is_at_the_service_that_was_named(house):
    async with in_room(house, "goes-on") as room:
        first = job(house, room["name"])
        os.kill(first["pid"], signal.SIGKILL)
        await until(lambda: phases(house, first) == [("live", 2)] * 2)
        await until(lambda: spoken(job(house, room["name"], but=first["pid"])) == SPOKEN)
        second = job(house, room["name"], but=first["pid"])
        assert {role: second[role][0] for role in ROLES} == {r: first[r][0] for r in ROLES}
        said = await house.messages(room["conversation_id"], count=4)
        assert sorted(m["content"] for m in said) == sorted([*SPOKEN["left"], *SPOKEN["right"]])
        assert list(house.spool.glob("*.journal")) == []  # nothing for the environment's service


async def test_a_deposed_agent_is_out_of_the_room_though_the_application_fails_and_stays(house):
    async with in_room(house, "stays") as room:
        state = job(house, room["name"])
        await depose(house, room, UUID(state["left"][0]))
        async with api.LiveKitAPI(house.livekit_url, house.key, house.secret) as livekit:
            asked = api.ListParticipantsRequest(room=room["name"])
            async with asyncio.timeout(WAIT_S):
                while True:
                    there = (await livekit.room.list_participants(asked)).participants
                    if {p.identity for p in there} == set(ROLES):
                        break
                    await asyncio.sleep(0.1)
        assert (house.folder / "state" / f"stays.{state['pid']}.fenced").exists()
        await until(lambda: is_dead(state["pid"]))


async def depose(house: House, room: dict[str, Any], session_id: UUID) -> None:
    """Take the session for another holder, which looks to LiveKit like the same agent."""
    async with RemoteArchive(house.service_url) as archive:
        old, new = Holder(archive), Holder(archive)
        row = house.get(f"/sessions/{session_id}")
        old.id = UUID(holder_of(house, room, session_id))
        await old.send(old.batch_of(session_id, row["term"], final="empty"))  # nobody is sent for
        await new.take(
            room["name"], session_id=session_id, role="left", agent_identity=row["agent_identity"]
        )


def holder_of(house: House, room: dict[str, Any], session_id: UUID) -> str:
    from tests.e2e.house import _whose  # noqa: PLC0415

    paths = sorted(house.spool.glob("archives/*/*.journal"))
    (found,) = [p.stem for p in paths if _whose(p) == (room["name"], "left")]
    return found
