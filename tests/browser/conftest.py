"""The browser, the microphone, and people who come to the page of the house."""

import asyncio
import io
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Page

from agents.speech.hibari import HibariTTS
from tests.browser.chromium import Microphone, chromium, console
from tests.browser.visitor import SIZES, Visitor
from tests.e2e.house import ROOT, House

BUILT = ROOT / "src" / "unbroken" / "service" / "console"
IMAGES = ROOT / "docs" / "images"
DESKTOP, PHONE = SIZES
FRAME_S = 0.15
LAST_MS = 2_000  # of the last frame: time to read it
FRAMES_MAX = 80
GIF_WIDTH = 720

Frame: TypeAlias = tuple[float, bytes]  # when it was taken, in seconds
Come: TypeAlias = Callable[..., Awaitable[Visitor]]
TakePicture: TypeAlias = Callable[[Page, str], Awaitable[None]]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory, voice: HibariTTS) -> Microphone:
    return Microphone(tmp_path_factory.mktemp("microphone") / "said.wav", voice)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(microphone: Microphone):
    async with chromium(microphone.path) as running:
        yield running


@pytest.fixture
def address(house: House) -> str:
    """By name: browsers give the microphone to localhost, and to https."""
    console(BUILT)
    return f"http://localhost:{house.ports['service']}"


@pytest_asyncio.fixture(loop_scope="module")
async def come(browser: Browser, address: str, microphone: Microphone):
    """`await come()` is a person with a browser of their own, whose microphone is allowed."""
    here: list[Visitor] = []

    async def come(*, permissions: tuple[str, ...] = ("microphone",), **options: Any) -> Visitor:
        wanted = {"viewport": DESKTOP, "device_scale_factor": 1.5 if _for_docs() else 1} | options
        context = await browser.new_context(permissions=list(permissions), **wanted)
        here.append(await Visitor.come(context, address, microphone))
        return here[-1]

    yield come
    for visitor in here:
        await visitor.leave()


@pytest.fixture
def picture(tmp_path: Path) -> TakePicture:
    """Into docs/images only where UNBROKEN_SCREENSHOTS=1 asks for new ones."""
    folder = IMAGES if _for_docs() else tmp_path

    async def take(page: Page, name: str) -> None:
        await page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return take


@pytest.fixture
def film(tmp_path: Path):
    """`async with film(page, name)`: an animated image of what happens meanwhile."""
    folder = IMAGES if _for_docs() else tmp_path

    @asynccontextmanager
    async def shoot(page: Page, name: str) -> AsyncIterator[None]:
        frames: list[Frame] = []

        async def roll() -> None:
            while len(frames) < FRAMES_MAX:
                taken_at = asyncio.get_running_loop().time()
                shot = await page.screenshot(type="jpeg", quality=70, scale="css")
                frames.append((taken_at, shot))
                await asyncio.sleep(FRAME_S)

        rolling = asyncio.create_task(roll())
        try:
            yield
        finally:
            rolling.cancel()
            await asyncio.gather(rolling, return_exceptions=True)
        animate(frames, folder / f"{name}.gif")

    return shoot


def animate(frames: list[Frame], path: Path) -> None:
    """A GIF that plays in real time, small enough for a README."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for _, frame in frames]
    small = [p.resize((GIF_WIDTH, p.height * GIF_WIDTH // p.width)) for p in pictures]
    reduced = [p.quantize(64, dither=Image.Dither.NONE) for p in small]
    times = [at for at, _ in frames]
    shown_ms = [round((b - a) * 1_000) for a, b in itertools.pairwise(times)] + [LAST_MS]
    reduced[0].save(
        path, save_all=True, append_images=reduced[1:], duration=shown_ms, loop=0, optimize=True
    )


def _for_docs() -> bool:
    return os.environ.get("UNBROKEN_SCREENSHOTS") == "1"
