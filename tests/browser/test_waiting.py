"""The page while nobody has come: it says why, and goes on when somebody does."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.visitor import at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_the_page_says_why_nobody_has_come(house, come):
    house.kill("worker")
    try:
        person = await come()
        await person.open("/")
        await person.start()
        notice = person.page.get_by_text("Waiting for an agent, because no worker")
        async for size in at_sizes(person):
            await expect(notice, size).to_contain_text("It was asked for")
    finally:
        await asyncio.to_thread(house.start, "worker")
    await person.agent_is("listening", "speaking")
    await expect(notice).to_be_hidden()
