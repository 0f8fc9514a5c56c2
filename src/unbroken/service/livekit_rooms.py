"""Rooms on the LiveKit server, through its own API.

Every method raises RoomServerUnavailable if the server does not answer or does not know our key.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from livekit import api
from livekit.api.twirp_client import TwirpClient
from livekit.protocol.agent import JobStatus
from livekit.protocol.models import ParticipantInfo

from unbroken import people
from unbroken.archive.taking import ALIVE
from unbroken.dispatch import Said
from unbroken.errors import InvalidInput, NotFound, RoomServerUnavailable
from unbroken.people import Person
from unbroken.service.settings import Settings

TIMEOUT_S = 5.0
TOKEN_TTL = timedelta(minutes=10)  # asked for again at each join; LiveKit renews it inside a call
ANSWER_TIMEOUT_MS = 2_000  # an agent answers in a few ms, unless a synchronous tool holds it up
EMPTY_TIMEOUT_S = 300
SHOWN_LOOKS, SHOWN_LOOK_S = 50, 0.02  # in vain if somebody else has written since
RUNNING = {JobStatus.JS_PENDING, JobStatus.JS_RUNNING}
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

T = TypeVar("T")


class LiveRoom(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sid: str
    metadata: str
    participants: int
    created_at_us: int


class RoomParticipant(msgspec.Struct, frozen=True):
    """Who is in a room; `is_person`: joined from a browser, an app or a telephone."""

    identity: str
    is_person: bool
    is_agent: bool
    phone: str | None = None

    @property
    def person(self) -> Person:
        return Person(self.identity, self.phone)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A dispatch as LiveKit lists it: what it said, and what has become of its jobs.

    Of a worker that died LiveKit says for ever that its job runs; of jobs that it has just begun
    it says nothing for up to five seconds.
    """

    id: str
    said: Said
    jobs: int
    running: int


