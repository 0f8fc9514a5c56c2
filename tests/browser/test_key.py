"""The key of the service: asked for once, forgotten when asked; and the focus stays."""

import pytest
from playwright.async_api import expect

from tests.browser import seeded
from tests.browser.visitor import SIZES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

API = "**/api/**"
KEY = "the-key-of-this-service"
DENIED = {"code": "unauthorized", "detail": "this service asks for its API key"}


async def answer(route) -> None:
    """As the service does that has this key."""
    if route.request.headers.get("authorization") == f"Bearer {KEY}":
        await route.continue_()
    else:
        await route.fulfill(status=401, json=DENIED)


async def focused(page) -> str:
    return str(await page.evaluate("document.activeElement.id || document.activeElement.href"))


@pytest.mark.parametrize("size", SIZES)
async def test_the_key_is_asked_for_once_a_session(come, size):
    person = await come(viewport=size)
    page = person.page
    await page.route(API, answer)
    await person.open("/conversations")
    form = page.get_by_label("API key")
    await form.fill(KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Conversations", exact=True)).to_be_visible()
    await expect(form).to_be_hidden()
    assert await focused(page) == "main"
    for path in ("/conversations", f"/conversations/{seeded.ID}", "/conversations"):
        await person.open(path)
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await expect(form).to_be_hidden()
    await page.get_by_role("button", name="Sign out").click()
    await expect(form).to_be_visible()
    await expect(page.get_by_test_id("conversation-row")).to_have_count(0)
    await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert KEY not in await page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}])"
    )


@pytest.mark.parametrize("size", SIZES)
async def test_the_focus_stays_while_a_list_is_read_again(come, size):
    person = await come(viewport=size)
    page = person.page
    rows = [seeded.conversation(id=f"01999999-9999-7999-8999-{n:012}") for n in range(3)]
    await page.route(
        "**/api/v1/conversations?**",
        lambda route: route.fulfill(json={"conversations": rows, "next": None}),
    )
    await person.open("/conversations")
    listed = page.get_by_test_id("conversation-row")
    await listed.nth(1).focus()
    before = await focused(page)
    rows.insert(0, seeded.conversation(title="New"))
    await expect(listed).to_have_count(4)
    await expect(listed.nth(2)).to_be_focused()
    assert await focused(page) == before


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_open_stays_open_and_focused_while_a_call_goes_on(come, size):
    person = await come(viewport=size)
    page = person.page
    tool = {"name": "keep_note", "arguments": "{}", "output": "I noted: milk", "is_error": False}
    live = {"phase": "live", "last_seq": 1}
    found = seeded.conversation(live=True, call_list=[seeded.call(1, sessions=live)])
    turns = [seeded.turn("Note milk.", tools=[tool])]
    await person.open(await seeded.answer_with(page, found, *turns))
    shown = page.get_by_test_id("tool")
    await shown.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(shown).to_contain_text("I noted: milk")
    found["call_list"][0]["sessions"][0]["last_seq"] = 2
    await seeded.answer_with(page, found, *turns, seeded.turn("And bread."))
    await expect(page.get_by_test_id("turn")).to_have_count(2)
    await expect(shown.locator("summary")).to_be_focused()
    await expect(shown.get_by_text("I noted: milk")).to_be_visible()
