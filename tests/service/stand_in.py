"""A worker whose agents take a session and keep it: `python -m tests.service.stand_in`.

Each take is a line of JSON in TAKES; the job lives until it is killed, its room closes, or it is
told to go. Who reports its death is the test, which knows its holder.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import sys
from pathlib import Path
from uuid import UUID

from livekit.agents import AgentServer, JobContext

from unbroken.archive.http import RemoteArchive
from unbroken.archive.port import Taken, TakeRequest
from unbroken.dispatch import Said, of_application, pointer_in
from unbroken.env import Host
from unbroken.errors import CallTaken, UnbrokenError
from unbroken.testing.holders import Holder

ENV = Host()
BEAT_S = 0.3


async def answer(ctx: JobContext) -> None:
    said = Said(ctx.job.metadata, dict(ctx.job.attributes))
    await ctx.connect()
    async with RemoteArchive(os.environ["UNBROKEN_ARCHIVE"]) as archive:
        holder = Holder(archive)
        request = _request(holder, ctx, said)
        try:
            holder.taken = taken = await archive.take(request)
        except CallTaken:
            ctx.shutdown("taken")
            return
        _note(ctx, holder, taken)
        while ctx.room.isconnected():
            with contextlib.suppress(UnbrokenError):  # the next beat says it again
                await holder.append(taken.base + 1)
            await asyncio.sleep(BEAT_S)


def _note(ctx: JobContext, holder: Holder, taken: Taken) -> None:
    said = {
        "pid": os.getpid(),
        "room": ctx.room.name,
        "identity": ctx.local_participant_identity,
        "holder": str(holder.id),
        "host_id": str(holder.host_id),
        "session_id": str(taken.session_id),
        "conversation_id": str(taken.conversation_id),
        "term": taken.term,
        "metadata": ctx.job.metadata,
        "attributes": dict(ctx.job.attributes),
        "gap_us": taken.gap_us,
        "crashes": taken.crashes,
        "at_us": ENV.now_us(),
    }
    with Path(os.environ["TAKES"]).open("a", encoding="utf-8") as takes:
        takes.write(json.dumps(said) + "\n")


def _request(holder: Holder, ctx: JobContext, said: Said) -> TakeRequest:
    named = pointer_in(said).get("session_id")
    known = json.loads(ctx.job.room.metadata or "{}").get("conversation_id")
    return holder.request(
        ctx.job.room.name,
        room_sid=ctx.job.room.sid,
        agent_name=ctx.job.agent_name,
        agent_identity=ctx.local_participant_identity,
        said=of_application(said),
        session_id=UUID(named) if named else None,
        conversation_id=UUID(known) if known else None,
    )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    server = AgentServer(
        num_idle_processes=int(os.environ.get("IDLE", "1")),
        load_fnc=lambda: 0.1,
        load_threshold=math.inf,
        host="127.0.0.1",
        port=0,
        setup_fnc=_ready,
    )
    server.rtc_session(answer, agent_name=sys.argv[1])
    asyncio.run(server.run())


def _ready(_process: object) -> None:
    return None


if __name__ == "__main__":
    main()
