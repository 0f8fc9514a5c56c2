"""`BackendClient`: the backend as older agents know it, with saves that lose nothing.

Saves go to the journal of the room: the one of this process's call, or one of our own. Reads go
to the service; a failed read is an error, never an empty answer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import msgspec

from unbroken import names
from unbroken.by_room import CLIENT as ROLE
from unbroken.cause import EMPTY
from unbroken.conversation import LLMMessage
from unbroken.destination import Destination
from unbroken.entries import (
    JSON,
    USER,
    Noted,
    ParticipantJoined,
    ParticipantLeft,
    Payload,
    plain,
)
from unbroken.env import Env, Host
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    NotFound,
    RoomServerUnavailable,
    TooLarge,
    Unauthorized,
    UnbrokenError,
)
from unbroken.frames import Header
from unbroken.live import Live, by_room
from unbroken.remote import http_client
from unbroken.saved import Saved
from unbroken.spool import Spool
from unbroken.tend import tend

TIMEOUT_S = 5.0
OWN_MAX = 1_000  # own journals open at once; beyond it the one unused for longest is closed
ERRORS: dict[int, type[UnbrokenError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    400: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
}


class Named(Protocol):
    @property
    def name(self) -> str: ...


class BackendClient:
    """Belongs to one event loop. `settings` is the service's URL, or any object with a
    `backend_url` and, if wanted, a `backend_api_key`; by default UNBROKEN_ARCHIVE decides.
    `token` is the key for the service. Reads and saves reach that service, and no other: a call
    of this process that is kept elsewhere is not this client's."""

    def __init__(
        self,
        settings: object = None,
        *,
        token: str | None = None,
        env: Env | None = None,
    ) -> None:
        self._env = env or Host()
        url = settings if isinstance(settings, str) else getattr(settings, "backend_url", None)
        key = token or getattr(settings, "backend_api_key", None)
        self._destination = Destination.of(self._env, url and str(url), key=key)
        self.url = self._destination.url
        self._http = http_client(self.url, key=self._destination.key, timeout_s=TIMEOUT_S)
        self._own: dict[str, Live] = {}  # by room, the one unused for longest first
        self._tending: dict[Live, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    # Reads and requests: they speak to the service, and raise when it does not answer.

    async def agent_joined(
        self, room_name: str, agent_metadata: Mapping[str, Any] | None = None
    ) -> str:
        """The room's conversation id. Without the service it is one made here, which the
        service takes over when it is back: the call starts, and stays one conversation."""
        if live := self._call(room_name):
            return _conversation_id(live)
        body = {"metadata": _json(agent_metadata or {})}
        try:
            answer = await self._request("POST", f"/rooms/{_part(room_name)}/agents", json=body)
        except ArchiveUnavailable:
            return _conversation_id(self._live(room_name))
        return str(answer["conversation_id"])

    async def get_recent_messages(self, conversation_id: str, limit: int = 10) -> list[LLMMessage]:
        """The last messages, oldest first. Raises ArchiveUnavailable, NotFound."""
        path = f"/conversations/{_part(conversation_id)}/messages"
        answer = await self._request("GET", path, params={"limit": limit})
        return [_message(raw) for raw in answer["messages"]]

    async def get_user_context(self, identity: str) -> dict[str, Any]:
        """What is known of a user across rooms; {} for somebody new."""
        try:
            return await self._request("GET", f"/users/{_part(identity)}/context")
        except NotFound:
            return {}

    async def create_room(self, name: str) -> dict[str, Any]:
        """The room, its conversation and a token to join it."""
        return await self._request("POST", "/rooms", json={"name": name})

    async def update_room_metadata(self, room: str | Named, metadata: Mapping[str, Any]) -> None:
        """Merge `metadata` into the room's, through the service: an agent's token may not."""
        name = room if isinstance(room, str) else room.name
        await self._request("PUT", f"/rooms/{_part(name)}/metadata", json=_json(metadata))

    async def handle_file_upload(
        self, room_name: str, identity: str, data: bytes, *, name: str = "file"
    ) -> dict[str, Any]:
        """Keep a file in blob storage; the answer has its `id`."""
        fields = {"room_name": room_name, "identity": identity}
        return await self._request(
            "POST", "/files/upload", data=fields, files={"file": (name, data)}
        )

    # Saves: safe when the plain call returns.

    def save_conversation_turn(
        self,
        room_name: str,
        participant_identity: str | None = None,
        user_message: str | None = None,
        assistant_message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Record both sides of a turn, and who spoke: the conversation is known as theirs from
        then on. What LiveKit reports too appears once."""
        live, extra = self._live(room_name), _json(metadata or {})
        if participant_identity:
            self._name_user(live, participant_identity)
        if participant_identity and user_message:
            extra = {**extra, "participant_identity": participant_identity}
        for role, text in (("user", user_message), ("assistant", assistant_message)):
            if text:
                speaker = participant_identity if role == "user" else None
                live.say("turn", role, text, extra=extra, speaker=speaker or None)
        return _saved(live)

    def save_session(self, session_data: Mapping[str, Any]) -> Saved:
        """Record the summary of a session: `room_name`, `messages`, `participants`, `duration`."""
        live = self._live(session_data.get("room_name") or _only_room())
        return self._note(live, "session_summary", session_data)

    def save_conversation(self, room_name: str, conversation: object) -> Saved:
        """Record an application's own final form of a conversation."""
        return self._note(self._live(room_name), "conversation", conversation)

    def participant_connected(
        self, room_name: str, identity: str, metadata: Mapping[str, Any] | None = None
    ) -> Saved:
        live = self._live(room_name)
        known = live.session.participants.get(identity)
        if known is None or not known.is_here:
            text = msgspec.json.encode(_json(metadata or {})).decode()
            live.record(ParticipantJoined(identity, "standard", metadata=text))
        return _saved(live)

    def participant_disconnected(self, room_name: str, identity: str) -> Saved:
        live = self._live(room_name)
        known = live.session.participants.get(identity)
        if known is not None and known.is_here:
            live.record(ParticipantLeft(identity))
        return _saved(live)

    def log_error(
        self, room_name: str, error_type: str, message: str, stack_trace: str | None = None
    ) -> Saved:
        said = {"error_type": error_type, "message": message, "stack_trace": stack_trace}
        return self._note(self._live(room_name), "error", said)

    async def cleanup(self) -> None:
        """Close. What is saved and not yet stored is shipped by the keeper."""
        for room_name in tuple(self._own):
            self._let_go(room_name)
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._http.aclose()

    def _name_user(self, live: Live, identity: str) -> None:
        """Once for each run of turns of the same person."""
        if live.session.notes.get(USER) != identity:
            live.record(Noted(USER, identity))

    def _note(self, live: Live, name: str, data: object) -> Saved:
        payload: Payload = Noted(name, _json(data))
        live.record(payload)
        live.journal.sync()
        return _saved(live)

    def _live(self, room_name: str) -> Live:
        """The journal of this room: of this process's call, or one of our own."""
        live = self._call(room_name)
        if live is not None and live is not self._own.get(room_name):
            return live
        own = self._own.pop(room_name, None)
        if own is not None and (own.is_fenced or own.is_ended):
            self._close(own)  # the call that it was of is over
            own = None
        self._own[room_name] = own = own or self._open(room_name)
        while len(self._own) > OWN_MAX:
            self._let_go(next(iter(self._own)))
        return own

    def _call(self, room_name: str) -> Live | None:
        return by_room.get(room_name, spool_folder=self._destination.folder)

    def _open(self, room_name: str) -> Live:
        spool = self._destination.spool()
        live = Live.open(spool, self._header(spool, room_name))
        self._tending[live] = asyncio.create_task(tend(live, spool), name="unbroken tend")
        return live

    def _let_go(self, room_name: str) -> None:
        self._close(self._own.pop(room_name))

    def _close(self, live: Live) -> None:
        closing = asyncio.create_task(self._end(live), name="unbroken close")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _end(self, live: Live) -> None:
        tending = self._tending.pop(live)
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
        await live.close(EMPTY)

    def _header(self, spool: Spool, room_name: str) -> Header:
        names.check("a save's room", room_name)
        env, holder = self._env, self._env.new_id()
        return Header(
            holder=holder,
            host_id=spool.host_id(),
            room=room_name,
            room_sid=f"none-{holder}",  # not known here: the service finds the room's open call
            role=ROLE,
            agent_identity=f"{ROLE}-{holder.hex[-8:]}",
            new_session_id=env.new_id(),
            new_call_id=env.new_id(),
            new_conversation_id=env.new_id(),
            started_at_us=env.now_us(),
            pid=env.pid(),
        )

    async def _request(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **what)
        except httpx.HTTPError as error:
            raise ArchiveUnavailable(f"{self.url}: {type(error).__name__}") from error
        if answer.is_success:
            return _body(answer)
        raise _error(answer)


def _error(answer: httpx.Response) -> UnbrokenError:
    detail = f"{answer.request.url} answers {answer.status_code}: {answer.text[:200]}"
    if "room_server_unavailable" in answer.text[:2_000]:
        return RoomServerUnavailable(detail)
    return ERRORS.get(answer.status_code, ArchiveUnavailable)(detail)


def _body(answer: httpx.Response) -> dict[str, Any]:
    if not answer.content:
        return {}
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ArchiveUnavailable(f"{answer.request.url} answers in another form") from error


def _message(raw: Mapping[str, Any]) -> LLMMessage:
    said_at = raw.get("created_at")
    return LLMMessage(
        role=raw["role"],
        content=raw["content"],
        id=raw.get("id"),
        created_at=datetime.fromisoformat(said_at).timestamp() if said_at else None,
        interrupted=bool(raw.get("interrupted")),
    )


def _saved(live: Live) -> Saved:
    n = live.journal.appended
    return Saved(n, lambda: live.durable("service", upto=n))


def _conversation_id(live: Live) -> str:
    header = live.journal.header
    return str(header.conversation_id or header.new_conversation_id)


def _only_room() -> str:
    """The room that is meant when there is only one in this process."""
    rooms = list(by_room)
    if len(rooms) != 1:
        raise InvalidInput("session_data needs room_name: this process has not just one room")
    return rooms[0]


def _part(name: str) -> str:
    """`name` as one part of a path."""
    return quote(name, safe="")


def _json(value: object) -> Any:
    """Plain JSON; messages that have an id are already in the log, and are named by it."""
    return plain(msgspec.to_builtins(value, enc_hook=_unfold))


def _unfold(value: object) -> JSON:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return [getattr(item, "id", None) or item for item in value]
    return str(value)
