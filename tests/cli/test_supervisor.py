"""The supervisor with small processes of its own, some of which behave badly."""

import asyncio
import re
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import wait_until_dead
from unbroken.cli import ports
from unbroken.cli.part import Part
from unbroken.cli.refusal import Refusal
from unbroken.cli.supervisor import Supervisor, Text

# Answers its health URL; the rest of what it does is the test's.
PROGRAM = """
import http.server, os, signal, subprocess, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health)
print("pid", os.getpid(), flush=True)
{more}
server.serve_forever()
"""
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
WITH_CHILD = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
"""


def part(name: str = "part", more: str = "", **changes) -> Part:
    port = ports.claim(0, name)
    values = {
        "name": name,
        "command": (sys.executable, "-S", "-c", PROGRAM.format(more=more), str(port)),
        "health_url": f"http://127.0.0.1:{port}/",
    }
    return Part(**{**values, **changes})


class Running:
    """A supervisor in this process, and what it has told."""

    def __init__(self, folder: Path, *parts: Part, verbose: bool = True) -> None:
        self.told: list[str] = []
        self.ready = asyncio.Event()
        self._news = asyncio.Event()
        self.supervisor = Supervisor(parts, logs=folder, tell=self._tell, verbose=verbose)
        self.task = asyncio.create_task(self.supervisor.run(self._welcome))

    def _tell(self, text: str) -> None:
        self.told.append(text)
        self._news.set()

    async def _welcome(self) -> None:
        self.ready.set()

    async def hear(self, pattern: str, *, at: int = 0) -> str:
        """The first group of the n-th match in what was told, waited for."""
        async with asyncio.timeout(60):
            while True:
                found = re.findall(pattern, "\n".join(self.told))
                if len(found) > at:
                    return found[at]
                self._news.clear()
                await self._news.wait()

    async def number(self, word: str, *, at: int = 0) -> int:
        return int(await self.hear(rf"\b{word} (\d+)", at=at))

    async def end(self) -> float:
        began_s = time.monotonic()
        self.supervisor.stop()
        await self.task
        return time.monotonic() - began_s


async def test_a_part_that_dies_comes_back(tmp_path):
    run = Running(tmp_path, part())
    await asyncio.wait_for(run.ready.wait(), 10)
    first = await run.number("pid")
    run.supervisor._running["part"].kill()
    assert await run.number("pid", at=1) != first
    await run.hear("ready again")
    await run.end()


async def test_the_children_of_a_dead_part_die_with_it(tmp_path):
    run = Running(tmp_path, part(more=WITH_CHILD))
    child = await run.number("child")
    await asyncio.wait_for(run.ready.wait(), 10)
    await run.end()
    wait_until_dead(child)


async def test_the_pause_doubles_while_a_part_keeps_dying(tmp_path):
    run = Running(
        tmp_path, part(more="import threading; threading.Timer(0.3, os._exit, (7,)).start()")
    )
    await run.hear("again in 1 s")
    pauses = [text for text in run.told if "starting it again" in text]
    assert pauses == [
        "part ended (exit code 7); starting it again in 0.5 s",
        "part ended (exit code 7); starting it again in 1 s",
    ]
    await run.end()


async def test_a_part_that_never_works_ends_all_with_its_log(tmp_path):
    broken = part(
        command=(sys.executable, "-S", "-c", "import sys; print('the reason'); sys.exit(5)")
    )
    run = Running(tmp_path, broken, verbose=False)
    with pytest.raises(Refusal, match=r"(?s)exit code 5.*the reason") as refused:
        await asyncio.wait_for(run.task, 60)
    assert refused.value.code == 1


async def test_a_part_without_its_program_ends_all(tmp_path):
    run = Running(tmp_path, part(command=("/no/such/program",)))
    with pytest.raises(Refusal, match="cannot be started"):
        await asyncio.wait_for(run.task, 60)


async def test_a_silent_part_is_ended_and_started_again(tmp_path):
    silent = part(command=(sys.executable, "-c", "import time; time.sleep(60)"), ready_within_s=0.3)
    run = Running(tmp_path, silent)
    await run.hear("did not answer within 0.3 s")
    await run.end()


async def test_a_stubborn_part_is_killed_in_time(tmp_path):
    run = Running(tmp_path, part(more=STUBBORN), part("last", more=STUBBORN, stops_last=True))
    await asyncio.wait_for(run.ready.wait(), 10)
    pids = [await run.number("pid"), await run.number("pid", at=1)]
    assert await run.end() < 5
    for pid in pids:
        wait_until_dead(pid, within_s=0.5)


async def test_a_part_that_says_when_it_is_ready_is_waited_for(tmp_path):
    late = "import threading; threading.Timer(0.5, print, ('at work',), {'flush': True}).start()"
    run = Running(tmp_path, part(more=late, ready_text=b"at work"))
    await run.number("pid")
    assert not run.ready.is_set()
    await run.hear("at work")
    await asyncio.wait_for(run.ready.wait(), 1)
    await run.end()


def test_a_text_is_heard_across_chunks():
    text = Text(b"at work")
    for chunk in (b"am at ", b"wo", b"rk now"):
        text.hear(chunk)
    assert text.heard


async def test_a_second_stop_kills_at_once(tmp_path):
    run = Running(tmp_path, part(more=STUBBORN))
    await asyncio.wait_for(run.ready.wait(), 10)
    run.supervisor.stop()
    await asyncio.sleep(0.1)
    assert await run.end() < 0.5


async def test_a_stop_during_the_start_ends_the_start(tmp_path):
    slow = part(command=(sys.executable, "-c", "import time; time.sleep(60)"))
    run = Running(tmp_path, slow)
    await asyncio.sleep(0.2)
    assert await run.end() < 1.5
    assert not run.ready.is_set()


async def test_what_a_part_prints_is_in_its_log(tmp_path):
    run = Running(tmp_path, part("two words"), verbose=False)
    await asyncio.wait_for(run.ready.wait(), 10)
    await run.end()
    assert (tmp_path / "two-words.log").read_text().startswith("pid ")
    assert all("pid" not in text for text in run.told)
