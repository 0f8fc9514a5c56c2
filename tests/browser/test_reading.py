"""Reading what was said: long conversations, long words, keys, and the way back to the list."""

import asyncio

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.visitor import SIZES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

API = "**/api/**"

TURNS = 500  # two messages each; far beyond one answer of the service
LONG = "Donaudampfschifffahrtsgesellschaftskapitaen" * 12
AT = "2026-01-31T12:00:00.123456Z"
CONVERSATION = {
    "id": "01999999-9999-7999-8999-999999999999",
    "title": LONG,
    "user_id": None,
    "created_at": AT,
    "last_at": AT,
    "calls": 1,
    "messages": 2,
    "live": False,
    "last_message": LONG,
}
DENIED = {"code": "unauthorized", "detail": "this service asks for its API key"}
LIVEKIT_GONE = {"code": "room_server_unavailable", "detail": "nobody answers at its address"}


async def saved(url: str, room: str) -> str:
    """A conversation of TURNS turns, in order; its id."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for n in range(TURNS):
            said = {"user_message": f"question {n}.", "assistant_message": f"answer {n}."}
            answer = await client.post(
                "/api/v1/conversations/save-turn", json={"room_name": room} | said
            )
    return str(answer.json()["conversation_id"])


@pytest.mark.parametrize("size", SIZES)
async def test_all_of_a_long_conversation_is_reached_from_its_end(house, come, size):
    conversation_id = await saved(house.service_url, f"long {size['width']}")
    person = await come(viewport=size)
    page = person.page
    await person.open(f"/conversations/{conversation_id}")
    turns, older = page.get_by_test_id("turn"), page.get_by_test_id("older")
    await expect(turns.last).to_contain_text(f"answer {TURNS - 1}.")
    assert await turns.count() < TURNS
    while await older.count():
        await older.dispatch_event("click")
        await asyncio.sleep(0.1)
    await expect(turns).to_have_count(TURNS)
    await expect(turns.first).to_contain_text("question 0.")
    assert not await person.is_too_wide()
    assert await page.title() == "question 0. · unbroken"


@pytest.mark.parametrize("size", SIZES)
async def test_long_words_stay_within_the_page(come, size):
    person = await come(viewport=size)
    page = person.page
    await page.route(
        API, lambda route: route.fulfill(json={"conversations": [CONVERSATION], "next": None})
    )
    await person.open("/conversations")
    await expect(page.get_by_test_id("conversation-row")).to_be_visible()
    assert not await person.is_too_wide()


@pytest.mark.parametrize("size", SIZES)
async def test_a_wrong_key_is_named_and_can_be_forgotten(come, size):
    person = await come(viewport=size)
    page = person.page
    await page.route(API, lambda route: route.fulfill(status=401, json=DENIED))
    await person.open("/conversations")
    form = page.get_by_test_id("error")
    await expect(form).to_contain_text("The service asks for a key")
    await form.get_by_label("API key").fill("not-the-right-key")
    await form.get_by_role("button", name="Use this key").click()
    await expect(form).to_contain_text("This key is wrong")
    await page.unroute(API)
    await form.get_by_label("API key").fill("now-it-is-the-right-one")
    await form.get_by_role("button", name="Use this key").click()
    await expect(form).to_be_hidden()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
async def test_when_livekit_is_away_it_is_not_the_service(come, size):
    person = await come(viewport=size)
    page = person.page
    await page.route("**/api/v1/rooms", lambda route: route.fulfill(status=503, json=LIVEKIT_GONE))
    await person.open("/")
    await expect(page.get_by_test_id("try-saying")).to_contain_text("Try saying")
    await person.start_button.click()
    await expect(page.get_by_test_id("error")).to_contain_text("LiveKit does not answer")


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_keeps_its_place_and_shows_what_is_new(come, size):
    person = await come(viewport=size)
    page = person.page
    rows = [
        CONVERSATION | {"id": f"01999999-9999-7999-8999-{n:012}", "title": f"Call {n}"}
        for n in range(20)
    ]
    await page.route(
        "**/api/v1/conversations?**",
        lambda route: route.fulfill(json={"conversations": rows, "next": None}),
    )
    await person.open("/conversations")
    await expect(page.get_by_test_id("conversation-row")).to_have_count(20)
    row = page.get_by_test_id("conversation-row").nth(18)
    await row.scroll_into_view_if_needed()
    before = await page.evaluate("scrollY")
    assert before > 0
    await row.click()
    await page.wait_for_url("**/conversations/0*")
    await page.go_back()
    await expect(row).to_be_in_viewport()
    rows.insert(0, CONVERSATION | {"id": "01999999-9999-7999-8999-00000000ffff", "title": "New"})
    await expect(page.get_by_test_id("conversation-row")).to_have_count(21)


def call(id_: str, *, began: str, left: str | None, kept: str | None) -> dict[str, object]:
    session = {
        "id": id_,
        "role": "concierge",
        "agent_name": "concierge",
        "agent_identity": "agent-1",
        "phase": "orphaned",
        "term": 1,
        "last_seq": 9,
        "opened_at": began,
        "cause": "empty",
        "end_reason": None,
        "degraded": None,
    }
    times = {"started_at": began, "ended_at": None, "left_at": left, "kept_until": kept}
    return {"id": id_, "room_name": "room", "end_reason": None, "sessions": [session]} | times


def turn(text: str, at: str) -> dict[str, object]:
    said = {"id": text, "role": "user", "content": text, "created_at": at, "interrupted": False}
    user = said | {"heard_ms": None, "speaker": None}
    return {"id": text, "user": user, "assistant": [], "tools": [], "delays_ms": {}}


@pytest.mark.parametrize("size", SIZES)
async def test_a_call_that_waits_for_its_caller_says_until_when(come, size):
    person = await come(viewport=size)
    page = person.page
    left, kept = "2026-01-31T12:00:43.123456Z", "2026-01-31T12:10:43.123456Z"
    calls = [
        call("01999999-9999-7999-8999-000000000001", began=AT, left=left, kept=kept),
        call(
            "01999999-9999-7999-8999-000000000002",
            began="2026-02-02T09:00:00Z",
            left=None,
            kept=None,
        ),
    ]
    path = f"/conversations/{CONVERSATION['id']}"
    turns = [turn("Hello.", "2026-01-31T12:00:10Z"), turn("Me again.", "2026-02-02T09:00:10Z")]
    await page.route(
        f"**/api/v1{path}", lambda route: route.fulfill(json=CONVERSATION | {"call_list": calls})
    )
    await page.route(
        f"**/api/v1{path}/turns?**",
        lambda route: route.fulfill(json={"turns": turns, "before": None}),
    )
    await person.open(path)
    await expect(page.get_by_test_id("call-length").first).to_have_text("0:43")
    await expect(page.get_by_test_id("kept")).to_contain_text("The caller left; kept open until")
    await expect(page.get_by_test_id("separator")).to_have_count(2)
    await expect(page.get_by_test_id("separator").last).to_contain_text("next call")
    if size["width"] < 960:
        await page.get_by_role("link", name="Calls and agents").click()
    await expect(page.get_by_test_id("term").first).to_be_in_viewport()
    assert not await person.is_too_wide()


@pytest.mark.parametrize("path", ["/metrics", "/conversations/not-an-id"])
async def test_an_address_that_is_none_is_said_in_our_words(come, path):
    person = await come()
    await person.open(path)
    await expect(person.page.get_by_role("heading", name="No such page")).to_be_visible()