class LiveKitRooms:
    """Use as `async with LiveKitRooms.open(settings) as rooms`; no request is made by opening."""

    def __init__(self, client: api.LiveKitAPI, twirp: TwirpClient, settings: Settings) -> None:
        self._client = client
        self._twirp = twirp
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as http:
            client = api.LiveKitAPI(
                settings.livekit_url,
                settings.livekit_api_key,
                settings.livekit_api_secret.get_secret_value(),
                session=http,
                failover=False,
            )
            twirp = TwirpClient(http, settings.livekit_url, "livekit", failover=False)
            yield cls(client, twirp, settings)

    async def list(self, names: Sequence[str] | None = None) -> list[LiveRoom]:
        """All rooms, or those of `names` that there are."""
        request = api.ListRoomsRequest(names=names)
        found = await _asked(self._client.room.list_rooms(request))
        return [_room(room) for room in found.rooms]

    async def find(self, name: str) -> LiveRoom | None:
        rooms = await self.list([name])
        return rooms[0] if rooms else None

    async def create(self, name: str, *, metadata: str, agents: Mapping[str, Said]) -> LiveRoom:
        """Make the room, with these agents on their way to it and what each is told. One that
        exists stays as it is."""
        asked = [
            api.RoomAgentDispatch(
                agent_name=agent, metadata=said.metadata, attributes=said.attributes
            )
            for agent, said in agents.items()
        ]
        request = api.CreateRoomRequest(
            name=name,
            metadata=metadata,
            empty_timeout=EMPTY_TIMEOUT_S,
            departure_timeout=self._settings.departure_s,
            agents=asked,
        )
        return _room(await _asked(self._client.room.create_room(request)))

    async def dispatch(self, name: str, *, agent_name: str, said: Said) -> None:
        """Ask for an agent; "" is any worker that has no name. A hope: who comes twice is told
        so by `take`."""
        request = api.CreateAgentDispatchRequest(
            agent_name=agent_name, room=name, metadata=said.metadata, attributes=said.attributes
        )
        await _asked(self._client.agent_dispatch.create_dispatch(request))

    async def dispatches(self, name: str, agent_name: str) -> tuple[Asked, ...]:
        """Those of that agent that the room has, whoever made them, the newest last."""
        try:
            found = await _asked(self._client.agent_dispatch.list_dispatch(name))
        except NotFound:
            return ()
        made = sorted(found, key=lambda d: int(d.state.created_at))
        return tuple(_dispatch(d) for d in made if d.agent_name == agent_name)

    async def withdraw(self, name: str, dispatch_id: str) -> None:
        """Forget a dispatch: whom it brings after all is sent out by LiveKit."""
        try:
            await _asked(self._client.agent_dispatch.delete_dispatch(dispatch_id, name))
        except NotFound:
            return

    async def participants(self, name: str) -> tuple[RoomParticipant, ...]:
        """Who is in the room; nobody is in one that there is not."""
        request = api.ListParticipantsRequest(room=name)
        try:
            found = await _asked(self._client.room.list_participants(request))
        except NotFound:
            return ()
        return tuple(_participant(p) for p in found.participants)

    async def has_agent(self, name: str, identity: str | None = None) -> bool:
        """Any agent, or the one of that identity."""
        agents = [p.identity for p in await self.participants(name) if p.is_agent]
        return bool(agents) if identity is None else identity in agents

    async def remove(self, name: str, identity: str) -> bool:
        """Send one out. False if it was not there."""
        request = api.RoomParticipantIdentity(room=name, identity=identity)
        try:
            await _asked(self._client.room.remove_participant(request))
        except NotFound:
            return False
        return True

    async def answers(self, name: str, identity: str) -> bool | None:
        """Whether the agent's own process answers in its room; None if it cannot be asked."""
        request = api.PerformRpcRequest(
            room=name,
            destination_identity=identity,
            method=ALIVE,
            response_timeout_ms=ANSWER_TIMEOUT_MS,
        )
        grants = api.VideoGrants(room_admin=True, room=name)
        headers = {"Authorization": f"Bearer {self._signed().with_grants(grants).to_jwt()}"}
        try:  # livekit-api has no method of its own for this call yet
            await self._twirp.request(
                "RoomService", "PerformRpc", request, headers, api.PerformRpcResponse
            )
        except api.TwirpError as error:
            # invalid_argument: it has no such method, and said so itself.
            return {"canceled": False, "invalid_argument": True}.get(error.code)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        return True

    async def delete(self, name: str) -> bool:
        """Send everybody out. False if there was no such room."""
        try:
            await _asked(self._client.room.delete_room(api.DeleteRoomRequest(room=name)))
        except NotFound:
            return False
        return True

    async def set_metadata(self, name: str, metadata: str) -> None:
        """On return `find` gives it, so that who merges into it next loses nothing: LiveKit
        answers some milliseconds before it shows what it was told. Raises NotFound."""
        request = api.UpdateRoomMetadataRequest(room=name, metadata=metadata)
        await _asked(self._client.room.update_room_metadata(request))
        for _ in range(SHOWN_LOOKS):
            room = await self.find(name)
            if room is None or room.metadata == metadata:
                return
            await asyncio.sleep(SHOWN_LOOK_S)

    def token(self, room: str, *, identity: str, name: str | None) -> str:
        """For one person, one room and one join: a microphone, no data, no admin."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["microphone"],
            can_subscribe=True,
            can_publish_data=False,
        )
        token = self._signed().with_ttl(TOKEN_TTL)
        return (
            token.with_identity(identity).with_name(name or identity).with_grants(grants).to_jwt()
        )

    def _signed(self) -> api.AccessToken:
        secret = self._settings.livekit_api_secret.get_secret_value()
        return api.AccessToken(self._settings.livekit_api_key, secret)


async def _asked(request: Awaitable[T]) -> T:
    try:
        return await request
    except api.TwirpError as error:
        raise _translated(error) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RoomServerUnavailable(
            f"LiveKit does not answer ({type(error).__name__}); is livekit-server running?"
        ) from error


def _translated(error: api.TwirpError) -> Exception:
    if error.status in REFUSED:
        return RoomServerUnavailable("LiveKit refuses LIVEKIT_API_KEY or LIVEKIT_API_SECRET")
    match error.code:
        case "not_found":
            return NotFound(f"LiveKit: {error.message}")
        case "invalid_argument" | "malformed" | "out_of_range":
            return InvalidInput(f"LiveKit: {error.message}")
        case code:
            return RoomServerUnavailable(f"LiveKit answered {code}: {error.message}")


def _participant(info: Any) -> RoomParticipant:
    kind = (
        ParticipantInfo.Kind.Name(info.kind) if info.kind in ParticipantInfo.Kind.values() else ""
    )
    return RoomParticipant(
        info.identity,
        phone=people.person(info.identity, kind, info.attributes).phone,
        is_person=_is_person(info.kind) and info.state != ParticipantInfo.State.DISCONNECTED,
        is_agent=info.kind == ParticipantInfo.Kind.AGENT,
    )


def _dispatch(dispatch: Any) -> Asked:
    states = [job.state.status for job in dispatch.state.jobs]
    return Asked(
        id=dispatch.id,
        said=Said(dispatch.metadata, dict(dispatch.attributes)),
        jobs=len(states),
        running=sum(state in RUNNING for state in states),
    )


def _is_person(kind: int) -> bool:
    kinds = ParticipantInfo.Kind
    return kind in kinds.values() and people.is_person(kinds.Name(kind))


def _room(room: Any) -> LiveRoom:
    return LiveRoom(
        name=room.name,
        sid=room.sid,
        metadata=room.metadata,
        participants=room.num_participants,
        created_at_us=room.creation_time_ms * 1_000 or room.creation_time * 1_000_000,
    )
