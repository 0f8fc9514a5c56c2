"""The entries of a session's log: a closed list of kinds, past tense, for ever.

A payload is canonical JSON: UTF-8, keys sorted, no spaces; NaN and infinities are null. Readers
keep what they do not understand; only an entry flagged MUST_UNDERSTAND makes an older reader
refuse to restore.
"""

from typing import Annotated, Any, TypeAlias

import msgspec

from unbroken.log.changes import Change
from unbroken.log.plain import DEPTH_MAX, is_deep
from unbroken.log.plain import JSON as JSON  # noqa: PLC0414 - a word of this language, too
from unbroken.log.plain import plain as plain  # noqa: PLC0414

MUST_UNDERSTAND = 1
ALTERED = 2  # the payload had what JSON cannot say (lone surrogates, objects): replaced
BLOBS = 4  # large parts of the payload are blobs, see `large`
PAYLOAD_BYTES_MAX = 256 << 10  # what is larger travels as blobs

Item: TypeAlias = dict[str, Any]  # a LiveKit chat item in LiveKit's own JSON


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of all payloads. The kind stands beside the payload, not in it."""


class SessionOpened(Payload, frozen=True):
    """The first entry of a term: who speaks for the session now, and where."""

    room: str
    room_sid: str
    role: str
    agent_identity: str
    conversation_id: str
    versions: dict[str, str] = {}


class AgentEntered(Payload, frozen=True):
    """`agent` is the current agent; with `ran`, its `on_enter` was begun."""

    agent: str
    instructions: JSON = None  # text, or the parts of LiveKit's object
    tools: tuple[str, ...] = ()
    ran: bool = True


class AgentMade(Payload, frozen=True):
    """What `agent` was made with, when it was first seen: what can be written down, the arguments
    that are agents (their keys), those that are chat contexts, and the names of those that are
    `lost`."""

    agent: str
    type: str  # for people, and to tell apart classes of one name
    arguments: dict[str, JSON] = {}
    agents: dict[str, str] = {}
    contexts: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class OptionsChanged(Payload, frozen=True):
    """`renewed` are agents that a new version has otherwise than they had entered, with the
    instructions and tools that nobody has changed in this call."""

    options: dict[str, JSON]
    renewed: tuple[AgentEntered, ...] = ()


class ParticipantJoined(Payload, frozen=True):
    identity: str
    participant_kind: str
    name: str = ""
    metadata: str = ""
    attributes: dict[str, str] = {}


class ParticipantChanged(Payload, frozen=True):
    """Only the fields that changed are there."""

    identity: str
    name: str | None = None
    metadata: str | None = None
    attributes: dict[str, str] | None = None


class ParticipantLeft(Payload, frozen=True):
    identity: str
    reason: str | None = None


class ListenedTo(Payload, frozen=True):
    """Whom the agent listens to: `identity`, whom LiveKit chose or with `is_named` the application;
    while that one is away, `stand_in`."""

    identity: str | None
    stand_in: str | None = None
    is_named: bool = False


class ItemPut(Payload, frozen=True, rename={"from_": "from"}):
    """Kind `item`: an upsert by item id. A new one stands behind `after` (None: in front of all),
    in the history and, if `agent` is given, in that agent's own context too; with `is_last`, at
    the end of the context, whatever stands there.
    """

    item: Item
    after: str | None = None
    agent: str | None = None
    is_last: bool = False
    from_: str | None = None
    heard_ms: int | None = None
    generated: str | None = None  # what the model wrote, where it is more than was heard
    way: str | None = None  # by which an application reported it; None: LiveKit has it
    skip_reply: bool = False  # the application wants no answer to it

    def __post_init__(self) -> None:
        _check_id(self.item)


class ItemsRemoved(Payload, frozen=True):
    ids: tuple[str, ...]


class ContextChanged(Payload, frozen=True):
    """Kind `context`: an agent's own context, changed in another way than by `item`.

    `keep` leading places stay; behind them stand `then`: ids of history, or whole items that
    are in this context only.
    """

    agent: str
    keep: Annotated[int, msgspec.Meta(ge=0)]
    then: tuple[str | Item, ...]

    def __post_init__(self) -> None:
        for ref in self.then:
            if not isinstance(ref, str):
                _check_id(ref)


class UserdataChanged(Payload, frozen=True):
    """The session's userdata, in the JSON of `typed`: `value` is all of it, unless `changes` lead
    to it. `type` is its class. `refused` has the fields whose newest value is not in the log, and
    why: they are as they were when they last were stored."""

    type: str
    value: JSON = None
    changes: tuple[Change, ...] | None = None
    refused: dict[str, str] = {}


class AttributesChanged(Payload, frozen=True):
    """What the class of an agent has set on it; else as with userdata."""

    agent: str
    type: str
    value: JSON = None
    changes: tuple[Change, ...] | None = None
    refused: dict[str, str] = {}


class ToolStarted(Payload, frozen=True):
    call_id: str
    name: str
    arguments: str
    key: str | None = None  # the idempotency key of an @effect
    retry: str | None = None  # its policy: ask, query or safe


class ToolEnded(Payload, frozen=True):
    """`output` is what it came to; `told` the error that the model is told instead, if any. One
    that `hands_over` returned an agent, which becomes the current one behind that."""

    call_id: str
    status: str  # done, error, cancelled
    output: str | None = None
    told: str | None = None
    reply_required: bool = True
    hands_over: bool = False


class Digested(Payload, frozen=True):
    """Kind `digest`: what the live objects were, field by field; only what changed is there."""

    digests: dict[str, str]


class TaskStarted(Payload, frozen=True):
    """`agent` awaits an AgentTask: the agent of key `task`, of the class `kind`. `place` is where:
    the call id of a tool, called at `called_at`, or the method of `agent` (on_enter, on_exit).
    """

    task: str
    kind: str
    agent: str
    place: str
    called_at: float | None = None


class TaskEnded(Payload, frozen=True):
    """`value` is what the task returned, or what it raised (see `livekit/state/outcome.py`)."""

    task: str
    status: str  # done, error
    value: JSON = None


class AwaitingEnded(Payload, frozen=True):
    """What awaited tasks at `place` came to its end, or is not done again. (A tool's end says so
    by itself.)"""

    agent: str
    place: str


class Usage(Payload, frozen=True):
    usage: JSON


class Noted(Payload, frozen=True):
    """Kind `note`: an application's own fact."""

    name: str
    data: JSON = None


