"""The scripted worker, made to be killed: it shows its live objects to the test, thinks slowly
when told to, and stops for a while behind a booking that is done.

    UNBROKEN_TEST_STATE/<pid>.json           the live objects after each event
    UNBROKEN_TEST_STATE/<pid>.restored.json  what a successor put back into its live objects
    UNBROKEN_TEST_STATE/booked               exists once a booking was made
"""

import asyncio
import functools
import json
import os
from pathlib import Path
from typing import Any

from agents.core import bookings
from agents.worker import build_server, run, start
from tests.agents.scripted import ScriptedLLM, _ScriptedStream
from unbroken.livekit import Restored, items, userdata
from unbroken.livekit.hooks import Hooks

THINK_S = 4
LINGER_S = 4  # in the booking tool, behind what cannot be undone


def folder() -> Path:
    return Path(os.environ["UNBROKEN_TEST_STATE"])


def show(session: Any, agent: Any, name: str) -> None:
    state = {
        "agent": type(agent).__name__,
        "history": [items.encode(item) for item in session.history.items],
        "context": [items.encode(item) for item in agent.chat_ctx.items],
        "userdata": userdata.encode(session.userdata),
        "pid": os.getpid(),
    }
    path = folder() / f"{name}.json"
    path.with_suffix(".new").write_text(json.dumps(state))
    path.with_suffix(".new").rename(path)


_scan, _put_back = Hooks.scan, Restored.put_back
_book, _run = bookings._book, _ScriptedStream._run


@functools.wraps(_scan)
def scan(self: Hooks) -> None:
    _scan(self)
    show(self._session, self._session.current_agent, str(os.getpid()))


async def put_back(self: Restored, session: Any) -> Any:
    agent = await _put_back(self, session)
    show(session, agent, f"{os.getpid()}.restored")
    return agent


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
    await _run(self)


Hooks.scan = scan  # type: ignore[method-assign]
Restored.put_back = put_back  # type: ignore[method-assign]
bookings._book = book
_ScriptedStream._run = think  # type: ignore[method-assign]


def scripted_llm() -> ScriptedLLM:
    return ScriptedLLM.from_file(os.environ["UNBROKEN_TEST_RULES"])


async def main() -> None:
    await run(build_server(os.environ, make=scripted_llm), os.environ)


if __name__ == "__main__":
    # Jobs import this file by its name, not as __main__: let them find the same functions.
    from tests.e2e import failover_worker

    start(failover_worker.main)
