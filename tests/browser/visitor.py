"""A person at the page: presses, speaks, listens, reads; and what the browser complains of."""

import base64
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
from livekit import rtc
from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    ViewportSize,
    expect,
)

from agents.speech.moonshine import MoonshineSTT
from tests.agents.sound import MIC_RATE, frame, resampled
from tests.browser.chromium import Microphone

HANG_MS = 60_000
expect.set_options(timeout=HANG_MS)
CALLED_OFF = "net::ERR_ABORTED"
SCRIPT = Path(__file__).with_name("page.js")
SIZES: list[ViewportSize] = [{"width": 1440, "height": 900}, {"width": 390, "height": 844}]
Line = tuple[str, str]  # role, text


class Visitor:
    """Open one with `Visitor.come(...)`; `leave` it."""

    def __init__(self, page: Page, address: str, microphone: Microphone) -> None:
        self.page = page
        self.complaints: list[str] = []  # errors of the console, and requests that failed
        self.servers: set[str] = set()  # host:port of whom the page asked
        self._address = address
        self._microphone = microphone
        page.set_default_timeout(HANG_MS)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.complaints.append(f"page: {error}"))
        page.on("request", lambda request: self._note_server(request.url))
        page.on("websocket", lambda socket: self._note_server(socket.url))
        page.on("requestfailed", self._note_failed)
        page.on("response", self._note_answer)

    @classmethod
    async def come(cls, context: BrowserContext, address: str, microphone: Microphone) -> "Visitor":
        await context.add_init_script(path=SCRIPT)
        return cls(await context.new_page(), address, microphone)

    async def open(self, path: str) -> None:
        await self.page.goto(self._address + path)

    async def leave(self) -> None:
        """As by closing the tab: the room knows at once. Again, it does nothing."""
        if self.page.is_closed():
            return
        await self.page.goto("about:blank")
        await self.page.context.close()

    @property
    def start_button(self) -> Locator:
        return self.page.get_by_test_id("start")

    async def start(self) -> dict[str, Any]:
        """Press it; returns the room that the service opened."""
        async with self.page.expect_response("**/api/v1/rooms") as answer:
            await self.start_button.click()
        return dict(await (await answer.value).json())

    async def speak(self, *texts: str, pause_s: float = 1.0) -> None:
        """Allow the microphone, and say this, in parts with pauses. Once per visit of the page."""
        self._microphone.set(*texts, pause_s=pause_s)
        await self.page.evaluate("person.allowMicrophone()")

    async def agent_is(self, *states: str) -> None:
        pattern = re.compile("|".join(states))
        state = self.page.get_by_test_id("agent-state")
        await expect(state).to_have_attribute("data-state", pattern)
        await expect(state).to_be_visible()

    async def line_ends(self, role: str, number: int) -> None:
        """Wait until the line `number` of that role, from 1, is complete."""
        line = self.page.get_by_test_id(f"line-{role}").nth(number - 1)
        await expect(line).to_have_attribute("data-final", "true")

    async def answered(self, number: int) -> None:
        """Wait until the assistant has said that line to its end, and listens again."""
        await self.line_ends("assistant", number)
        await self.agent_is("listening")

    async def last_line_is_safe(self) -> None:
        safety = self.page.get_by_test_id("safety")
        await expect(safety).to_have_attribute("data-level", "service")

    async def lines(self) -> list[Line]:
        found = []
        for line in await self.page.locator("[data-testid^='line-']").all():
            role = (await line.get_attribute("data-testid") or "").removeprefix("line-")
            words = line.locator(".line-text > span:not(.cut)")
            found.append((role, " ".join(" ".join(await words.all_inner_texts()).split())))
        return found

    async def turns(self, count: int) -> list[Line]:
        """Of a conversation's page, once it has `count` turns."""
        await expect(self.page.get_by_test_id("turn")).to_have_count(count)
        found = []
        for spoken in await self.page.get_by_test_id("turn").locator(".spoken").all():
            role = "user" if "user" in (await spoken.get_attribute("class") or "") else "assistant"
            found.append((role, await spoken.locator(".spoken-text").inner_text()))
        return found

    async def hang_up(self) -> None:
        await self.page.get_by_test_id("hangup").click()
        await expect(self.page.get_by_role("heading", name="Call ended")).to_be_visible()

    async def record(self) -> None:
        """Tape what the page plays, from now on."""
        await self.page.wait_for_function("person.hasSound()")
        await self.page.evaluate("person.record()")

    async def heard(self, ears: MoonshineSTT) -> str:
        """The words on the tape."""
        tape = base64.b64decode(await self.page.evaluate("person.recorded()"))
        return await ears.transcribe([_decoded(tape)])

    async def is_too_wide(self) -> bool:
        """Whether one must scroll sideways to read all of it."""
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(await self.page.evaluate(wide))

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _note_failed(self, request: Request) -> None:
        """But for what the page itself called off, as it does when one goes elsewhere."""
        if request.failure != CALLED_OFF:
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _note_server(self, url: str) -> None:
        if (parts := urlsplit(url)).scheme in ("http", "https", "ws", "wss"):
            self.servers.add(parts.netloc)

    def _note_answer(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")


async def at_sizes(person: Visitor) -> AsyncIterator[str]:
    """The page as it is, on a desk and in a hand; nothing of it is too wide. Ends on the desk."""
    for size in SIZES[::-1]:
        await person.page.set_viewport_size(size)
        name = f"{size['width']} px"
        assert not await person.is_too_wide(), name
        yield name


def _decoded(tape: bytes) -> rtc.AudioFrame:
    with av.open(io.BytesIO(tape)) as container:
        parts = list(container.decode(audio=0))
    channels = parts[0].layout.nb_channels
    pcm = np.concatenate([p.to_ndarray().reshape(channels, -1)[0] for p in parts])
    return frame(resampled(pcm.astype(np.float32), parts[0].sample_rate), MIC_RATE)
