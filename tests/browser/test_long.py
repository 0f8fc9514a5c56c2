"""Two thousand messages: all are reached, only what is new is fetched, nothing is drawn twice."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser import seeded
from tests.browser.visitor import SIZES
from unbroken.archive.http import RemoteArchive

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

MESSAGES = 2_000
PRESS = "document.querySelector('[data-testid=older]')?.click()"
DRAWN = """() => {
    window.drawn = 0;
    const turns = document.querySelector(".turns");
    new MutationObserver((changes) => { window.drawn += changes.length; })
        .observe(turns, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def archive(house):
    async with RemoteArchive(house.service_url) as archive:
        yield archive


@pytest.mark.parametrize("size", SIZES)
async def test_all_is_reached_and_only_what_is_new_is_fetched(archive, come, size):
    holder = await seeded.long_call(archive, f"long {size['width']}", MESSAGES)
    person = await come(viewport=size)
    page = person.page
    asked = []
    page.on("response", lambda answer: asked.append(answer) if "/turns?" in answer.url else None)
    await person.open(f"/conversations/{holder.taken.conversation_id}")
    turns = page.get_by_test_id("turn")
    await expect(turns.last).to_contain_text(f"line {MESSAGES - 1}.")
    assert await turns.count() < MESSAGES // 2
    while await page.get_by_test_id("older").count():
        async with page.expect_response(re.compile("before=")):
            await page.evaluate(PRESS)
        await expect(page.locator("[data-testid=older][aria-disabled=true]")).to_have_count(0)
    await expect(turns).to_have_count(MESSAGES // 2)
    await expect(turns.first).to_contain_text("line 0.")
    assert [answer.headers["content-encoding"] for answer in asked] == ["gzip"] * len(asked)
    assert not await person.is_too_wide()
    assert await page.title() == "line 0. · unbroken"

    asked.clear()
    await page.evaluate(DRAWN)
    for _ in range(2):
        await page.wait_for_event("response")
    assert (asked, await page.evaluate("drawn")) == ([], 0)
    await holder.append(MESSAGES + 1, seeded.line(MESSAGES))
    await expect(turns.last).to_contain_text(f"line {MESSAGES}.")
    (end,) = asked
    assert end.url.endswith("?limit=40")
    assert await page.evaluate("drawn") == 1
