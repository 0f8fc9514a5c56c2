"""A journal whose header cannot be read. The file's name has its holder, and a frame, or the ack
file, may have its session; where neither has, what it holds becomes a call of its own."""

from uuid import UUID, uuid5

from unbroken.journal.frames import Header


def header_of(holder: UUID, host_id: UUID) -> Header:
    """What stands for its header: the same each time, so that every keeper means the same call.

    No process is known, so none is killed for it; its death is seen by its lock.
    """
    name = f"unknown-{holder}"
    return Header(
        holder=holder,
        host_id=host_id,
        room=name,
        room_sid=name,
        role="agent",
        agent_identity=name,
        new_session_id=uuid5(holder, "session"),
        new_call_id=uuid5(holder, "call"),
        new_conversation_id=uuid5(holder, "conversation"),
        started_at_us=0,
        pid=0,
    )
