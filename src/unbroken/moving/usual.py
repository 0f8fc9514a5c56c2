"""The two usual shapes of a conversation in Redis, read and written. No I/O.

    conversation:{room}        one JSON text: an object with `messages`, and whatever else
    conversation:{id}:history  a list of JSON texts, a message each; only the last ones are there

Which of both a key holds is told by its type. A message is an object with `role` and `content`;
all that it has besides is kept with it. What has not this form is named, and costs only itself.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid5

import msgspec

from unbroken import names
from unbroken.errors import InvalidInput
from unbroken.log.entries import JSON, plain

PREFIX, HISTORY = "conversation:", ":history"
OWN = UUID("6f3dd5d4-57b1-5a6e-9d0e-0f6f3ad1c9b7")  # of ids made of names that are no uuids
ID_KEYS, START_KEYS = ("conversation_id", "id"), ("started_at", "created_at")
TIME_KEYS = ("timestamp", "created_at")
USER_KEYS = ("user_id", "participant_identity")
MESSAGE_BYTES_MAX = 200_000  # of its JSON; an entry of the log holds 256 KiB
MS_FROM = 1e11  # a larger number is in milliseconds: in seconds it would be the year 5138
US_MAX = 1 << 62


class Unread(msgspec.Struct, frozen=True):
    """What could not be read, and why. `place`: of a message in its key, from 0."""

    key: str
    why: str
    place: int | None = None

    def __str__(self) -> str:
        at = "" if self.place is None else f", message {self.place}"
        return f"{self.key}{at}: {self.why}"


class UsualMessage(msgspec.Struct, frozen=True):
    """`rest`: all its fields but role and content. `at_us`: since 1970; None: it does not say."""

    role: str
    content: str
    rest: dict[str, JSON]
    at_us: int | None

    @classmethod
    def of(cls, role: str, content: str, rest: dict[str, JSON]) -> Self:
        return cls(role, content, rest, _first_time(rest, TIME_KEYS))

    @property
    def name(self) -> bytes:
        """The same for what was said by the same one at the same time."""
        return _digest([self.role, self.content, self.at_us])

    @property
    def whole(self) -> bytes:
        """The same only for what is the same in all fields."""
        return _digest([self.role, self.content, self.rest])

    def as_usual(self) -> dict[str, JSON]:
        return {"role": self.role, "content": self.content, **self.rest}


class UsualConversation(msgspec.Struct, frozen=True):
    """One key. `about`: what its JSON has besides `messages`; None: it is a list."""

    key: str
    id: UUID
    about: dict[str, JSON] | None
    messages: tuple[UsualMessage, ...]
    unread: tuple[Unread, ...] = ()

    def says_the_same(self, other: Self) -> bool:
        """In all fields, and all of it can be read."""
        mine, others = ([m.whole for m in one.messages] for one in (self, other))
        return not self.unread and self.about == other.about and mine == others

    @property
    def started_us(self) -> int | None:
        return _first_time(self.about or {}, START_KEYS)

    @property
    def user(self) -> str | None:
        """Whose it is, as far as the JSON says it."""
        about = self.about or {}
        people = about.get("participants")
        named = [about.get(key) for key in USER_KEYS]
        named += people[:1] if isinstance(people, list) else []
        return next((who for who in named if _is_name(who)), None)


def digest(messages: Iterable[UsualMessage]) -> str:
    """SHA-256 over who said what and when, in order."""
    return hashlib.sha256(b"".join(message.name for message in messages)).hexdigest()


def room_key(room: str) -> str:
    return f"{PREFIX}{room}"


def history_key(conversation_id: object) -> str:
    return f"{PREFIX}{conversation_id}{HISTORY}"


def read_room(key: str, data: bytes) -> UsualConversation:
    """Of the first shape. Raises InvalidInput, with why, if nothing of it can be read."""
    found = _object(data)
    lines = found.pop("messages", None)
    if not isinstance(lines, list):
        raise InvalidInput("there is no list of messages")
    about = plain(found)
    messages, unread = _read_all(key, lines)
    if about != found or _size(about) > MESSAGE_BYTES_MAX:
        unread += (Unread(key, "what it has besides messages is more than can be kept"),)
        about = {name: about[name] for name in (*ID_KEYS, *START_KEYS) if name in about}
    return UsualConversation(key, _id_of(key, about), about, messages, unread)


def read_history(key: str, lines: Sequence[bytes]) -> UsualConversation:
    """Of the second shape."""
    name = key.removeprefix(PREFIX).removesuffix(HISTORY)
    return UsualConversation(key, _uuid(name), None, *_read_all(key, lines))


def write_room(about: dict[str, JSON], messages: Iterable[UsualMessage]) -> str:
    return json.dumps({**about, "messages": [message.as_usual() for message in messages]})


def write_line(message: UsualMessage) -> str:
    return json.dumps(message.as_usual())


def message_of(line: object) -> UsualMessage:
    """Raises InvalidInput."""
    said = _object(line) if isinstance(line, bytes) else line
    if not isinstance(said, dict):
        raise InvalidInput("it is no JSON object")
    kept = plain(said)
    if kept != said:
        raise InvalidInput("it has values that JSON cannot say: NaN, or half a character")
    role, content = kept.pop("role", None), kept.pop("content", None)
    if not _is_name(role):
        raise InvalidInput("it has no role")
    if not isinstance(content, str):
        raise InvalidInput("its content is no text")
    if (size := _size(said)) > MESSAGE_BYTES_MAX:
        raise InvalidInput(f"it has {size} bytes: {MESSAGE_BYTES_MAX} are the most")
    return UsualMessage.of(role, content, kept)


def _read_all(
    key: str, lines: Sequence[object]
) -> tuple[tuple[UsualMessage, ...], tuple[Unread, ...]]:
    messages, unread = [], []
    for place, line in enumerate(lines):
        try:
            messages.append(message_of(line))
        except InvalidInput as error:
            unread.append(Unread(key, str(error), place))
    return tuple(messages), tuple(unread)


def _object(data: bytes) -> dict[str, Any]:
    """By the standard decoder: who wrote it used that one, and others know no NaN."""
    try:
        found = json.loads(data.decode())
    except UnicodeDecodeError:
        raise InvalidInput("it is no UTF-8") from None
    except (ValueError, RecursionError):
        raise InvalidInput("it is no JSON, or cut off") from None
    if not isinstance(found, dict):
        raise InvalidInput("it is no JSON object")
    return found


def _id_of(key: str, about: dict[str, JSON]) -> UUID:
    named = next((about[k] for k in ID_KEYS if _is_name(about.get(k))), None)
    if named is not None:
        return _uuid(named)
    return uuid5(OWN, f"{key}\n{_first_time(about, START_KEYS)}")


def _uuid(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        return uuid5(OWN, name)


def _is_name(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(names.check("a name", value))
    except InvalidInput:
        return False


def _first_time(fields: dict[str, JSON], keys: Iterable[str]) -> int | None:
    return next((at for key in keys if (at := time_us(fields.get(key))) is not None), None)


def time_us(value: object) -> int | None:
    """Of seconds or milliseconds since 1970, or of an ISO time (UTC unless it says); else None."""
    if isinstance(value, str):
        return _iso_us(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    us = round(value * (1_000 if value > MS_FROM else 1_000_000))
    return us if 0 < us < US_MAX else None


def _iso_us(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return round(seconds * 1_000_000) if seconds > 0 else None


def _size(value: object) -> int:
    return len(msgspec.json.encode(value))


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()
