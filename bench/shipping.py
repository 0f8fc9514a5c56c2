"""The parts that `append` measures against: a real service, a keeper process, typical items."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from livekit.agents.llm import ChatMessage

from bench.calls import SAID
from tests.e2e.house import House
from unbroken.livekit.state import items
from unbroken.log.entries import ItemPut

END_S = 10
METRICS = {
    "user": {"transcription_delay": 0.2123, "end_of_turn_delay": 0.5321},
    "assistant": {
        "started_speaking_at": 1_790_000_000.1, "stopped_speaking_at": 1_790_000_004.7,
        "llm_node_ttft": 0.4123, "tts_node_ttfb": 0.0712, "e2e_latency": 1.1021,
    },
}  # fmt: skip


@contextmanager
def service(folder: Path) -> Iterator[House]:
    """The service alone, on a free port, with its data in `folder`."""
    house = House(folder, "no.worker")
    for needed in (house.data, house.spool):
        needed.mkdir(parents=True)
    try:
        house.start("service")
        yield house
    finally:
        house.kill("service")


@contextmanager
def keeper(house: House, spool: str) -> Iterator[None]:
    """A keeper that ships the folder `spool`, the process that a first call starts."""
    proxies = {name for name in os.environ if "proxy" in name.lower()}
    environ = {k: v for k, v in os.environ.items() if k not in proxies}
    environ |= {"UNBROKEN_SPOOL": spool, "UNBROKEN_ARCHIVE": house.service_url}
    command = [sys.executable, "-m", "unbroken.keeper"]
    with (house.folder / "keeper.log").open("ab") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(END_S)


def message(number: int) -> ChatMessage:
    """A chat message of real size: 200 characters, metrics as LiveKit writes them."""
    role: Literal["user", "assistant"] = "assistant" if number % 2 else "user"
    made = ChatMessage(role=role, content=[f"{number}: {SAID}"])
    made.metrics.update(METRICS[role])  # type: ignore[typeddict-item]
    return made


def puts(count: int, *, first: int = 0, after: str | None = None) -> list[ItemPut]:
    """Typical items, each behind the one before it."""
    made = []
    for number in range(first, first + count):
        item = items.encode(message(number))
        made.append(ItemPut(item, after=after, agent="Assistant"))
        after = item["id"]
    return made
