"""`BackendClient`: the backend as older agents know it, with saves that lose nothing.

Saves go to the journal of the room: the one of this process's call, or one of our own. Reads go
to the service; a failed read is an error, never an empty answer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

import httpx
import msgspec

from unbroken import names
from unbroken.archive import http
from unbroken.archive.addresses import checked
from unbroken.archive.destination import Destination
from unbroken.archive.http import ask, http_client, refusal
from unbroken.env import Env, Host
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    RoomServerUnavailable,
)
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.live.by_room import CLIENT as ROLE
from unbroken.live.heartbeat import tend
from unbroken.live.live import Live, by_room
from unbroken.live.saved import Saved
from unbroken.log.cause import EMPTY
from unbroken.log.entries import (
    JSON,
    USER,
    Noted,
    ParticipantJoined,
    ParticipantLeft,
    Payload,
    plain,
)

TIMEOUT_S = 5.0  # for the whole of a request and its answer
UPLOAD_S = 60.0
JOINING_S = 0.35  # a call that starts does not wait for the service longer than a person notices
ANSWER_BYTES_MAX = 64 << 20
ANSWERS = (*http.ANSWERS, Conflict, RoomServerUnavailable)
DONE = {httpx.codes.OK, httpx.codes.CREATED}
_ANY: TypeAlias = dict[str, Any]
OWN_MAX = 1_000  # own journals open at once; beyond it the one unused for longest is closed


A = TypeVar("A")


class LLMMessage(msgspec.Struct, kw_only=True):
    """One message of a conversation: what was said, or heard of it."""

    role: str
    content: str
    metadata: dict[str, Any] = {}
    id: str | None = None
    created_at: float | None = None  # seconds since 1970
    interrupted: bool = False


class _Line(msgspec.Struct):
    role: str
    content: str
    id: str | None = None
    created_at: datetime | None = None
    interrupted: bool = False
    corrupt: bool = False


class _Lines(msgspec.Struct):
    messages: list[_Line]


class _Joined(msgspec.Struct):
    conversation_id: str


class NamedRoom(Protocol):
    @property
    def name(self) -> str: ...


class BackendClient:
    """Belongs to one event loop. `settings` is the service's URL, or its replicas' with commas
    between, or any object with a `backend_url` and, if wanted, a `backend_api_key`; by default
    UNBROKEN_ARCHIVE decides.
    `token` is the key for the service. Reads and saves reach that service, and no other: a call
    of this process that is kept elsewhere is not this client's.

    Whatever comes back that is no answer of the service is ArchiveUnavailable, after TIMEOUT_S at
    the latest. Raises SettingsInvalid for a URL at which there can be none."""

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
        self.url = checked(self._destination.url)
        self._http = http_client(self.url, key=self._destination.key, timeout_s=TIMEOUT_S)
        self._own: dict[str, Live] = {}  # by room, the one unused for longest first
        self._tending: dict[Live, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    # Reads and requests: they speak to the service, and raise when it does not answer.

    async def agent_joined(
        self, room_name: str, agent_metadata: Mapping[str, Any] | None = None
    ) -> str:
        """The room's conversation id. Without the service it is one made here, which the
        service takes over when it is back: the call starts, and stays one conversation. The
        service is waited for JOINING_S."""
        if live := self._call(room_name):
            return _conversation_id(live)
        body = {"metadata": _json(agent_metadata or {})}
        path = f"/rooms/{http.part(room_name)}/agents"
        try:
            joined = await self._request("POST", path, _Joined, within_s=JOINING_S, json=body)
        except ArchiveUnavailable:
            return _conversation_id(self._live(room_name))
        return joined.conversation_id

    async def get_recent_messages(self, conversation_id: str, limit: int = 10) -> list[LLMMessage]:
        """The last messages, oldest first. Raises ArchiveUnavailable, NotFound."""
        path = f"/conversations/{http.part(conversation_id)}/messages"
        answer = await self._request("GET", path, _Lines, params={"limit": limit})
        return [_message(line) for line in answer.messages if not line.corrupt]

    async def get_user_context(self, identity: str) -> dict[str, Any]:
        """What is known of a user across rooms; `known` is False for somebody new."""
        return await self._request("GET", f"/users/{http.part(identity)}/context", _ANY)

    async def create_room(self, name: str) -> dict[str, Any]:
        """The room, its conversation and a token to join it."""
        return await self._request("POST", "/rooms", _ANY, json={"name": name})

    async def update_room_metadata(
        self, room: str | NamedRoom, metadata: Mapping[str, Any]
    ) -> None:
        """Merge `metadata` into the room's, through the service: an agent's token may not."""
        name = room if isinstance(room, str) else room.name
        path = f"/rooms/{http.part(name)}/metadata"
        await self._request("PUT", path, _ANY, json=_json(metadata))

    async def handle_file_upload(
        self, room_name: str, identity: str, data: bytes, *, name: str = "file"
    ) -> dict[str, Any]:
        """Keep a file in blob storage; the answer has its `id`."""
        fields = {"room_name": room_name, "identity": identity}
        what = {"data": fields, "files": {"file": (name, data)}}
        return await self._request("POST", "/files/upload", _ANY, within_s=UPLOAD_S, **what)

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

    async def _request(
        self, method: str, path: str, form: type[A], *, within_s: float = TIMEOUT_S, **what: Any
    ) -> A:
        bounds: dict[str, Any] = {"within_s": within_s, "bytes_max": ANSWER_BYTES_MAX}
        status, content = await ask(self._http, method, path, **bounds, **what)
        if status not in DONE:
            raise refusal(self.url, status, content, kinds=ANSWERS)
        try:
            return msgspec.json.decode(content, type=form)
        except (msgspec.DecodeError, ValueError, RecursionError):  # no UTF-8: ValueError
            raise ArchiveUnavailable(f"{self.url}{path} answers in another form") from None


def _message(line: _Line) -> LLMMessage:
    return LLMMessage(
        role=line.role,
        content=line.content,
        id=line.id,
        created_at=line.created_at.timestamp() if line.created_at else None,
        interrupted=line.interrupted,
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


def _json(value: object) -> Any:
    """Plain JSON; messages that have an id are already in the log, and are named by it."""
    return plain(msgspec.to_builtins(value, enc_hook=_unfold))


def _unfold(value: object) -> JSON:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return [getattr(item, "id", None) or item for item in value]
    return str(value)
