"""An agent beats by its own clock, and sees that one keeper ships: one that lives, as it wants."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from tests.core.conftest import new_header
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.keeper import start as starting
from unbroken.keeper.beat import KeeperBeat, KeeperSettings
from unbroken.keeper.start import FROZEN_US, Care, ensure_keeper
from unbroken.live.heartbeat import tend
from unbroken.live.live import Live

HANG_S = 60
CHECKOUT = Path(__file__).parents[2]


class Unable(Host):
    """A host on which nothing can be started, at first."""

    def __init__(self, failures: int, error: int) -> None:
        super().__init__()
        self.failures, self.error, self.starts = failures, error, 0

    def start(self, command, *, log, variables):
        self.starts += 1
        if self.starts <= self.failures:
            raise OSError(self.error, os.strerror(self.error))
        return 0


async def until(condition) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EMFILE, errno.ENOSPC, errno.EROFS])
async def test_a_keeper_that_cannot_be_started_costs_no_beat(tmp_path, error):
    env = Unable(failures=2, error=error)
    spool = Spool.open(env, str(tmp_path / "spool"))
    live = Live.open(spool, new_header(env, spool))
    beating = asyncio.create_task(tend(live, spool))
    await until(lambda: env.starts > 2)
    assert not beating.done()
    assert live.ack.beats[0] > 2
    beating.cancel()
    await live.close("left")


async def test_a_start_that_hangs_costs_no_beat_and_one_thread(tmp_path):
    freed = threading.Event()

    class Hanging(Host):
        def start(self, command, *, log, variables):
            freed.wait(HANG_S)
            return 0

    env = Hanging()
    spool = Spool.open(env, str(tmp_path / "spool"))
    live = Live.open(spool, new_header(env, spool))
    before = threading.active_count()
    care = Care(spool)
    now_us = env.boot_us()
    for second in range(1, 20):
        care.look(now_us + second * 2_000_000)
    assert threading.active_count() == before + 1
    freed.set()
    await live.close("left")


async def test_the_beat_needs_no_thread_of_the_default_executor(tmp_path):
    env = Unable(failures=0, error=0)
    spool = Spool.open(env, str(tmp_path / "spool"))
    live = Live.open(spool, new_header(env, spool))
    freed = threading.Event()
    loop = asyncio.get_running_loop()
    work = [loop.run_in_executor(None, freed.wait, HANG_S) for _ in range(64)]
    beating = asyncio.create_task(tend(live, spool))
    await until(lambda: env.starts > 0 and live.ack.beats[0] > 6)
    freed.set()
    await asyncio.gather(*work)
    beating.cancel()
    await live.close("left")


@pytest.fixture
def keepers(tmp_path):
    """The pids of the keepers of a spool; whoever is left over ends with the test."""
    spool = tmp_path / "spool"

    def found() -> list[int]:
        named = f"UNBROKEN_SPOOL={spool}".encode()
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if named in _read(path).split(b"\0") and b"unbroken.keeper" in _read(path, "cmdline")
        ]

    yield found
    for pid in found():
        os.kill(pid, signal.SIGKILL)


def _read(path: Path, name: str = "environ") -> bytes:
    try:
        return path.with_name(name).read_bytes()
    except OSError:
        return b""


def environ_of(pid: int) -> dict[str, str]:
    parts = _read(Path(f"/proc/{pid}/environ")).decode().split("\0")
    return dict(part.split("=", 1) for part in parts if "=" in part)


def test_twenty_agents_at_once_start_one_keeper(tmp_path, keepers):
    spool = Spool.open(Host(), str(tmp_path / "spool"))
    code = "import sys, unbroken.keeper.start as t; from unbroken.journal.spool import Spool; "
    code += "from unbroken.env import Host; s = Spool.open(Host(), sys.argv[1]); "
    code += "print(flush=True); sys.stdin.readline(); t.ensure_keeper(s)"
    command = [sys.executable, "-c", code, spool.folder]
    agents = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT)
        for _ in range(20)
    ]
    for agent in agents:
        agent.stdout.readline()  # it is there
    for agent in agents:
        agent.stdin.write(b"\n")
        agent.stdin.flush()
    for agent in agents:
        assert agent.wait(HANG_S) == 0
        agent.stdin.close()
        agent.stdout.close()
    end = time.monotonic() + HANG_S
    while "keeper started" not in _read(Path(spool.keeper_log), "keeper.log").decode():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert spool.env.is_locked(spool.keeper_lock)
    assert Path(spool.keeper_log).read_text().count("keeper started") == 1
    assert len(keepers()) == 1


async def test_a_keeper_with_older_settings_makes_room(tmp_path, keepers):
    spool = Spool.open(Host(), str(tmp_path / "spool"))
    first = msgspec.structs.replace(spool, archive="http://127.0.0.1:9", key="old")
    ensure_keeper(first)
    await until(lambda: KeeperBeat.open(spool).process[0])
    (old,) = keepers()
    second = msgspec.structs.replace(spool, archive="http://127.0.0.1:9", key="new")
    ensure_keeper(second)
    await until(lambda: keepers() and old not in keepers())
    await until(lambda: KeeperBeat.open(spool).process[0] == keepers()[0])
    assert environ_of(keepers()[0])["UNBROKEN_API_KEY"] == "new"
    (new,) = keepers()
    for _ in range(3):  # who began earlier does not fight
        ensure_keeper(first)
    assert keepers() == [new]


async def test_the_spools_word_goes_before_the_environments(tmp_path, keepers, monkeypatch):
    monkeypatch.setenv("UNBROKEN_ARCHIVE", "http://127.0.0.1:1")
    monkeypatch.setenv("UNBROKEN_API_KEY", "of the environment")
    spool = Spool.open(
        Host(), str(tmp_path / "spool"), archive="http://127.0.0.1:9", key="of the spool"
    )
    ensure_keeper(spool)
    await until(keepers)
    told = environ_of(keepers()[0])
    assert told["UNBROKEN_ARCHIVE"] == "http://127.0.0.1:9"
    assert told["UNBROKEN_API_KEY"] == "of the spool"


def test_settings_are_compared_by_what_they_do_and_when_they_began():
    old = KeeperSettings.of("http://a", "k", 1)
    assert not KeeperSettings.of("http://a/", "k", 2).replaces(old)
    assert KeeperSettings.of("http://b", "k", 2).replaces(old)
    assert KeeperSettings.of("http://a", "other", 2).replaces(old)
    assert not KeeperSettings.of("http://b", "k", 0).replaces(old)
    assert not KeeperSettings.of("http://b", "k", 2).replaces(
        KeeperSettings()
    )  # an application's own keeper
    one, other = KeeperSettings.of("http://a", None, 5), KeeperSettings.of("http://b", None, 5)
    assert one.replaces(other) != other.replaces(one)


def test_a_keeper_that_stands_still_is_replaced(tmp_path, keepers):
    spool = Spool.open(Host(), str(tmp_path / "spool"), archive="http://127.0.0.1:9")
    ensure_keeper(spool)
    end = time.monotonic() + HANG_S
    while not KeeperBeat.open(spool).beats:
        assert time.monotonic() < end
        time.sleep(0.01)
    (old,) = keepers()
    os.kill(old, signal.SIGSTOP)
    care, now_us, step_us = Care(spool), spool.env.boot_us(), 250_000
    for at in range(FROZEN_US // step_us - 8):  # the clock that it is shown, not ours
        care.look(now_us + at * step_us)
        _finished(care)
    assert keepers() == [old]
    now_us += FROZEN_US
    for at in range(FROZEN_US // step_us * 2):  # a gap: we slept, all counting begins anew
        care.look(now_us + 60_000_000 + at * step_us)
        _finished(care)
        if old not in keepers():
            break
    assert at >= FROZEN_US // step_us - 1
    while not keepers():
        assert time.monotonic() < end
        care.look(now_us := now_us + 120_000_000)
        _finished(care)
    assert keepers() != [old]


def _finished(care: Care) -> None:
    if care._thread:
        care._thread.join(HANG_S)


def test_a_process_that_is_not_the_keeper_is_left_alone(tmp_path, monkeypatch):
    """The pid may be another one's by now."""
    spool = Spool.open(Host(), str(tmp_path / "spool"))
    beat = KeeperBeat.open(spool)
    beat.begin(spool.env, KeeperSettings.of("http://old", None, 1))
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    beat._words[2] = other.pid  # with this process's start time
    assert spool.env.lock(spool.keeper_lock)
    monkeypatch.setattr(starting, "_start", lambda *_: pytest.fail("a second keeper"))
    ensure_keeper(spool)
    assert other.poll() is None
    other.communicate(b"\n")
    spool.env.unlock(spool.keeper_lock)
