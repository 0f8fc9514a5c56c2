"""The page when something is missing, at night, and on a phone."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

API = "**/api/**"
NOBODY = "01999999-9999-7999-8999-999999999999"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


async def test_a_list_without_conversations_says_what_to_do(come):
    person = await come()
    page = person.page
    await page.route(API, lambda route: route.fulfill(json={"conversations": [], "next": None}))
    await person.open("/conversations")
    await expect(page.get_by_test_id("empty")).to_contain_text("No conversations yet")
    await page.get_by_test_id("empty").get_by_role("link", name="Start talking").click()
    await expect(person.start_button).to_be_visible()


async def test_without_the_service_the_page_says_so_and_recovers(come):
    person = await come()
    page = person.page
    await page.route(API, lambda route: route.abort())
    await person.open("/conversations")
    trouble = page.get_by_test_id("error")
    await expect(trouble).to_contain_text("The service is not available")
    await page.unroute(API)
    async with page.expect_response("**/api/v1/conversations?**"):
        await trouble.get_by_role("button", name="Try again").click()
    await expect(trouble).to_be_hidden()


async def test_a_call_that_cannot_start_leaves_the_way_to_try_again(come):
    person = await come()
    page = person.page
    await person.open("/")
    await page.route(API, lambda route: route.abort())
    await person.start_button.click()
    await expect(page.get_by_test_id("error")).to_contain_text("The service is not available")
    await expect(person.start_button).to_be_enabled()


async def test_an_unknown_conversation_and_an_unknown_page(come):
    person = await come()
    page = person.page
    await person.open(f"/conversations/{NOBODY}")
    await expect(page.get_by_test_id("error")).to_contain_text("There is nothing here")
    assert any(complaint.startswith("404") for complaint in person.complaints)
    await person.open("/no/such/page")
    await expect(page.get_by_role("heading", name="No such page")).to_be_visible()


async def test_dark_follows_the_system_until_somebody_chooses(come):
    person = await come(color_scheme="dark")
    page = person.page
    await person.open("/")
    await expect(person.start_button).to_be_visible()
    dark = await page.evaluate(BACKGROUND)
    assert brightness(dark) < 64
    await page.get_by_role("button", name="Use light colours").click()
    light = await page.evaluate(BACKGROUND)
    assert brightness(light) > 192
    await page.reload()
    await expect(page.get_by_role("button", name="Use dark colours")).to_be_visible()
    assert await page.evaluate(BACKGROUND) == light
    await page.get_by_role("button", name="Use dark colours").click()
    assert await page.evaluate(BACKGROUND) == dark


def brightness(colour: str) -> float:
    """Of "rgb(r, g, b)", 0 to 255."""
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3


@pytest.mark.parametrize("path", ["/", "/conversations", f"/conversations/{NOBODY}"])
async def test_nothing_is_wider_than_a_phone(come, path):
    person = await come(viewport=PHONE)
    await person.open(path)
    await person.page.wait_for_load_state("networkidle")
    await expect(person.page.get_by_role("main")).not_to_be_empty()
    assert not await person.is_too_wide()
