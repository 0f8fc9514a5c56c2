"""A filled database of which one bit flips, and what the service says of it then."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx

from tests.service.conftest import NOBODY, opened
from unbroken.archive.port import WireEntry
from unbroken.errors import Corrupt, SettingsInvalid
from unbroken.log.entries import KIND_OF, Lost, Recovered, encode
from unbroken.service.settings import Settings
from unbroken.testing.holders import LISTENED_S, Clock, Holder, entry

API = "/api/v1"
FILE = "unbroken.sqlite"
CALLS, LINES = 3, 20
CAUSE = "crashed"
SAID = {"title", "last_message", "content", "payload", "message", "stack_trace", "context"}


class Flips:
    """`fill` it once, then ask `wrong_after` of any of its bits."""

    def __init__(self, folder: Path) -> None:
        self._whole, self._hurt = folder / "whole", folder / "hurt"
        self._clock = Clock()
        self._sessions: list[tuple[str, UUID, UUID]] = []
        self._before: dict[str, Any] = {}
        self._said: list[list[bytes]] = []
        self._content = b""

    async def fill(self) -> None:
        async with self._opened(self._whole) as client:
            self._clock.advance(LISTENED_S)
            for number in range(CALLS):
                await self._call(client, f"room {number}")
            await _around(client)
        self._content = (self._whole / FILE).read_bytes()
        async with self._opened(self._whole) as client:
            self._before = {path: (await client.get(path)).json() for path in self._paths()}
        self._hurt_by(None)
        async with self._opened(self._hurt) as client:
            self._said = [_payloads(await self._take(client, room)) for room, *_ in self._sessions]

    def bits(self, draw: Random) -> Iterator[int]:
        """Any number of them, where something stands."""
        while True:
            bit = draw.randrange(8 * len(self._content))
            if self._content[bit // 8]:
                yield bit

    async def wrong_after(self, bit: int) -> list[str]:
        """What is told and was never said, and not named as damaged; and errors without a name."""
        self._hurt_by(bit)
        try:
            async with self._opened(self._hurt) as client:
                read = [w for path in self._paths() async for w in self._read(client, path)]
                return read + [w async for w in self._taken(client)]
        except SettingsInvalid:
            return []  # it does not start, and says why

    def _opened(self, folder: Path) -> Any:
        folder.mkdir(exist_ok=True)
        settings = Settings(data=folder, livekit_url=NOBODY, livekit_api_secret="s" * 32)
        return opened(settings, self._clock)

    def _hurt_by(self, bit: int | None) -> None:
        shutil.rmtree(self._hurt, ignore_errors=True)
        shutil.copytree(self._whole, self._hurt)
        if bit is not None:
            with (self._hurt / FILE).open("r+b") as file:
                file.seek(bit // 8)
                (byte,) = file.read(1)
                file.seek(bit // 8)
                file.write(bytes([byte ^ 1 << bit % 8]))

    async def _call(self, client: httpx.AsyncClient, room: str) -> None:
        """A call with lines of two terms, a report and something in the side lane."""
        archive = client.parts.store.archive
        first = Holder(archive, clock=self._clock)
        taken = await first.take(room, user_id="ann")
        for number in range(LINES // 2):
            await first.say(f"{room} pay {100 + number} euro")
        await first.append(first.said + 1, final=CAUSE)
        second = Holder(archive, clock=self._clock)
        await second.take(room)
        report, flags = encode(Recovered(CAUSE, 500, 1, "resume", {"history": "exact"}))
        at = first.said + 1
        await second.append(at, WireEntry("recovered", 1, flags, report))
        await second.append(at + 1, *[first.line(f"{room} said {n}") for n in range(LINES // 2)])
        await first.append(at, entry(b'{"name":"late","data":1}'))
        await second.append(at + 1 + LINES // 2, final=CAUSE)
        self._sessions.append((room, taken.session_id, taken.conversation_id))

    def _paths(self) -> list[str]:
        found = [f"{API}/conversations", f"{API}/analytics/errors", f"{API}/users/ann/context"]
        for _, session, conversation in self._sessions:
            of = f"{API}/conversations/{conversation}"
            found += [of, f"{of}/messages?items=all&limit=100", f"{of}/turns"]
            at = f"{API}/sessions/{session}"
            found += [at, f"{at}/entries?limit=100", f"{at}/side"]
        return found

    async def _read(self, client: httpx.AsyncClient, path: str) -> AsyncIterator[str]:
        answer = await client.get(path)
        if answer.status_code != httpx.codes.OK:
            if answer.json()["code"] not in ("corrupt", "not_found"):
                yield f"{path}: {answer.text}"
            return
        true = {text for shown in self._before.values() for text in _texts(shown)}
        for text in _texts(answer.json()):
            if text not in true:
                yield f"{path}: {text!r}"

    async def _taken(self, client: httpx.AsyncClient) -> AsyncIterator[str]:
        for (room, *_), said in zip(self._sessions, self._said, strict=True):
            try:
                found = await self._take(client, room)
            except Corrupt:
                continue
            if found.entries:  # else another call than the one before
                for before, now in zip(said, found.entries, strict=False):
                    if now.payload != before and now.kind != KIND_OF[Lost]:
                        yield f"take {room}: {now.payload!r}"

    async def _take(self, client: httpx.AsyncClient, room: str) -> Any:
        return await Holder(client.parts.store.archive, clock=self._clock).take(room)


async def _around(client: httpx.AsyncClient) -> None:
    error = {"room_name": "room 0", "error_type": "E", "message": "it failed"}
    await client.post(f"{API}/analytics/log-error", json=error)
    await client.put(f"{API}/users/ann/context", json={"likes": "the window"})


def _payloads(taken: Any) -> list[bytes]:
    return [one.payload for one in taken.entries]


def _texts(shown: Any, key: str = "") -> Iterator[str]:
    """What people and agents said, in an answer, but where it is named as damaged."""
    match shown:
        case {"corrupt": True} | {"payload": {"cause": "corrupt"}} | {"error_type": "corrupt"}:
            return
        case dict():
            for name, value in shown.items():
                yield from _texts(value, key if key in SAID else name)
        case list():
            for value in shown:
                yield from _texts(value, key)
        case str() if key in SAID:
            yield shown
