"""LiveKit as the watch sees it, made of what a test says there is."""

import json

import msgspec

from unbroken.dispatch import json_object
from unbroken.errors import RoomServerUnavailable
from unbroken.service.livekit_rooms import Asked, LiveRoom, RoomParticipant

PERSON = RoomParticipant("ann", is_person=True, is_agent=False)
AGENT = RoomParticipant("agent", is_person=False, is_agent=True)


class Rooms:
    """The rooms that LiveKit has; `is_away`: it does not answer."""

    def __init__(self, clock) -> None:
        self.rooms: dict[str, LiveRoom] = {}
        self.people: dict[str, list[RoomParticipant]] = {}
        self.is_away = False
        self.asked = 0  # requests
        self.dispatched: list[tuple[str, dict]] = []
        self.listed: dict[str, list[Asked]] = {}  # dispatches, by room
        self.removed: list[str] = []
        self.answer: bool | None = True  # of every agent that is asked whether it lives
        self._clock = clock

    def open(self, name="room", *people, sid="RM_room", conversation_id=None, age_s=3600):
        self.rooms[name] = LiveRoom(
            name=name,
            sid=sid,
            metadata=json.dumps(
                {"conversation_id": str(conversation_id)} if conversation_id else {}
            ),
            participants=len(people),
            created_at_us=self._clock.now_us() - age_s * 1_000_000,
        )
        self.people[name] = list(people)

    def close(self, name="room"):
        del self.rooms[name], self.people[name]

    def _ask(self):
        self.asked += 1
        if self.is_away:
            raise RoomServerUnavailable

    async def list(self, names=None):
        self._ask()
        return [room for name, room in self.rooms.items() if names is None or name in names]

    async def find(self, name):
        self._ask()
        return self.rooms.get(name)

    async def participants(self, name):
        self._ask()
        return tuple(self.people.get(name, ()))

    async def remove(self, name, identity):
        self._ask()
        self.removed.append(identity)
        return True

    async def answers(self, name, identity):
        self._ask()
        return self.answer

    async def create(self, name, *, metadata, agents):
        self._ask()
        conversation_id = json.loads(metadata)["conversation_id"]
        self.open(name, sid=f"RM_{name}", conversation_id=conversation_id, age_s=0)
        for agent, said in agents.items():
            await self.dispatch(name, agent_name=agent, said=said)
        return self.rooms[name]

    async def has_agent(self, name, identity=None):
        there = await self.participants(name)
        return any(p.is_agent and identity in (None, p.identity) for p in there)

    async def set_metadata(self, name, metadata):
        self._ask()
        self.rooms[name] = msgspec.structs.replace(self.rooms[name], metadata=metadata)

    def enter(self, name, *there):
        """Those are in the room now, and nobody else."""
        self.people[name] = list(there)
        self.rooms[name] = msgspec.structs.replace(self.rooms[name], participants=len(there))

    async def dispatch(self, name, *, agent_name, said):
        self._ask()
        self.listed.setdefault(name, []).append(
            Asked(id=f"AD_{len(self.dispatched)}", said=said, jobs=0, running=0)
        )
        self.dispatched.append((agent_name, json_object(said.metadata)))

    async def dispatches(self, name, agent_name):
        self._ask()
        return list(self.listed.get(name, ()))

    async def withdraw(self, name, dispatch_id):
        self._ask()
        self.listed[name] = [d for d in self.listed[name] if d.id != dispatch_id]

    async def delete(self, name):
        self._ask()
        return bool(self.rooms.pop(name, None))
