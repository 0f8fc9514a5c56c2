"""What the service has of a conversation, beside what was read of it in Redis. No I/O."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from unbroken.log.entries import JSON
from unbroken.moving.usual import UsualConversation, UsualMessage

NAME_BYTES = 32  # of UsualMessage.name


class KeptMessage(msgspec.Struct, frozen=True):
    """`key`: from which it was imported; None: it was said in a call."""

    item_id: str
    said: UsualMessage
    key: str | None


class KeptConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in the order in which the service shows them; `about` by key, as imported.

    `imports`: its sessions that hold imported messages and are over, by number.
    """

    id: UUID
    room: str | None = None  # of its last call; None: it is imported only
    user: str | None = None
    started_us: int | None = None
    messages: list[KeptMessage] = []
    about: dict[str, dict[str, JSON] | None] = {}
    imports: int = 0

    def has_about(self, read: UsualConversation) -> bool:
        return read.key in self.about and self.about[read.key] == read.about


def missing(read: UsualConversation, kept: KeptConversation) -> list[UsualMessage]:
    """What of `read` the service does not have yet, in its order.

    Messages that say their time are known by it. Where one does not, what is there is compared as
    a whole: all of it may be there, or its beginning may be the end of what is there.
    """
    if _says_times(read):
        left = Counter(message.said.name for message in kept.messages)
        return [message for message in read.messages if not _take(left, message.name)]
    there, here = _names(m.said for m in kept.messages), _names(read.messages)
    if _place(there, here) is not None:
        return []
    return list(read.messages[_overlap(_parts(there), _parts(here)) :])


def differences(read: UsualConversation, kept: KeptConversation) -> Iterator[str]:
    """How what the service has differs from what was read: by count, then one by one by hash."""
    there = found(read, kept)
    if len(there) != len(read.messages):
        yield f"{len(read.messages) - len(there)} of {len(read.messages)} messages are not there"
    elif changed := _changed(there, read):
        yield f"{changed} of {len(read.messages)} messages are there, but not as they were read"
    if not kept.has_about(read):
        yield "what it has besides messages is not there"


def found(read: UsualConversation, kept: KeptConversation) -> list[KeptMessage]:
    """Those of `read`, as they are kept and in that order."""
    if _says_times(read):
        left = Counter(message.name for message in read.messages)
        return [message for message in kept.messages if _take(left, message.said.name)]
    at = _place(_names(m.said for m in kept.messages), _names(read.messages))
    return [] if at is None else kept.messages[at : at + len(read.messages)]


def _changed(found: Sequence[KeptMessage], read: UsualConversation) -> int:
    pairs = zip(found, read.messages, strict=True)
    return sum(not _is_same(there, here, read.key) for there, here in pairs)


def _is_same(there: KeptMessage, here: UsualMessage, key: str) -> bool:
    """In all fields, if it came from this very key; the other shape has other fields."""
    if there.key == key:
        return there.said.whole == here.whole
    return there.said.name == here.name


def _says_times(read: UsualConversation) -> bool:
    return all(message.at_us is not None for message in read.messages)


def _take(left: Counter[bytes], name: bytes) -> bool:
    """Whether one more of that name was left."""
    left[name] -= 1
    return left[name] >= 0


def _names(messages: Sequence[UsualMessage] | Iterator[UsualMessage]) -> bytes:
    return b"".join(message.name for message in messages)


def _parts(names: bytes) -> list[bytes]:
    return [names[at : at + NAME_BYTES] for at in range(0, len(names), NAME_BYTES)]


def _overlap(there: Sequence[bytes], here: Sequence[bytes]) -> int:
    """How many of the first of `here` are the last of `there`, at the most. Knuth, Morris and
    Pratt: what is read once is not read again, however much repeats itself."""
    fall = [0] * len(here)  # of each beginning of `here`: how much of it is also its end
    for at in range(1, len(here)):
        fall[at] = _longer(fall[at - 1], here[at], here, fall)
    known = 0
    for name in there:
        known = _longer(known, name, here, fall)
    return known


def _longer(known: int, name: bytes, here: Sequence[bytes], fall: Sequence[int]) -> int:
    """What is known when `name` comes behind it."""
    while known and (known == len(here) or here[known] != name):
        known = fall[known - 1]
    return known + (known < len(here) and here[known] == name)


def _place(there: bytes, here: bytes) -> int | None:
    """Where `here` is the newest time in `there`, in messages."""
    at = there.rfind(here)
    while at > 0 and at % NAME_BYTES:
        at = there.rfind(here, 0, at + len(here) - 1)
    return None if at < 0 else at // NAME_BYTES
