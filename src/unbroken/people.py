"""Who in a room is a person, for agent, service and watch alike.

Kinds go by LiveKit's names: the numbers differ between its server API and its client SDK.
"""

from collections.abc import Iterable, Mapping

import msgspec

# Browsers and apps, telephones, and those who come through WhatsApp or Twilio: whom LiveKit's own
# RoomIO listens to. Agents, recorders, ingested streams and bridges of cameras are none.
KINDS = frozenset({"standard", "sip", "connector"})
PREFIX = "participant_kind_"


PHONE = "sip.phoneNumber"
PEOPLE_MAX = 20  # of a room, that are told when its session is taken


class Person(msgspec.Struct, frozen=True):
    """By what a person is known again: the identity of the LiveKit token, or the number that a
    telephone call came from."""

    identity: str
    phone: str | None = None


def person(identity: str, kind: str, attributes: Mapping[str, str]) -> Person:
    """The number counts for telephones only: others may write attributes of their own."""
    is_phone = kind.lower().removeprefix(PREFIX) == "sip"
    return Person(identity, attributes.get(PHONE) or None if is_phone else None)


def have_met(known: Iterable[Person], here: Iterable[Person]) -> bool:
    """Whether somebody is in both."""
    identities, phones = set(), set()
    for one in known:
        identities.add(one.identity)
        phones.add(one.phone)
    return any(p.identity in identities or (p.phone and p.phone in phones) for p in here)


def is_person(kind: str) -> bool:
    """`kind` as LiveKit names it, in any case, with its prefix or without."""
    return kind.lower().removeprefix(PREFIX) in KINDS
