"""A person presses the button that kills the agent, and hears the conversation go on."""

import re

import pytest
from playwright.async_api import expect

from tests.agents.sound import words
from tests.browser.visitor import at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

ASKED = "Please tell me a long story."
STORY_HAS_BEGUN = """() => document.querySelector(".transcript").innerText
    .includes("round and round")"""


async def test_the_agent_is_killed_in_mid_sentence_and_the_story_goes_on(house, come, ears, film):
    person = await come()
    page = person.page
    await person.open("/")
    room = await person.start()
    await person.answered(1)
    await person.speak(ASKED)
    await page.wait_for_function(STORY_HAS_BEGUN)
    async for size in at_sizes(person):
        for number in ("silence", "result"):  # of a kill that has not been
            await expect(page.get_by_test_id(number), size).to_have_count(0)
    async with film(page, "kill"):
        await expect(page.get_by_test_id("kill")).to_be_enabled()
        await page.get_by_test_id("kill").click()
        takeover = page.get_by_test_id("takeover")
        await expect(takeover).to_have_attribute("data-term", "2")
        silence = page.get_by_test_id("silence")
        await expect(silence).to_have_attribute("data-state", "heard")
        result = page.get_by_test_id("result")
        await expect(result).to_contain_text(re.compile(r"Silence\s*\d+\.\d s"))
        await expect(result).to_contain_text(re.compile(r"Lost\s*0 words"))
        await expect(result).to_contain_text(re.compile(r"Booked\s*0 tables"))
        await person.record()
        seconds = float(await silence.get_attribute("data-seconds"))
        print(f"the page counted {seconds:.2f} s of silence")
        assert seconds > 0
        await page.wait_for_timeout(2_000)  # what is heard now is written down below
    heard = words(await person.heard(ears))
    assert {"light", "round", "night"} & set(heard)
    assert "help" not in heard  # no second greeting
    report = page.get_by_test_id("report").first
    await expect(report).to_contain_text("exact")
    await expect(report).not_to_contain_text("not applicable")
    async for size in at_sizes(person):
        await expect(result, size).to_be_visible()

    await person.hang_up()
    await page.get_by_role("link", name="Read the conversation").click()
    await page.wait_for_url(f"**/conversations/{room['conversation_id']}")
    await page.reload()
    await expect(page.get_by_test_id("takeover")).to_contain_text("nobody for")
    await expect(page.get_by_test_id("term")).to_have_count(2)
    await expect(page.get_by_test_id("term").last).to_contain_text(
        re.compile("crash|killed|died", re.IGNORECASE)
    )


async def test_a_kill_and_a_barge_in_do_not_look_alike(come):
    person = await come()
    page = person.page
    await person.open("/")
    room = await person.start()
    await person.answered(1)
    await person.speak(ASKED, ASKED, pause_s=7)
    barge_in = page.locator("[data-cut=barge-in]")
    await expect(barge_in).to_have_text(re.compile("interrupted by you"))  # while the call goes on
    story = page.get_by_test_id("line-assistant").nth(2)
    await expect(story).to_contain_text("round and round")
    await expect(page.get_by_test_id("kill")).to_be_enabled()
    await page.get_by_test_id("kill").click()
    await expect(page.get_by_test_id("takeover")).to_have_attribute("data-term", "2")
    kill = page.locator("[data-cut=kill]")
    await expect(story.locator("[data-cut=kill]")).to_have_text(
        re.compile("cut off with its agent")
    )
    await expect(page.get_by_test_id("silence")).to_have_attribute("data-state", "heard")
    async for size in at_sizes(person):
        await they_differ(barge_in, kill, size)
    await person.hang_up()

    await person.open(f"/conversations/{room['conversation_id']}")
    takeover = page.get_by_test_id("takeover")
    await expect(takeover).to_contain_text("nobody for")
    async for size in at_sizes(person):
        await page.reload()
        await expect(barge_in).to_have_text(re.compile("^Interrupted: only this was heard"))
        await expect(kill).to_have_text(re.compile("^Cut off with its agent: only this was heard"))
        await they_differ(barge_in, kill, size)
        assert (await takeover.bounding_box())["y"] > (await kill.bounding_box())["y"], size


async def they_differ(one, other, size) -> None:
    for mark in (one, other):
        await expect(mark, size).to_have_count(1)
        await mark.scroll_into_view_if_needed()
    look = "(mark) => getComputedStyle(mark).color + mark.querySelector('path').getAttribute('d')"
    assert await one.evaluate(look) != await other.evaluate(look), size
