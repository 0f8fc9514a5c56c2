"""The room as the log sees it: who is there, and which conversation this is."""

import logging
from typing import Any
from uuid import UUID

import msgspec
from livekit import rtc
from livekit.agents import AgentSession, JobContext

from unbroken.entries import ParticipantChanged, ParticipantJoined, ParticipantLeft
from unbroken.live import Live
from unbroken.livekit.guard import guarded

log = logging.getLogger(__name__)

METADATA_BYTES_MAX = 64 << 10  # beyond it nobody's metadata is ours
PEOPLE = (rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD, rtc.ParticipantKind.PARTICIPANT_KIND_SIP)


def pointer(metadata: str | None) -> dict[str, Any]:
    """A JSON object in metadata, {} for anything else: anybody may have written it."""
    if not metadata or len(metadata) > METADATA_BYTES_MAX:
        return {}
    try:
        found = msgspec.json.decode(metadata)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {}
    return found if isinstance(found, dict) else {}


def conversation_id(ctx: JobContext) -> UUID | None:
    """Named by the dispatch, a person's token, or the room, in this order; None: not named."""
    people = ctx.room.remote_participants.values()
    sources = [
        pointer(ctx.job.metadata),
        *(dict(person.attributes) for person in people if is_person(person)),
        pointer(ctx.room.metadata or ctx.job.room.metadata),
    ]
    return next((id_ for source in sources if (id_ := uuid_in(source, "conversation_id"))), None)


def uuid_in(source: dict[str, Any], key: str) -> UUID | None:
    try:
        return UUID(source[key])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def is_person(participant: rtc.Participant) -> bool:
    return participant.kind in PEOPLE


def people(room: rtc.Room) -> list[rtc.RemoteParticipant]:
    return [p for p in room.remote_participants.values() if is_person(p)]


def link_whoever_comes(session: AgentSession[Any], room: rtc.Room) -> None:
    """When the person is gone, listen to the next one who comes: LiveKit waits for the same
    identity, and a person who comes back often has another."""

    @guarded
    def joined(who: rtc.RemoteParticipant) -> None:
        if is_person(who) and session.room_io.linked_participant is None:
            session.room_io.set_participant(who.identity)

    room.on("participant_connected", joined)


class Participants:
    """Records who comes, changes and goes."""

    def __init__(self, live: Live, room: rtc.Room) -> None:
        self._live = live
        self._room = room

    def attach(self) -> None:
        here = self._room.remote_participants
        for identity, known in list(self._live.session.participants.items()):
            if known.is_here and identity not in here:
                self._live.record(ParticipantLeft(identity))  # while nobody kept the log
        for participant in here.values():
            self._joined(participant)
        on = self._room.on
        on("participant_connected", self._joined)
        on("participant_disconnected", self._left)
        on("participant_metadata_changed", lambda p, _old, _new: self._changed(p))
        on("participant_name_changed", lambda p, _old, _new: self._changed(p))
        on("participant_attributes_changed", lambda _changed, p: self._changed(p))

    @guarded
    def _joined(self, who: rtc.RemoteParticipant) -> None:
        kind = rtc.ParticipantKind.Name(who.kind).removeprefix("PARTICIPANT_KIND_").lower()
        self._live.record(
            ParticipantJoined(who.identity, kind, who.name, who.metadata, _attributes(who))
        )

    @guarded
    def _changed(self, who: rtc.Participant) -> None:
        known = self._live.session.participants.get(who.identity)
        if known is None:
            return  # ourselves
        change = ParticipantChanged(
            who.identity,
            name=who.name if who.name != known.name else None,
            metadata=who.metadata if who.metadata != known.metadata else None,
            attributes=_attributes(who) if _attributes(who) != known.attributes else None,
        )
        if change != ParticipantChanged(who.identity):
            self._live.record(change)

    @guarded
    def _left(self, who: rtc.RemoteParticipant) -> None:
        reason = who.disconnect_reason
        name = rtc.DisconnectReason.Name(reason).lower() if reason is not None else None
        self._live.record(ParticipantLeft(who.identity, name))


def _attributes(who: rtc.Participant) -> dict[str, str]:
    """Without LiveKit's own, which change with every state of an agent."""
    return {k: v for k, v in who.attributes.items() if not k.startswith("lk.")}
