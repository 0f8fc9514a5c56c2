"""A person talks to the assistant in a browser: sees it, hears it, and finds it again."""

import pytest
from playwright.async_api import Locator, expect

from tests.agents.sound import errors
from tests.browser.conftest import DESKTOP, PHONE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

SAID = "Good morning, can you hear me?"
ASKED = "What can you do for me today?"
NOTED = "Please make a note that I am coming at seven."
VOICE_IS_DRAWN = """words => document.querySelector(".transcript").innerText.includes(words)
    && [...document.querySelectorAll(".lk-audio-bar")]
        .some((bar) => bar.offsetHeight > 2 * bar.offsetWidth)"""
ROLES = ["assistant", "user", "assistant"]


async def stored(house, conversation_id: str, count: int) -> list[tuple[str, str]]:
    found = await house.messages(conversation_id, count=count)
    return [(message["role"], message["content"]) for message in found]


async def test_a_person_talks_hears_the_answer_and_reads_it(house, come, ears):
    person = await come()
    page = person.page
    await person.open("/")
    room = await person.start()
    await person.agent_is("listening", "speaking")
    await person.answered(1)
    (greeting,) = await person.lines()
    assert greeting[0] == "assistant"

    await person.record()
    await person.speak(SAID)
    await person.answered(2)
    await person.last_line_is_safe()
    heard = await person.heard(ears)
    lines = await person.lines()
    print(lines, repr(heard))
    assert [role for role, _ in lines] == ROLES
    assert lines[0] == greeting
    assert errors(SAID, lines[1][1]) <= 2
    assert errors(lines[2][1], heard) <= 2
    assert "good morning" in heard.lower()

    await person.hang_up()
    await page.get_by_role("link", name="Read the conversation").click()
    await page.wait_for_url(f"**/conversations/{room['conversation_id']}")
    assert await person.turns(2) == lines == await stored(house, room["conversation_id"], 3)
    await expect(page.get_by_test_id("turn-delays").last).to_contain_text("Total")
    await expect(page.get_by_role("heading", name="Delays")).to_be_visible()

    livekit, service = house.ports["livekit"], house.ports["service"]
    assert person.servers == {f"localhost:{service}", f"127.0.0.1:{livekit}"}
    assert person.complaints == []


async def test_a_reload_in_mid_call_loses_nothing(house, come, picture):
    person = await come()
    page = person.page
    await person.open("/")
    room = await person.start()
    await person.answered(1)
    await person.speak(ASKED)
    await person.answered(2)
    await person.last_line_is_safe()
    before = await person.lines()

    await page.reload()
    await expect(page.get_by_test_id("line-assistant")).to_have_count(2)
    assert await person.lines() == before
    again = await person.start()
    assert again["conversation_id"] == room["conversation_id"]
    await person.agent_is("listening")
    await expect(page.get_by_test_id("line-assistant")).to_have_count(2)
    assert await person.lines() == before
    await person.speak(NOTED)
    await page.wait_for_function(VOICE_IS_DRAWN, arg="I noted: I")
    await picture(page, "talk")
    await person.answered(3)
    await person.last_line_is_safe()
    lines = await person.lines()
    assert lines[:3] == before
    assert [role for role, _ in lines[3:]] == ["user", "assistant"]
    assert lines[4][1].startswith("I noted:")
    await portraits(person, picture)

    row = await row_in_list(person, room["conversation_id"])
    await expect(row).to_have_attribute("data-live", "true")
    await page.get_by_role("link", name="Back to the call").click()
    await person.hang_up()
    assert person.complaints == []
    await person.leave()
    await found_again(await come(), room["conversation_id"], lines, picture)


async def portraits(person, picture) -> None:
    """The call, as it is at night and on a phone."""
    page = person.page
    await page.emulate_media(color_scheme="dark")
    await picture(page, "talk-dark")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(PHONE)
    assert not await person.is_too_wide()
    await expect(page.get_by_test_id("hangup")).to_be_in_viewport()
    await picture(page, "talk-phone")
    await page.emulate_media(color_scheme="dark")
    await picture(page, "talk-phone-dark")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(DESKTOP)


async def row_in_list(person, conversation_id: str) -> Locator:
    await person.page.get_by_role("link", name="Conversations", exact=True).click()
    row = person.page.locator(f"[data-testid=conversation-row][href$='{conversation_id}']")
    await expect(row).to_be_visible()
    return row


async def found_again(person, conversation_id: str, lines, picture) -> None:
    """By somebody else, who only knows the list."""
    page = person.page
    await person.open("/conversations")
    row = await row_in_list(person, conversation_id)
    await expect(row).to_contain_text(lines[-1][1])
    await picture(page, "conversations")
    await row.click()
    assert await person.turns(3) == lines
    await expect(page.get_by_test_id("turn-delays")).to_have_count(3)
    tool = page.get_by_test_id("tool")
    await expect(tool).to_contain_text("keep_note")
    await expect(tool).to_contain_text("done")
    await picture(page, "conversation")
    await page.set_viewport_size(PHONE)
    assert not await person.is_too_wide()
    await page.emulate_media(color_scheme="dark")
    await picture(page, "conversation-phone-dark")


async def test_a_blocked_microphone_is_named_and_can_be_allowed_later(come):
    person = await come(permissions=())
    page = person.page
    await person.open("/")
    await page.evaluate("person.allowMicrophone()")  # the page may ask; the browser refuses
    await person.start()
    trouble = page.get_by_test_id("error")
    await expect(trouble).to_contain_text("The microphone is blocked")
    await expect(page.get_by_test_id("mute")).to_be_disabled()
    await person.answered(1)  # who is not heard still hears
    await page.context.grant_permissions(["microphone"])
    await person.speak(SAID)
    await trouble.get_by_role("button", name="Try again").click()
    await expect(trouble).to_be_hidden()
    await expect(page.get_by_test_id("mute")).to_be_enabled()
    await person.answered(2)
    assert errors(SAID, (await person.lines())[1][1]) <= 2
    await person.hang_up()


async def test_a_call_by_keyboard_alone(come):
    person = await come()
    page = person.page
    await person.open("/")
    await tab_to(page, "start")
    async with page.expect_response("**/api/v1/rooms"):
        await page.keyboard.press("Enter")
    await person.agent_is("listening", "speaking")
    await tab_to(page, "hangup")
    await page.keyboard.press("Enter")
    ended = page.get_by_role("heading", name="Call ended")
    await expect(ended).to_be_focused()


async def tab_to(page, testid: str) -> None:
    """Press Tab until it has the focus, visibly."""
    wanted = page.get_by_test_id(testid)
    await wanted.wait_for()
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("(element) => element === document.activeElement"):
            outline = await wanted.evaluate("(element) => getComputedStyle(element).outlineStyle")
            assert outline == "solid"
            return
    raise AssertionError(f"no Tab reaches {testid}")
