"""The scripted worker, made to be killed: it shows its live objects to the test, thinks slowly
when told to, stops for a while behind a booking that is done, loses its provider at the word
"broken", and ends its call, fails or waits when the test says so.

    UNBROKEN_TEST_STATE/<pid>.json           the live objects after each event, once a kill cannot
                                             take them from the journal any more
    UNBROKEN_TEST_STATE/<pid>.restored.json  what a successor put back into its live objects
    UNBROKEN_TEST_STATE/booked               exists once a booking was made
    UNBROKEN_TEST_STATE/<room>.<end|raise>   the test makes it: end the call, fail in the entrypoint
    UNBROKEN_TEST_STATE/<room>.<hold|fail>   the test makes it: a successor that has taken its
                                             session waits until it is gone; cannot read, once
"""

import asyncio
import functools
import json
import os
from pathlib import Path
from typing import Any

from livekit.agents import APIStatusError, JobContext, get_job_context
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.agents.voice.room_io import RoomOptions

from agents import worker
from agents.core import bookings
from agents.worker import build_server, run, start
from tests.agents.scripted import ScriptedLLM, _ScriptedStream
from unbroken.errors import ArchiveUnavailable
from unbroken.journal import Journal
from unbroken.livekit import Call, Restored
from unbroken.livekit import call as calls
from unbroken.livekit import room as rooms
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.state import items, options, userdata
from unbroken.people import is_person

THINK_S = 4
LINGER_S = 4  # in the booking tool, behind what cannot be undone


def folder() -> Path:
    return Path(os.environ["UNBROKEN_TEST_STATE"])


def show(session: Any, agent: Any, name: str, people: Any) -> None:
    write(name, state_of(session, agent, people))


def state_of(session: Any, agent: Any, people: Any) -> str:
    state = {
        "people": {p.identity: [p.name, dict(p.attributes), p.metadata or ""] for p in people},
        "options": options.read(session, {type(agent).__name__: agent}),
        "agent": type(agent).__name__,
        "history": [items.encode(item) for item in session.history.items],
        "context": [items.encode(item) for item in agent.chat_ctx.items],
        "userdata": userdata.encode(session.userdata),
        "pid": os.getpid(),
    }
    return json.dumps(state)


def write(name: str, state: str) -> None:
    path = folder() / f"{name}.json"
    path.with_suffix(".new").write_text(state)
    path.with_suffix(".new").rename(path)


def show_when_written(journal: Journal, state: str) -> None:
    """A busy machine's journal writes in a thread: what waits there a kill takes along."""
    waiting[journal] = journal.appended, state
    write_if_written(journal)


def write_if_written(journal: Journal) -> None:
    n, state = waiting[journal]
    if journal.written >= n:
        write(str(os.getpid()), state)
    else:
        asyncio.get_running_loop().call_later(0.002, write_if_written, journal)


_scan, _put_back = Hooks.scan, Restored.put_back
_answer, _start = worker.answer, Call.start
endings: list[asyncio.Task[None]] = []
waiting: dict[Journal, tuple[int, str]] = {}  # the newest state that is not shown yet
_read = calls.read
_book, _run = bookings._book, _ScriptedStream._run


@functools.wraps(_scan)
def scan(self: Hooks) -> None:
    _scan(self)
    here = rooms.people(get_job_context().room)
    state = state_of(self._session, self._session.current_agent, here)
    show_when_written(self._live.journal, state)


async def put_back(self: Restored, session: Any) -> Any:
    agent = await _put_back(self, session)
    here = (p for p in self.session.participants.values() if p.is_here and is_person(p.kind))
    show(session, agent, f"{os.getpid()}.restored", here)
    return agent


async def read(archive: Any, taken: Any) -> Any:
    name = get_job_context().room.name
    while (folder() / f"{name}.hold").exists():
        await asyncio.sleep(0.02)
    if (fail := folder() / f"{name}.fail").exists():
        fail.unlink()
        raise ArchiveUnavailable("away just now")
    return await _read(archive, taken)


async def book(*what: Any) -> Any:
    done = await _book(*what)
    if not (folder() / "booked").exists():
        (folder() / "booked").touch()
        await asyncio.sleep(LINGER_S)
    return done


async def think(self: _ScriptedStream) -> None:
    said = str(self._chat_ctx.items[-1])
    if "think" in said.lower():
        await asyncio.sleep(THINK_S)
    if "broken" in said.lower():
        raise APIStatusError("no such account", status_code=401, retryable=False)
    await _run(self)


async def told(what: str) -> None:
    while not (folder() / f"{get_job_context().room.name}.{what}").exists():
        await asyncio.sleep(0.02)


async def answer(ctx: JobContext, *, make: Any) -> None:
    """The entrypoint; in a room of that name it waits to fail."""
    await _answer(ctx, make=make)
    if ctx.room.name == "raises":
        await told("raise")
        (folder() / "raises.raise").unlink()
        raise RuntimeError("a fault of the application")


async def start_call(self: Call[Any], *args: Any, **given: Any) -> Call[Any]:
    name = get_job_context().job.room.name
    if name == "closes":
        given["room_options"] = RoomOptions()  # LiveKit's own: the session closes with its person
    call = await _start(self, *args, **given)
    if name == "ends":
        endings.append(asyncio.create_task(end(call)))
    return call


async def end(call: Call[Any]) -> None:
    await told("end")
    await call.end("said goodbye")


Hooks.scan = scan  # type: ignore[method-assign]
Restored.put_back = put_back  # type: ignore[method-assign]
Call.start = start_call  # type: ignore[method-assign]
calls.read = read  # type: ignore[assignment]
bookings._book = book
worker.answer = answer
# One error is enough; LiveKit's default is four.
worker.SessionConnectOptions = functools.partial(  # type: ignore[misc]
    SessionConnectOptions, max_unrecoverable_errors=0
)
_ScriptedStream._run = think  # type: ignore[method-assign]


def scripted_llm() -> ScriptedLLM:
    return ScriptedLLM.from_file(os.environ["UNBROKEN_TEST_RULES"])


async def main() -> None:
    await run(build_server(os.environ, make=scripted_llm), os.environ)


if __name__ == "__main__":
    # Jobs import this file by its name, not as __main__: let them find the same functions.
    from tests.e2e import failover_worker

    start(failover_worker.main)
