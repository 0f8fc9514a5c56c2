"""Finding a conversation by what was said in it."""

import httpx
import pytest
from playwright.async_api import expect

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

SIZES = [{"width": 1440, "height": 900}, {"width": 390, "height": 844}]


async def saved(url: str, room: str, identity: str, said: str, answered: str) -> None:
    turn = {"user_message": said, "assistant_message": answered}
    about = {"room_name": room, "participant_identity": identity}
    async with httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/api/v1/conversations/save-turn", json=about | turn)
    assert answer.status_code == 201


@pytest.mark.parametrize("size", SIZES)
async def test_a_conversation_is_found_by_words_and_found_again(house, come, size):
    mine = f"zebra{size['width']}"
    url = house.service_url
    await saved(url, f"one {mine}", f"ann-{mine}", f"The {mine} is broken.", "Which oven, please?")
    await saved(url, f"two {mine}", "bob", f"My {mine} is well.", "我想预订桌子")
    person = await come(viewport=size)
    page = person.page
    await person.open("/conversations")
    await expect(page.get_by_test_id("conversation-row").first).to_be_visible()
    await page.keyboard.press("/")
    field, rows = page.get_by_test_id("search"), page.get_by_test_id("conversation-row")
    await expect(field).to_be_focused()
    await page.keyboard.type(mine.upper())
    await expect(page.get_by_test_id("outcome")).to_contain_text("2 conversations found")
    await page.keyboard.type(" oven")
    await expect(page.get_by_test_id("outcome")).to_contain_text("1 conversation found")
    await expect(rows.locator("mark")).to_have_text("oven,")
    await expect(field).to_be_focused()
    assert not await person.is_too_wide()
    await rows.first.click()
    await expect(page.get_by_test_id("turn").first).to_contain_text("is broken.")
    await page.go_back()
    await expect(field).to_have_value(f"{mine.upper()} oven")
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(rows.locator("mark")).to_have_text("oven,")
    await field.fill(f"ann-{mine}")
    await expect(page.get_by_test_id("outcome")).to_contain_text("1 conversation found")
    await field.press("Escape")
    await expect(page.get_by_test_id("outcome")).to_have_count(0)
    assert "q=" not in page.url


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_found_is_said_and_no_question_breaks_the_page(house, come, size):
    person = await come(viewport=size)
    await person.open("/conversations")
    field, outcome = person.page.get_by_test_id("search"), person.page.get_by_test_id("outcome")
    for question in ('nothing" OR "like it', "x" * 500, "<b>bold</b>"):
        await field.fill(question)
        await expect(outcome).to_contain_text(f"Nothing found for “{question}”")
        assert not await person.is_too_wide()
    assert not person.complaints
