"""Chromium with a microphone that is a file, reaching this machine only."""

import contextlib
import os
import shutil
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from agents.speech.hibari import HibariTTS
from tests.agents.sound import MIC_RATE, resampled, silence

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",  # where there is no other interface
    "--use-fake-device-for-media-stream",
)
PUBLISHED_S = 2.5  # the file plays from when the page gets it, the track is published a bit later
SILENT_S = 1.0


def executable() -> str:
    """Where Chromium is. Without it: skips the test, in CI fails it."""
    if path := next(filter(None, map(shutil.which, NAMES)), None):
        return path
    return _missing("no Chromium: install Debian's package `chromium`")


def console(folder: Path) -> Path:
    """The built page. Without it: skips the test, in CI fails it."""
    if (folder / "index.html").exists():
        return folder
    return _missing("the page is not built: run `make test`, or `npm run build` in console/")


def _missing(reason: str):
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.asynccontextmanager
async def chromium(microphone: Path) -> AsyncIterator[Browser]:
    """Each time a page opens the microphone, what is then in the file is played once."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


class Microphone:
    """Says what was `set` last, to a page that opens it after that."""

    def __init__(self, path: Path, voice: HibariTTS) -> None:
        self.path = path
        self._voice = voice
        self._write(silence(SILENT_S))

    def set(self, *texts: str, pause_s: float = SILENT_S) -> None:
        """One after the other, `pause_s` apart."""
        spoken = (resampled(self._voice.voice(t, seed=0), self._voice.sample_rate) for t in texts)
        parts = [part for said in spoken for part in (said, silence(pause_s))]
        self._write(silence(PUBLISHED_S), *parts)

    def _write(self, *parts) -> None:
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(MIC_RATE)
            for samples in parts:
                file.writeframes(samples.tobytes())
