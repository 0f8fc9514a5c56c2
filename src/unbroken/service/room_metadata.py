"""room.metadata: what may stand there, so that every agent can read it.

Agents read strict JSON of at most 64 KiB. What is given is checked before LiveKit is told; what
stands there and may not, whoever wrote it, is left out at the next change.
"""

import json
from typing import Any
from uuid import UUID

from unbroken.dispatch import KEY, uuid_in
from unbroken.errors import InvalidInput, TooLarge
from unbroken.log.plain import is_plain

CONVERSATION = "conversation_id"
BYTES_MAX = 64 << 10


def conversation_of(metadata: str) -> UUID | None:
    """What it says, if it says something usable."""
    return uuid_in(read(metadata), CONVERSATION)


def read(metadata: str) -> dict[str, Any]:
    """The keys of it that may stand there; metadata that is no JSON object has none."""
    try:
        found = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if is_plain({key: value})}


def check(change: dict[str, Any], metadata: str) -> None:
    """Raise InvalidInput for what no agent could read, and for keys that are ours."""
    if not is_plain(change):
        raise InvalidInput("metadata is JSON without NaN and lone surrogates, 100 levels deep")
    known = read(metadata)
    if KEY in change or (
        CONVERSATION in change and change[CONVERSATION] != known.get(CONVERSATION)
    ):
        raise InvalidInput(f"{CONVERSATION} and {KEY} are the service's to write")


def merged(metadata: str, change: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """With the keys of `change`, as a dict and as text. What was too large before makes room, the
    largest first; our own keys stay. Raises TooLarge for a change that is."""
    known = read(metadata)
    is_poisoned = len(metadata.encode(errors="replace")) > BYTES_MAX
    for key in sorted(known, key=lambda key: -len(_text(known[key]))) if is_poisoned else ():
        if len(_text(known | change)) > BYTES_MAX and key not in {CONVERSATION, KEY}:
            del known[key]
    found = known | change
    if len(_text(found)) > BYTES_MAX:
        raise TooLarge(f"a room's metadata has at most {BYTES_MAX} bytes")
    return found, _text(found).decode()


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
