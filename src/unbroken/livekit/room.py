"""The room as LiveKit shows it: who is there, and which conversation this is."""

from uuid import UUID

import msgspec
from livekit import rtc
from livekit.agents import JobContext

from unbroken import people as people_of
from unbroken.dispatch import Said, json_object, pointer_in, uuid_in
from unbroken.people import Person


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
