"""Who in a room is a person, for agent, service and watch alike.

Kinds go by LiveKit's names: the numbers differ between its server API and its client SDK.
"""

# Browsers and apps, telephones, and those who come through WhatsApp or Twilio: whom LiveKit's own
# RoomIO listens to. Agents, recorders, ingested streams and bridges of cameras are none.
KINDS = frozenset({"standard", "sip", "connector"})
PREFIX = "participant_kind_"


def is_person(kind: str) -> bool:
    """`kind` as LiveKit names it, in any case, with its prefix or without."""
    return kind.lower().removeprefix(PREFIX) in KINDS
