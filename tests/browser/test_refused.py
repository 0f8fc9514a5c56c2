"""A table is not booked because the service is away: the caller hears it, and the page says why."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.visitor import at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

WISH = "Please book a table for two people tomorrow."
WHY = "confirm_booking was not done: the service is away"


async def test_why_a_booking_was_refused_reaches_the_page(house, come):
    person = await come()
    page = person.page
    await person.open("/")
    room = await person.start()
    await person.answered(1)
    await person.speak(WISH, "Yes, please.", pause_s=12)
    transcript = page.locator(".transcript")
    await expect(transcript).to_contain_text("Shall I book it?")
    await person.agent_is("listening")
    house.kill("service")
    try:
        await expect(transcript).to_contain_text("Sorry, that did not work")  # the model was told
    finally:
        await asyncio.to_thread(house.start, "service")
    await person.hang_up()
    await person.open(f"/conversations/{room['conversation_id']}")
    refused = page.get_by_test_id("tool").filter(has_text="confirm_booking")
    await expect(refused).to_contain_text("failed")
    async for size in at_sizes(person):
        await expect(refused.get_by_text(WHY), size).to_be_visible()
        await expect(page.locator("main"), size).not_to_contain_text("internal error")
