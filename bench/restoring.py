"""How long a successor needs for the log of a long call, and how much memory on either side.

A call of 100,000 entries, as an agent writes them, is shipped to a service of its own; then agents
that begin anew take it and fold its log, one behind the other, each in a process of its own.
"""

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import ROOT, Noise, Run
from bench.service_process import ServiceProcess
from unbroken.archive.http import RemoteArchive
from unbroken.archive.port import BATCH_ENTRIES_MAX, WireEntry
from unbroken.log import digest, entries
from unbroken.log.entries import AgentEntered, Digested, ItemPut, Payload, SessionOpened, Usage
from unbroken.log.session import Session
from unbroken.testing.holders import Holder

ENTRIES, ENTRIES_QUICK = 100_000, 5_000
TIMES, TIMES_QUICK = 5, 1
ROOM, AGENT = "long", "Host"
WORDS = ("hello", "and", "what", "can", "I", "do", "for", "you", "on", "such", "a", "day")
LISTS = ("history", f"context of {AGENT}")


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _measure(run: Run) -> None:
    count, times = (ENTRIES_QUICK, TIMES_QUICK) if run.is_quick else (ENTRIES, TIMES)
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        async with ServiceProcess.running(Path(folder) / "service") as service:
            size = await _ship(service.url, count)
            service.forget_memory()
            before = service.memory_mb("VmRSS")
            read = [await asyncio.to_thread(_read, service.url) for _ in range(times)]
            service_mb = service.memory_mb() - before
    found = {"entries": count, "bytes": size, "service_mb": service_mb, "read": read}
    run.keep(found, noise, _page(found))


async def _ship(url: str, count: int) -> int:
    written = list(Call().entries(count))
    async with RemoteArchive(url) as archive:
        holder = Holder(archive)
        await holder.take(ROOM)
        for at in range(0, len(written), BATCH_ENTRIES_MAX):
            await holder.append(at + 1, *written[at : at + BATCH_ENTRIES_MAX])
        await holder.append(len(written) + 1, final="crashed")
    return sum(len(entry.payload) for entry in written)


def _read(url: str) -> dict[str, Any]:
    """What `restoring_reader` says."""
    reader = [sys.executable, "-m", "bench.restoring_reader", url, ROOM]
    said = subprocess.run(reader, cwd=ROOT, check=True, capture_output=True, text=True)
    return dict(json.loads(said.stdout))


class Call:
    """What an agent writes of a call that goes on and on: each turn has what was said, what it
    used, digests of its lists, and every fourth one a tool."""

    def __init__(self) -> None:
        self._session = Session()
        self._chance = random.Random(1)  # noqa: S311 - no secret
        self._last: str | None = None
        self._turn = 0

    def entries(self, count: int) -> Iterator[WireEntry]:
        """The first `count` of them."""
        written = self._payloads()
        for _, payload in zip(range(count), written, strict=False):
            self._session.apply(payload)
            data, flags = entries.encode(payload)
            yield WireEntry(entries.KIND_OF[type(payload)], 1_800_000_000_000_000, flags, data)

    def _payloads(self) -> Iterator[Payload]:
        yield SessionOpened(ROOM, "RM_1", AGENT, "agent-1", "c")
        yield AgentEntered(AGENT, "Be kind.", ("look",))
        while True:
            self._turn += 1
            yield self._said("user", 12)
            yield self._digests()
            if not self._turn % 4:
                yield from self._tool()
            yield self._said("assistant", 25)
            yield Usage({"llm": {"prompt_tokens": self._turn * 9}, "tts": {"characters": 99}})
            yield self._digests()

    def _tool(self) -> Iterator[Payload]:
        call = f"call_{self._turn}"
        yield entries.ToolStarted(call, "look", "{}")
        yield entries.ToolEnded(call, "done", "Seen.")
        about = {"call_id": call, "name": "look", "created_at": self._turn}
        yield self._put({"type": "function_call", "arguments": "{}", "extra": {}} | about, "c")
        output = {"type": "function_call_output", "output": "Seen.", "is_error": False}
        yield self._put(output | about, "o")
        yield self._digests()

    def _said(self, role: str, words: int) -> Payload:
        message: dict[str, Any] = {"type": "message", "role": role, "interrupted": False}
        message["content"] = [" ".join(self._chance.choices(WORDS, k=words))]
        message["metrics"] = {"started_speaking_at": 1.5, "stopped_speaking_at": self._turn + 0.5}
        return self._put(message | {"extra": {}, "created_at": 1.8e9 + self._turn}, role[0])

    def _put(self, item: dict[str, Any], kind: str) -> Payload:
        after, self._last = self._last, f"item_{self._turn:08x}{kind}"
        return ItemPut(item | {"id": self._last}, after=after, agent=AGENT)

    def _digests(self) -> Payload:
        return Digested({field: digest.of(self._session.folded(field)) for field in LISTS})


def _page(found: dict[str, Any]) -> str:
    read = found["read"]

    def median(name: str) -> float:
        return round(statistics.median(one[name] for one in read), 2)

    return (
        f"A log of {found['entries']:,} entries ({found['bytes'] / 1e6:.0f} MB of payloads, "
        f"{read[0]['items']:,} items), restored {len(read)} times, each in a new process; "
        "medians:\n\n"
        "| | |\n|---|---|\n"
        f"| `take` | {median('take_s')} s |\n"
        f"| the rest of the log, and its fold | {median('read_s')} s |\n"
        f"| processor time of the agent for both | {median('cpu_s')} s |\n"
        f"| longest stall of the agent's event loop | {median('stall_ms'):.0f} ms |\n"
        f"| memory of the agent: at most beyond what it had | {median('most_mb'):.0f} MB |\n"
        f"| of which the state itself | {median('state_mb'):.0f} MB |\n"
        f"| memory of the service: at most beyond what it had | {found['service_mb']} MB |\n"
    )
