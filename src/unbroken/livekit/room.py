"""The room as the log sees it: who is there, and which conversation this is."""

import logging
from typing import Any
from uuid import UUID

import msgspec
from livekit import rtc
from livekit.agents import AgentSession, JobContext

from unbroken import people as people_of
from unbroken.dispatch import Said, json_object, pointer_in
from unbroken.entries import ParticipantChanged, ParticipantJoined, ParticipantLeft
from unbroken.live import Live
from unbroken.livekit.guard import guarded
from unbroken.people import Person

log = logging.getLogger(__name__)


def said(ctx: JobContext) -> Said:
    """What the dispatch of this job said, with ours if it had any."""
    return Said(ctx.job.metadata, dict(ctx.job.attributes))


class Named(msgspec.Struct, frozen=True):
    """A conversation, and whether it was the room's metadata that named it: that may be our own
    word."""

    conversation_id: UUID | None
    is_room_word: bool = False


def conversation(ctx: JobContext) -> Named:
    """Named by the dispatch, a person's token, or the room, in this order; None: not named."""
    here = people(ctx.room)
    sources = [pointer_in(said(ctx)), *(dict(who.attributes) for who in here)]
    for source in sources:
        if id_ := uuid_in(source, "conversation_id"):
            return Named(id_)
    words = json_object(ctx.room.metadata or ctx.job.room.metadata)
    return Named(uuid_in(words, "conversation_id"), is_room_word=True)


def uuid_in(source: dict[str, Any], key: str) -> UUID | None:
    try:
        return UUID(source[key])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def is_person(participant: rtc.Participant) -> bool:
    return people_of.is_person(kind_of(participant))


def kind_of(participant: rtc.Participant) -> str:
    """As the log has it: LiveKit's name, or the number of a kind that its SDK does not know."""
    names = rtc.ParticipantKind
    known = participant.kind in names.values()
    name = names.Name(participant.kind) if known else str(participant.kind)
    return name.lower().removeprefix(people_of.PREFIX)


def people(room: rtc.Room) -> list[rtc.RemoteParticipant]:
    return [p for p in room.remote_participants.values() if is_person(p)]


def person(who: rtc.RemoteParticipant) -> Person:
    return people_of.person(who.identity, kind_of(who), who.attributes)


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
        self._live.record(
            ParticipantJoined(who.identity, kind_of(who), who.name, who.metadata, _attributes(who))
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
