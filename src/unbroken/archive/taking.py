"""Who owns a session: taking it, at once if the service answers, later through the keeper."""

import asyncio

import msgspec

from unbroken.archive.port import Archive, Taken, TakeRequest
from unbroken.errors import ArchiveUnavailable
from unbroken.journal.frames import Header

ALIVE = "unbroken.alive"  # the RPC method that a holder answers in its room, with nothing
TTL_MS = 6_000  # how long a host counts as alive after its last word
TAKE_S = 0.3  # longer than this nobody waits on the line for the service


def request_of(header: Header, *, ttl_ms: int = TTL_MS) -> TakeRequest:
    """What the holder of a journal asks for: the same, whoever asks, and however often."""
    h = header
    return TakeRequest(
        host_id=h.host_id, ttl_ms=ttl_ms, holder=h.holder, room_name=h.room, room_sid=h.room_sid,
        role=h.role, agent_name=h.agent_name, agent_identity=h.agent_identity,
        session_id=h.wanted_session_id, said=h.said, conversation_id=h.conversation_id,
        user_id=h.user_id, is_room_word=h.is_room_word, people=h.people,
        new_session_id=h.new_session_id, new_call_id=h.new_call_id,
        new_conversation_id=h.new_conversation_id,
    )  # fmt: skip


async def take(archive: Archive, header: Header, *, wait_s: float = TAKE_S) -> Taken | None:
    """The session, or None if the archive does not answer in time: then the start is provisional,
    and the keeper takes it on behalf of the holder.

    Raises CallTaken if somebody else has it, PeopleUnknown if the header has to say who is there.
    """
    try:
        async with asyncio.timeout(wait_s):
            return await archive.take(request_of(header))
    except (TimeoutError, ArchiveUnavailable):
        return None


def bound(header: Header, taken: Taken | None) -> Header:
    """The header of a journal whose session is known; as it was if it is not."""
    if taken is None:
        return header
    return msgspec.structs.replace(
        header,
        session_id=taken.session_id,
        conversation_id=taken.conversation_id,
        term=taken.term,
        base=taken.base,
    )
