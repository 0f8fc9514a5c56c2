"""Thousands of messages: all are reached, few are drawn, only what is new is fetched."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser import seeded
from tests.browser.visitor import SIZES
from unbroken.archive.http import RemoteArchive
from unbroken.testing.holders import Holder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

MESSAGES = 2_000
TURNS = MESSAGES // 2
DRAWN_MAX = 40  # rows: of two windows and what is ahead of them
STILL_PX = 2
PRESS = "document.querySelector('[data-testid=older]')?.click()"
LOOK_S = 0.2
MIDDLE = """() => {
    const row = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest(".turn-row");
    return row && [row.getAttribute("aria-posinset"), row.getBoundingClientRect().y];
}"""
DRAWN = """() => {
    window.drawn = 0;
    new MutationObserver((changes) => {
        const added = changes.flatMap((change) => [...change.addedNodes]);
        window.drawn += added.filter((node) => node.matches?.(".turn-row")).length;
    }).observe(document.querySelector(".turns"), { subtree: true, childList: true });
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def archive(house):
    async with RemoteArchive(house.service_url) as archive:
        yield archive


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def long_call(house) -> Holder:
    async with RemoteArchive(house.service_url) as archive:
        return await seeded.long_call(archive, "long", MESSAGES)


def line(page: Page, n: int) -> Locator:
    return page.locator(".spoken-text", has_text=re.compile(rf"line {n}\."))


def path_of(holder: Holder) -> str:
    return f"/conversations/{holder.taken.conversation_id}"


async def load_all(page: Page) -> None:
    while await page.get_by_test_id("older").count():
        async with page.expect_response(re.compile("before=")):
            await page.evaluate(PRESS)
        await expect(page.locator("[data-testid=older][aria-disabled=true]")).to_have_count(0)


async def scroll_to_end(page: Page) -> None:
    await page.evaluate("document.querySelector('.turn-list').scrollIntoView({ block: 'end' })")


async def y_of(row: Locator) -> float:
    await expect(row).to_be_in_viewport()
    return await row.evaluate("row => row.getBoundingClientRect().y")


async def row_at_rest(page: Page) -> tuple[Locator, float]:
    """The row in the middle of the window, once drawing has moved nothing between two looks."""
    before, seen = None, await page.evaluate(MIDDLE)
    while seen is None or seen != before:
        await asyncio.sleep(LOOK_S)
        before, seen = seen, await page.evaluate(MIDDLE)
    number, y = seen
    return page.locator(f".turn-row[aria-posinset='{number}']"), y


@pytest.mark.parametrize("size", SIZES)
async def test_all_is_reached_few_are_drawn_and_only_what_is_new_is_fetched(archive, come, size):
    holder = await seeded.long_call(archive, f"long {size['width']}", MESSAGES)
    person = await come(viewport=size)
    page = person.page
    asked = []
    page.on("response", lambda answer: asked.append(answer) if "/turns?" in answer.url else None)
    await person.open(path_of(holder))
    turns = page.get_by_test_id("turn")
    await expect(turns.last).to_contain_text(f"line {MESSAGES - 1}.")
    await load_all(page)
    await page.evaluate("scrollTo(0, 0)")
    await expect(turns.first).to_contain_text("line 0.")
    for end in (0, MESSAGES - 1):
        await expect(line(page, end)).to_be_in_viewport()
        assert await turns.count() <= DRAWN_MAX
        assert not await person.is_too_wide()
        await scroll_to_end(page)
    whole = [answer for answer in asked if answer.status != 304]  # asked again before it was drawn
    assert [answer.headers["content-encoding"] for answer in whole] == ["gzip"] * len(whole)
    assert await page.title() == "line 0. · unbroken"

    asked.clear()
    await page.evaluate(DRAWN)
    for _ in range(2):
        await page.wait_for_event("response")
    assert (asked, await page.evaluate("drawn")) == ([], 0)
    await holder.append(MESSAGES + 1, seeded.line(MESSAGES))
    await expect(line(page, MESSAGES)).to_be_in_viewport()  # who is at the end stays at the end
    (end,) = asked
    assert end.url.endswith("?limit=40")
    assert await page.evaluate("drawn") == 1


@pytest.mark.parametrize("size", SIZES)
async def test_a_reader_in_the_middle_keeps_her_place(archive, come, size):
    holder = await seeded.long_call(archive, f"middle {size['width']}", MESSAGES)
    person = await come(viewport=size)
    page = person.page
    await person.open(path_of(holder))
    middle = line(page, MESSAGES - 120)
    await page.evaluate("scrollTo(0, document.body.scrollHeight / 3)")
    await middle.scroll_into_view_if_needed()
    before = await y_of(middle)
    async with page.expect_response(re.compile("before=")):  # what was said before
        await page.evaluate(PRESS)
    await expect(page.locator(".turn-list")).to_have_attribute("data-way", "near")
    assert abs(await y_of(middle) - before) <= STILL_PX
    async with page.expect_response(re.compile("limit=40")):  # and what is said now
        await holder.append(MESSAGES + 1, seeded.line(MESSAGES))
    await expect(page.locator(".page-head")).to_contain_text(f"{MESSAGES + 1} messages")
    assert abs(await y_of(middle) - before) <= STILL_PX


@pytest.mark.parametrize("size", SIZES)
async def test_what_needs_the_whole_page_has_it(long_call, come, size):
    person = await come(viewport=size)
    page = person.page
    turns = page.get_by_test_id("turn")
    for ask in ("button", "Control+f", "Control+a"):
        await person.open(path_of(long_call))
        await expect(turns.first).to_be_visible()
        if ask == "button":
            await page.get_by_test_id("all-turns").click()
        else:
            await page.keyboard.press(ask)
        await expect(turns, ask).to_have_count(TURNS)
        await expect(turns.first).to_contain_text("line 0.")
        await expect(page.get_by_test_id("all-turns")).to_have_count(0)
        assert not await person.is_too_wide()


@pytest.mark.parametrize("size", SIZES)
async def test_on_paper_is_all_that_was_loaded(long_call, come, size):
    person = await come(viewport=size)
    page = person.page
    await person.open(path_of(long_call))
    await expect(page.get_by_test_id("turn").first).to_be_visible()
    await load_all(page)
    await page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    row, before = await row_at_rest(page)
    printed = "dispatchEvent(new Event('beforeprint')), document.querySelectorAll('.turn').length"
    assert await page.evaluate(printed) == TURNS
    await page.evaluate("void dispatchEvent(new Event('afterprint'))")
    assert abs(await y_of(row) - before) <= STILL_PX
    assert await page.get_by_test_id("turn").count() <= DRAWN_MAX


async def test_a_feed_says_where_one_is_in_it_and_keeps_the_row_with_the_keyboard(long_call, come):
    person = await come()
    page = person.page
    await person.open(path_of(long_call))
    row = page.get_by_role("feed", name="Turns").get_by_role("article").last
    await expect(row).to_have_attribute("aria-setsize", "-1")  # more may be in front
    await load_all(page)
    await expect(row).to_have_attribute("aria-setsize", str(TURNS))
    await scroll_to_end(page)
    await expect(row).to_have_attribute("aria-posinset", str(TURNS))
    await row.focus()
    await page.evaluate("scrollTo(0, 0)")
    await expect(line(page, 0)).to_be_in_viewport()
    await expect(row).to_be_focused()
    assert person.complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_takeover_is_found_from_its_term_however_far_it_is(come, size):
    person = await come(viewport=size)
    page = person.page
    cut = seeded.message("The light went", role="assistant", interrupted=True, takeover=2)
    turns = [seeded.turn(f"line {n}.") for n in range(TURNS)]
    turns[300] |= {"assistant": [cut]}
    term = {"term": 2, "agent_identity": "agent-2", "taken_at": seeded.AT, "cause": "crashed"}
    found = seeded.conversation(call_list=[seeded.call(1, sessions={"term": 2})])
    told = {"gap_ms": 700, "plan": "resume", "report": None}
    await person.open(await seeded.answer_with(page, found, *turns, terms=[term | told]))
    show = page.get_by_role("button", name="Show it in what was said")
    takeover = page.get_by_test_id("takeover")
    for _ in range(2):
        await expect(takeover).to_have_count(0)
        await show.click()
        await expect(takeover).to_be_in_viewport()
        await expect(takeover).to_have_attribute("data-found", "true")
        assert not await person.is_too_wide()
        await page.evaluate("scrollTo(0, 0)")
