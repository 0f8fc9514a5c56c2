"""A person presses the button that kills the agent, and hears the conversation go on."""

import re

import pytest
from playwright.async_api import expect

from tests.agents.sound import words

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
    async with film(page, "kill"):
        await expect(page.get_by_test_id("kill")).to_be_enabled()
        await page.get_by_test_id("kill").click()
        takeover = page.get_by_test_id("takeover")
        await expect(takeover).to_have_attribute("data-term", "2")
        silence = page.get_by_test_id("silence")
        await expect(silence).to_have_attribute("data-state", "heard")
        await expect(page.get_by_test_id("result")).to_contain_text("Silence")
        await person.record()
        seconds = float(await silence.get_attribute("data-seconds"))
        print(f"the page counted {seconds:.2f} s of silence")
        assert seconds > 0
        await page.wait_for_timeout(2_000)  # what is heard now is written down below
    heard = words(await person.heard(ears))
    assert {"light", "round", "night"} & set(heard)
    assert "help" not in heard  # no second greeting
    await expect(page.get_by_test_id("report").first).to_contain_text("exact")

    await person.hang_up()
    await page.get_by_role("link", name="Read the conversation").click()
    await page.wait_for_url(f"**/conversations/{room['conversation_id']}")
    await page.reload()
    await expect(page.get_by_test_id("takeover")).to_contain_text("nobody for")
    await expect(page.get_by_test_id("term")).to_have_count(2)
    await expect(page.get_by_test_id("term").last).to_contain_text(
        re.compile("crash|killed|died", re.IGNORECASE)
    )
