"""What the room says of the call: its own metadata and its people's. Anybody may have written it.

Whatever is no JSON object, too large, or of another form than expected is ignored, with a line
in the log; it never ends a call.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc

log = logging.getLogger(__name__)

METADATA_BYTES_MAX = 64 << 10
ID_MAX = 256  # characters


@dataclass(frozen=True, kw_only=True)
class RoomContext:
    conversation_id: str | None = None
    user_id: str | None = None
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by identity


def read_room(room: rtc.Room) -> RoomContext:
    """The room as it is now."""
    said = parse(room.metadata, whose="room")
    users = {
        person.identity: parse(person.metadata, whose="participant")
        for person in room.remote_participants.values()
    }
    named = (_text(user, "user_id") for user in users.values())
    return RoomContext(
        conversation_id=_text(said, "conversation_id"),
        user_id=_text(said, "user_id") or next(filter(None, named), None),
        users=users,
    )


def parse(metadata: str | None, *, whose: str) -> Mapping[str, Any]:
    """The JSON object in `metadata`; {} where there is none."""
    if not metadata:
        return {}
    if len(metadata) > METADATA_BYTES_MAX:
        log.warning("metadata ignored: too large", extra={"whose": whose, "chars": len(metadata)})
        return {}
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        log.warning("metadata ignored: no JSON", extra={"whose": whose})
        return {}
    if not isinstance(found, dict):
        log.warning("metadata ignored: no object", extra={"whose": whose})
        return {}
    return found


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= ID_MAX or not value.isprintable():
        log.warning("metadata ignored: unusable value", extra={"key": key})
        return None
    return value
