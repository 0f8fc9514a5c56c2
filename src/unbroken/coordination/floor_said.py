"""What is said of the floor of a room, in the room's state: whose it is, and with what it was
passed."""

import hashlib
import logging
from typing import Any, TypeVar

import msgspec

from unbroken import names, typed
from unbroken.coordination.changes import StateChange
from unbroken.errors import InvalidInput

log = logging.getLogger(__name__)

T = TypeVar("T")

FLOOR = "floor"  # as effects name it
KEY = "unbroken.floor"  # in the state of the room


class FloorSaid(msgspec.Struct, frozen=True):
    """All who may read the state of the room see it."""

    role: str | None = None  # that has it, or is to take it; None: any may
    fence: int = 0  # of the grant under which this was said
    by: str | None = None  # who passed it to `role`
    passed: int = 0  # the fence under which that was; 0: nobody did
    context: Any = None  # what was passed with it, as `typed` writes it


def lock_name(room: str) -> str:
    """Of the lock that is the floor of the room."""
    name = f"floor of {room}"
    try:
        return names.check_new("the floor", name)
    except InvalidInput:
        return f"floor of {hashlib.sha256(room.encode('utf-8', 'surrogatepass')).hexdigest()}"


def told(change: StateChange | None) -> FloorSaid:
    return known(None if change is None or not change.is_whole else change.value)


def known(value: object) -> FloorSaid:
    """What is no such record says nothing."""
    try:
        return msgspec.convert({} if value is None else value, FloorSaid)
    except msgspec.ValidationError:
        log.warning("what is said of the floor cannot be read")
        return FloorSaid()


def content_of(context: object) -> Any:
    """Raises InvalidInput for what another process could not make again."""
    try:
        return typed.alone(context)
    except typed.Unfit as error:
        raise InvalidInput(f"the floor cannot be passed with that: {error}") from error


def context_of(content: Any, kind: type[T]) -> T:
    """Raises InvalidInput if it is of another kind."""
    try:
        value = typed.value_of(content, Any if kind is object else kind)
    except typed.Unfit as error:
        raise InvalidInput(f"the floor was passed with something else: {error}") from error
    if not isinstance(value, kind):
        raise InvalidInput(f"the floor was passed with {type(value).__name__}")
    return value