USER = "unbroken.user"  # the note by which an application names a person of the conversation


class Ended(Payload, frozen=True):
    reason: str


class Recovered(Payload, frozen=True):
    """A new holder continued the session. `report` says field by field what came back: `exact`,
    `degraded: why` or `missing: why`; `plan` what it did about what had been in flight."""

    cause: str
    gap_ms: int
    crashes: int
    plan: str
    report: dict[str, str]


class Lost(Payload, frozen=True):
    """Stands for an entry that could not be read or stored, so that the log has no gap; the last
    one of a very long gap for `count` of them."""

    cause: str
    kind: str | None = None
    sha256: str | None = None
    count: int = 1


class Unknown(msgspec.Struct, frozen=True):
    """An entry of a newer version, kept as it is."""

    kind: str
    payload: bytes


KINDS: dict[str, type[Payload]] = {
    "session_opened": SessionOpened,
    "agent_entered": AgentEntered,
    "agent_made": AgentMade,
    "options_changed": OptionsChanged,
    "participant_joined": ParticipantJoined,
    "participant_changed": ParticipantChanged,
    "participant_left": ParticipantLeft,
    "listened_to": ListenedTo,
    "item": ItemPut,
    "items_removed": ItemsRemoved,
    "context": ContextChanged,
    "userdata_changed": UserdataChanged,
    "attributes_changed": AttributesChanged,
    "tool_started": ToolStarted,
    "tool_ended": ToolEnded,
    "digest": Digested,
    "task_started": TaskStarted,
    "task_ended": TaskEnded,
    "awaiting_ended": AwaitingEnded,
    "usage": Usage,
    "note": Noted,
    "recovered": Recovered,
    "lost": Lost,
    "ended": Ended,
}
# Reserved: recording_started, recording_ended, whispered, handover_offered.
KIND_OF = {payload: kind for kind, payload in KINDS.items()}

SHALLOW_BYTES = 1_000  # brackets alone nest no deeper than 500 in less: every decoder takes that
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODERS = {kind: msgspec.json.Decoder(payload) for kind, payload in KINDS.items()}


def encode(payload: Payload) -> tuple[bytes, int]:
    """Canonical bytes, and the flags they need: ALTERED if something had to be replaced or cut,
    by the rules of `plain`."""
    try:
        data = _ENCODER.encode(payload)
        if len(data) < SHALLOW_BYTES or not is_deep(data, DEPTH_MAX + 1):
            return data, 0
    except Exception:  # noqa: BLE001, S110 - whatever a value does that JSON cannot say
        pass
    fields = zip(payload.__struct_fields__, payload.__struct_encode_fields__, strict=True)
    said = {name: plain(getattr(payload, field)) for field, name in fields}
    return _ENCODER.encode(said), ALTERED


def decode(kind: str, payload: bytes) -> Payload | Unknown:
    """Give the typed payload; Unknown for a kind, or a form of a kind, that this version lacks."""
    decoder = _DECODERS.get(kind)
    try:
        return decoder.decode(payload) if decoder else Unknown(kind, payload)
    except (msgspec.DecodeError, ValueError, RecursionError):  # no UTF-8 is a ValueError
        return Unknown(kind, payload)


def text_of(item: Item) -> str:
    """The words of a message; other contents (images, audio) have none."""
    return "\n".join(part for part in item.get("content", ()) if isinstance(part, str))


def _check_id(item: Item) -> None:
    if not isinstance(item, dict) or not isinstance(dict.get(item, "id"), str):
        raise ValueError("an item needs an id")  # noqa: TRY004 - msgspec makes it a decode error
