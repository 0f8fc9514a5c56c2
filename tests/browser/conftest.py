"""The browser, the microphone, and people who come to the page of the house."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from agents.speech.hibari import HibariTTS
from tests.browser.chromium import Microphone, chromium, console
from tests.browser.visitor import Visitor
from tests.e2e.house import ROOT, House

BUILT = ROOT / "src" / "unbroken" / "service" / "console"
IMAGES = ROOT / "docs" / "images"
DESKTOP = {"width": 1280, "height": 720}
PHONE = {"width": 360, "height": 740}

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


def _for_docs() -> bool:
    return os.environ.get("UNBROKEN_SCREENSHOTS") == "1"
