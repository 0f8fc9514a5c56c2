"""Whose state it is."""

from typing import NamedTuple

from unbroken import names
from unbroken.errors import InvalidInput

APP, ROOM, SESSION, USER = "app", "room", "session", "user"
SCOPES = (APP, ROOM, SESSION, USER)
WATCH = "watch"  # the one word that is no key: it stands in the place of a key in a URL


class StateOwner(NamedTuple):
    """What has a state: the room of that name, the user of that identity, and so on."""

    scope: str
    id: str


def check_owner(owner: StateOwner) -> StateOwner:
    """`owner`, as it is. Raises InvalidInput."""
    if owner.scope not in SCOPES:
        raise InvalidInput(f"a scope is one of {', '.join(SCOPES)}")
    names.check_new(f"the {owner.scope}", owner.id)
    return owner


def check_key(key: str) -> str:
    """`key`, as it is. Raises InvalidInput."""
    names.check_new("the key", key)
    if key == WATCH:
        raise InvalidInput(f"no key is called {WATCH}")
    return key
