"""Live sessions to be measured, of a process that needs no LiveKit, and what is said in them."""

import asyncio
from pathlib import Path

from unbroken.env import Host
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.live.live import Live

HANG_S = 60
SAID = (
    "I would like a table for four people on Friday evening at half past seven, please, by the "
    "window if there is one, and one of us does not eat nuts, so could you tell the kitchen so? "
    "Thanks."
)


def open_live(spool: Spool, name: str) -> Live:
    """A call that the keeper takes for its holder, as when the service was away at its start."""
    env = spool.env
    holder = env.new_id()
    header = Header(
        holder=holder,
        host_id=spool.host_id(),
        room=name,
        room_sid=f"RM_{holder.hex[-12:]}",
        role="agent",
        agent_identity=f"agent-{holder.hex[-6:]}",
        new_session_id=env.new_id(),
        new_call_id=env.new_id(),
        new_conversation_id=env.new_id(),
        started_at_us=env.now_us(),
        pid=env.pid(),
    )
    return Live.open(spool, header)


def open_spool(folder: Path) -> Spool:
    return Spool.open(Host(), str(folder))


async def until_stored(live: Live, within_s: float = HANG_S) -> None:
    """Raises TimeoutError if the service has not all of it by then."""
    async with asyncio.timeout(within_s):
        while live.ack.acked < live.journal.appended:
            await asyncio.sleep(0.01)
