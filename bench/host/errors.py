"""Disks that fail: calls of a holder that are refused with an error, cut short or slow, for a
while or for good, each holder by a plan of its own.

`record` never raises. What was told to be safe from SIGKILL is shipped to the store; what was told
to be safe from a power loss is in the files as a power loss leaves them: only what a successful
sync covered, nothing of a file behind its first failed sync, and no file whose folder was not
synced.
"""

import asyncio
import errno
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Child, Service, keeper, started
from bench.host.store import Store
from bench.host.touched import TouchedFile, TouchedHost
from tests.core.conftest import new_header
from unbroken.env import File, Host
from unbroken.errors import (
    JournalUnreadable,
    JournalUnwritable,
    LevelUnavailable,
    SettingsInvalid,
)
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.journal.spool import JOURNAL, Spool
from unbroken.live.live import Level, Live

ERRORS = (
    *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EAGAIN, errno.EFBIG),
    *(errno.ENOMEM, errno.EMFILE),
)
CALLS = (
    "write",
    "write",
    "sync",
    "sync",
    "create",
    "rename",
    "make_folder",
    "open_words",
    "sync_folder",
)
HOLDERS_MAX = 150  # a round
ENTRIES = 60
LARGE = range(said.LARGE_AT, ENTRIES, said.LARGE_EACH)  # the entries with a blob
RESERVE_S = 15
SLOW_S = 0.015
FOR_EVER = 1 << 30


