"""The list: what is not live is not called so, what the address asks for counts, and only what has
changed is sent."""

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.visitor import SIZES, at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

POLLS = 1


async def saved(url: str, room: str, identity: str) -> str:
    """The conversation of what an application has saved by REST."""
    turn = {"user_message": "Is anybody there?", "assistant_message": "Nobody is."}
    about = {"room_name": room, "participant_identity": identity}
    async with httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/api/v1/conversations/save-turn", json=about | turn)
    assert answer.status_code == 201
    return str(answer.json()["conversation_id"])


async def test_what_was_only_saved_is_not_shown_as_live(house, come):
    name = await saved(house.service_url, "saved by rest", "ann")
    person = await come()
    page = person.page
    await person.open("/conversations")
    row = page.locator(f"[data-testid=conversation-row][href$='{name}']")
    async for size in at_sizes(person):
        await expect(row, size).to_have_attribute("data-live", "false")
        await expect(row.locator(".live-badge"), size).to_have_count(0)
    await row.click()
    async for size in at_sizes(person):
        await expect(page.get_by_test_id("turn"), size).to_contain_text("Nobody is.")
        await expect(page.locator(".live-badge"), size).to_have_count(0)
        await expect(page.locator("main"), size).to_contain_text("Saved by an application")
        await expect(page.locator("main"), size).not_to_contain_text("running")


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_that_nothing_reads_is_refused_and_said(come, size):
    person = await come(viewport=size)
    page = person.page
    await person.open("/conversations?colour=red")
    trouble = page.get_by_test_id("error")
    await expect(trouble).to_contain_text("no such parameter here: colour")
    await expect(page.get_by_test_id("conversation-row")).to_have_count(0)
    assert not await person.is_too_wide()
    assert any(complaint.startswith("400") for complaint in person.complaints)
    await page.get_by_role("link", name="Show all").click()
    await expect(trouble).to_be_hidden()
    assert "colour" not in page.url


@pytest.mark.parametrize("size", SIZES)
async def test_one_users_conversations_are_those_alone(house, come, size):
    await saved(house.service_url, f"of somebody {size['width']}", "somebody")
    person = await come(viewport=size)
    page = person.page
    await person.open("/conversations?user_id=nobody-at-all")
    await expect(page.get_by_test_id("chosen")).to_contain_text("user_id=nobody-at-all")
    await expect(page.get_by_test_id("outcome")).to_contain_text("Nothing found")
    await expect(page.get_by_test_id("conversation-row")).to_have_count(0)
    assert not await person.is_too_wide()
    await page.get_by_role("link", name="Show all").click()
    await expect(page.get_by_test_id("conversation-row").first).to_be_visible()
    await expect(page.get_by_test_id("chosen")).to_have_count(0)
    assert not person.complaints


@pytest.mark.parametrize("size", SIZES)
async def test_only_what_has_changed_is_sent_again(house, come, size):
    room = f"polled {size['width']}"
    await saved(house.service_url, room, "ann")
    person = await come(viewport=size)
    page = person.page
    statuses: list[int] = []

    def note(answer) -> None:
        if "/api/v1/conversations?" in answer.url:
            statuses.append(answer.status)

    page.on("response", note)
    await person.open("/conversations?user_id=nobody-at-all")
    while len(statuses) < 1 + POLLS:
        await page.wait_for_event("response")
    assert statuses == [200] + [304] * (len(statuses) - 1)
    await expect(page.get_by_test_id("outcome")).to_contain_text("Nothing found")
    await person.open("/conversations")
    rows = page.get_by_test_id("conversation-row")
    await expect(rows.first).to_be_visible()
    await saved(house.service_url, f"{room} again", "ann")
    await expect(rows.first).to_contain_text("Nobody is.")
    assert not person.complaints
