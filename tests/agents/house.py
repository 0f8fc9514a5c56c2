"""A whole house for one test: livekit-server, service, keeper, worker, and somebody who calls.

All on loopback and free ports, in the test's own folder. Every process is ours and is ended.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from livekit import rtc

from agents.speech.hibari import VOICE_RATE, HibariTTS

ROOT = Path(__file__).parents[2]
KEY, SECRET = "devkey", "secretsecretsecretsecretsecretsecret"
READY_S = 30.0
ENDED_S = 15.0
# A proxy where nobody listens: whatever goes through it on the loopback fails.
DEAD_PROXY = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"),
                           "http://127.0.0.1:9")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class House:
    folder: Path
    service_url: str
    bookings: Path
    end_worker: Callable[[], None]  # in order, with its jobs; returns when it has ended


def livekit_server() -> str:
    """The program. Skips the test where there is none."""
    for path in (os.environ.get("UNBROKEN_LIVEKIT_SERVER"), ROOT / ".tools" / "livekit-server"):
        if path and os.access(path, os.X_OK):
            return str(path)
    if found := shutil.which("livekit-server"):
        return found
    pytest.skip("no livekit-server: name it in UNBROKEN_LIVEKIT_SERVER, or run `make run` once")


@contextmanager
def house(folder: Path, *, rules: str) -> Iterator[House]:
    """All of it, ready for a call."""
    server = livekit_server()
    livekit, media, service, worker = _free_ports(4)
    environ = {
        **os.environ, **DEAD_PROXY,
        "NO_PROXY": "", "no_proxy": "",
        "LIVEKIT_URL": f"ws://127.0.0.1:{livekit}",
        "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET,
        "UNBROKEN_ARCHIVE": f"http://127.0.0.1:{service}",
        "UNBROKEN_DATA": str(folder / "data"),
        "UNBROKEN_SPOOL": str(folder / "spool"),
        "UNBROKEN_TEST_RULES": str(folder / "rules.json"),
    }  # fmt: skip
    (folder / "rules.json").write_text(rules, "utf-8")
    (folder / "livekit.yaml").write_text(_livekit_config(livekit, media), "utf-8")
    python = [sys.executable, "-m"]
    own = {k: v for k, v in environ.items() if k not in DEAD_PROXY}
    with ExitStack() as running:
        start = lambda name, command, env: running.enter_context(  # noqa: E731
            _process(folder / f"{name}.log", command, env)
        )
        start("livekit", [server, "--config", str(folder / "livekit.yaml")], own)
        start("service", [*python, "unbroken", "serve", "--port", str(service)], own)
        # Before any agent starts one by itself: so it is ours to end.
        start("keeper", [*python, "unbroken.keep"], own)
        _wait_for(f"http://127.0.0.1:{livekit}/")
        _wait_for(f"http://127.0.0.1:{service}/healthz")
        command = [*python, "tests.agents.scripted_worker", "--port", str(worker)]
        agents = start("worker", command, environ)
        _wait_for(f"http://127.0.0.1:{worker}/")
        yield House(
            folder=folder,
            service_url=f"http://127.0.0.1:{service}",
            bookings=folder / "data" / "bookings.sqlite",
            end_worker=lambda: _end(agents),
        )


class Caller:
    """A person in the room: speaks with the test's voice, hears, and reads along."""

    def __init__(self, voice: HibariTTS) -> None:
        self.room = rtc.Room()
        self.lines: dict[str, tuple[str, str]] = {}  # by segment: (identity, text), as it grows
        self.heard_s = 0.0  # sound of others that was louder than silence
        self._voice = voice
        self._source = rtc.AudioSource(VOICE_RATE, 1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, url: str, token: str) -> None:
        self.room.register_text_stream_handler("lk.transcription", self._line)
        self.room.on("track_subscribed", self._track)
        await self.room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("voice", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)

    async def say(self, text: str) -> None:
        """Returns when it was spoken, and a moment of silence after it."""
        speech = (np.clip(self._voice.voice(text, seed=0), -1, 1) * 32_767).astype(np.int16)
        padded = np.concatenate([speech, np.zeros(VOICE_RATE, np.int16)])
        step = VOICE_RATE // 50
        for at in range(0, len(padded), step):
            part = padded[at : at + step]
            await self._source.capture_frame(
                rtc.AudioFrame(part.tobytes(), VOICE_RATE, 1, len(part))
            )

    async def hear(self, words: str, *, within_s: float = 20.0) -> None:
        """Returns when an agent has said `words`, by its transcript."""
        async with asyncio.timeout(within_s):
            while words not in self.agent_text():
                await asyncio.sleep(0.02)

    def agent_text(self) -> str:
        own = self.room.local_participant.identity
        return " ".join(text for who, text in self.lines.values() if who != own)

    async def leave(self) -> None:
        await self.room.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._source.aclose()

    def _line(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._start(self._read(reader, identity))

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        attributes: dict[str, Any] = reader.info.attributes or {}
        who = attributes.get("lk.transcribed_participant_identity") or identity
        async for part in reader:
            _, known = self.lines.get(reader.info.stream_id, (who, ""))
            self.lines[reader.info.stream_id] = (who, known + part)

    def _track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._start(self._listen(track))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track)
        try:
            async for event in stream:
                if np.abs(np.frombuffer(event.frame.data, np.int16).astype(np.int32)).max() > 300:
                    self.heard_s += event.frame.duration
        finally:
            await stream.aclose()

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)


@contextmanager
def _process(
    log: Path, command: list[str], environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDED_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(url: str) -> None:
    until = time.monotonic() + READY_S
    with httpx.Client(trust_env=False) as client:
        while True:
            try:
                client.get(url).raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        found = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found.append(listener.getsockname()[1])
        return found


def _livekit_config(port: int, media: int) -> str:
    return f"""\
port: {port}
bind_addresses: ["127.0.0.1"]
keys: {{{KEY}: {SECRET}}}
rtc:
  tcp_port: 0
  udp_port: {media}
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  ips: {{includes: ["127.0.0.1/32"]}}
"""