class FailingHost(TouchedHost):
    """Refuses the calls of its plan, and knows what a power loss would leave of each file."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.safe_bytes: dict[str, int] = {}  # of each file
        self.safe_names: set[str] = set()  # of the files whose names a power loss leaves
        self.refused = 0
        self._chance = chance
        self._counts: Counter[str] = Counter()
        self.failed: set[str] = set()  # files that a sync has failed for
        self.has_refused_blobs = False
        self._plan = [self._drawn() for _ in range(chance.choice((1, 1, 2)))]
        self._slow = chance.random() < 0.3

    def _drawn(self) -> tuple[str, int, int, int]:
        """A call, from which time on and up to which it fails, and how."""
        first = self._chance.randrange(1, 40)
        length = self._chance.choice((1, 2, 10, 30, FOR_EVER))
        name = self._chance.choice(CALLS)
        return name, first if name == "write" else first // 8, length, self._chance.choice(ERRORS)

    def touch(self, name: str, work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        self._counts[name] += 1
        for call, first, length, error in self._plan:
            if call == name and first <= self._counts[name] < first + length:
                self.refused += 1
                self.has_refused_blobs |= "/blobs" in str(given[:1])
                if name == "write" and self._counts[name] == first:
                    return work(given[0][: len(given[0]) // 2])  # short first, as tmpfs does
                raise OSError(error, os.strerror(error))
        if name == "write" and self._slow and self._counts[name] == 3:
            time.sleep(SLOW_S)
        done = work(*given, **how)
        if name == "sync_folder":
            self.safe_names |= set(self.list_folder(given[0]))
        return done

    def _opened(self, create: Callable[..., File], path: str) -> "WitnessedFile":
        return WitnessedFile(create(path), self, path)


class WitnessedFile(TouchedFile):
    """Says what of it is safe from a power loss."""

    _host: FailingHost

    def write(self, data: bytes) -> int:
        try:
            return self._host.touch("write", self._file.write, data)
        except OSError:
            self._host.has_refused_blobs |= "/blobs" in self.path
            raise

    def sync(self) -> None:
        size = self._file.size()
        try:
            self._host.touch("sync", self._file.sync)
        except OSError:
            self._host.failed.add(self.path)
            raise
        if self.path not in self._host.failed:
            self._host.safe_bytes[self.path] = size


def attack(a: Attack) -> None:
    number = 0
    while number == 0 or a.left_s() > RESERVE_S:
        _round(a, number)
        number += 1
    a.require_exercised("refused calls", "disk acknowledgements", "healed holders")


def _round(a: Attack, number: int) -> None:
    folder, where = a.round(number), f"round {number}, "
    spool = Spool.open(Host(), str(folder / "spool"))
    spool.host_id()
    service = Service(folder)
    ship = keeper(spool.folder, service.url)
    claims = []
    with started(service, ship):
        while len(claims) < HOLDERS_MAX and (not claims or a.left_s() > RESERVE_S):
            seed = number * HOLDERS_MAX + len(claims)
            claims.append(_one(a, folder, seed, where))
        store = Store(service.data)
        a.require(checker.settle(store, claims), f"{where}a dead holder's end is not told")
        a.require(ship.code is None, f"{where}the keeper ended by itself, code {ship.code}")
        checker.check(a, store, claims, where=where)


def _one(a: Attack, folder: Path, seed: int, where: str) -> Claim:
    host = FailingHost(a.chance("plan", seed))
    child = Child(lambda tell: asyncio.run(_live(tell, str(folder / "spool"), host, seed)))
    facts: dict[str, Any] = {str(name): more for name, *more in child.wait()}
    about = f"{where}seed {seed}"
    a.require(child.code == 0, f"{about}: the holder ended with {child.code}: {facts}")
    if "raised" in facts:
        a.violations.append(f"{about}: record raises {facts['raised']}")
    a.counts["refused calls"] += facts.get("refused", [0])[0]
    if "unwritable" in facts or "header" not in facts:
        a.counts["refused holders"] += 1
        return Claim(UUID(int=0), seed)
    written, kept, has_refused_blobs = facts.get("end", [0, [], False])
    a.counts["healed holders"] += written == ENTRIES
    lost = {*range(written + 1, ENTRIES + 1), *(LARGE if has_refused_blobs else ())} - {*kept}
    _lose_power(a, folder, facts.get("disk", [0, {}, []]), lost, about)
    return Claim(UUID(facts["header"][0]), seed, told=written, may_be_lost=lost)


async def _live(tell: Callable[..., None], folder: str, host: FailingHost, seed: int) -> None:
    header = new_header(Host(), Spool(Host(), folder), room=f"room {seed}", sid=f"RM_{seed}")
    tell("header", str(header.new_session_id))
    try:
        live = Live.open(Spool.open(host, folder), header)
    except (JournalUnwritable, SettingsInvalid) as error:
        tell("unwritable", str(error))
        return
    kept = []
    for n in range(1, ENTRIES + 1):
        try:
            live.record(said.entry(seed, n))
        except Exception as error:  # noqa: BLE001 - that nothing may be raised is what we test
            tell("raised", repr(error))
        if await _is_safe(live, "process", n, 0.0):
            kept.append(n)
        if n % 10 == 0 and await _is_safe(live, "disk", n, 0.3):
            tell("disk", n, host.safe_bytes, sorted(host.safe_names))
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    tell("end", live.journal.written, kept, host.has_refused_blobs)
    tell("refused", host.refused)
    await live.close("left")


async def _is_safe(live: Live, level: Level, n: int, timeout_s: float) -> bool:
    try:
        return await live.durable(level, upto=n, timeout_s=timeout_s)
    except LevelUnavailable:
        return False


def _lose_power(a: Attack, folder: Path, disk: Any, lost: set[int], about: str) -> None:
    """What was told to be on the disk is in what a power loss leaves of the files."""
    on_disk, safe_bytes, safe_names = disk
    if not on_disk:
        return
    a.counts["disk acknowledgements"] += on_disk
    (left := folder / "left").mkdir(exist_ok=True)
    found: set[int] = set()
    for path, size in safe_bytes.items():
        place = Path(path.removesuffix(".new"))
        if place.name.endswith(JOURNAL) and place.name in safe_names:
            copy = left / place.name
            copy.write_bytes(place.read_bytes()[:size])
            found |= _entries(copy)
    missing = set(range(1, on_disk + 1)) - found - lost
    a.require(
        not missing, f"{about}: on the disk up to {on_disk}, but {sorted(missing)[:9]} are not"
    )
    shutil.rmtree(left)


def _entries(path: Path) -> set[int]:
    try:
        reader = JournalReader(Host(), str(path))
    except JournalUnreadable:
        return set()
    found: set[int] = set()
    while frames := reader.read(is_living=False):
        found |= {frame.n for frame in frames if frame.type == ENTRY}
    reader.close()
    return found
