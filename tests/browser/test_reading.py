"""Reading what was said: long conversations, long words, keys, and the way back to the list."""

import re

import pytest
from playwright.async_api import Route, expect

from tests.browser import seeded
from tests.browser.visitor import SIZES, at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

API = "**/api/**"

LONG = "Donaudampfschifffahrtsgesellschaftskapitaen" * 12
CONVERSATION = seeded.conversation(title=LONG, last_message=LONG)
DENIED = {"code": "unauthorized", "detail": "this service asks for its API key"}
LIVEKIT_GONE = {"code": "room_server_unavailable", "detail": "nobody answers at its address"}


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
async def test_a_media_server_that_nobody_reaches_is_named(come, size):
    person = await come(viewport=size)
    page = person.page

    async def elsewhere(route: Route) -> None:
        opened = await (await route.fetch()).json()
        await route.fulfill(json=opened | {"url": "ws://127.0.0.1:9"})

    await page.route("**/api/v1/rooms", elsewhere)
    await person.open("/")
    await person.start_button.click()
    error = page.get_by_test_id("error")
    await expect(error).to_contain_text("The media server does not answer")
    assert not await person.is_too_wide()


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


@pytest.mark.parametrize("size", SIZES)
async def test_what_newer_ones_push_out_of_the_newest_page_stays_in_the_list(come, size):
    person = await come(viewport=size)
    page = person.page
    ids = [f"01999999-9999-7999-8999-{n:012}" for n in range(4)]
    rows = [seeded.conversation(id=name, title=f"Call {n}") for n, name in enumerate(ids)]
    newest, older = rows[1:3], rows[3:]

    async def answer(route) -> None:
        is_older = "after=" in route.request.url
        found, following = (older, None) if is_older else (newest, "older")
        await route.fulfill(json={"conversations": found, "next": following})

    await page.route("**/api/v1/conversations?**", answer)
    await person.open("/conversations")
    await page.get_by_test_id("more").click()
    titles = page.locator(".conversation-title")
    await expect(titles).to_have_text(["Call 1", "Call 2", "Call 3"])
    newest[:] = rows[:2]
    await expect(titles).to_have_text(["Call 0", "Call 1", "Call 2", "Call 3"])


@pytest.mark.parametrize("size", SIZES)
async def test_a_call_that_waits_for_its_caller_says_until_when(come, size):
    person = await come(viewport=size)
    page = person.page
    left, kept = "2026-01-31T12:00:43.123456Z", "2026-01-31T12:10:43.123456Z"
    waiting = {"phase": "orphaned", "cause": "empty"}
    calls = [
        seeded.call(1, left_at=left, kept_until=kept, sessions=waiting),
        seeded.call(2, started_at="2026-02-02T09:00:00Z", sessions=waiting),
    ]
    turns = [
        seeded.turn("Hello.", "2026-01-31T12:00:10Z"),
        seeded.turn("Me again.", "2026-02-02T09:00:10Z"),
    ]
    await person.open(await seeded.answer_with(page, seeded.conversation(call_list=calls), *turns))
    zone = await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    await expect(page.locator(".page-head")).to_contain_text(f"times of {zone}")
    await expect(page.get_by_test_id("call-length").first).to_have_text("0:43")
    await expect(page.get_by_test_id("kept")).to_contain_text("The caller left; kept open until")
    await expect(page.get_by_test_id("separator")).to_have_count(2)
    await expect(page.get_by_test_id("separator").last).to_contain_text("next call")
    if size["width"] < 960:
        await page.get_by_role("link", name="Calls and agents").click()
    await expect(page.get_by_test_id("term").first).to_be_in_viewport()
    assert not await person.is_too_wide()


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/convresations"])
async def test_an_address_that_is_none_is_404_and_said_in_our_words(house, come, path):
    person = await come()
    answer = await person.page.goto(f"{house.service_url}{path}")
    assert answer.status == 404
    async for size in at_sizes(person):
        await expect(person.page.get_by_role("heading", name="No such page"), size).to_be_visible()
    assert await person.page.title() == "Not found · unbroken"


@pytest.mark.parametrize("path", ["/conversations/not-an-id", f"/conversations/{seeded.ID}"])
async def test_a_bad_id_is_said_in_our_words(come, path):
    person = await come()
    await person.open(path)
    words = re.compile("No such page|There is nothing here")
    async for size in at_sizes(person):
        await expect(person.page.get_by_text(words), size).to_be_visible()
        await expect(person.page.locator("main"), size).not_to_contain_text("uuid")


@pytest.mark.parametrize("size", SIZES)
async def test_each_tab_has_a_title(come, size):
    person = await come(viewport=size)
    path = await seeded.answer_with(person.page, seeded.conversation(call_list=[]))
    titles = {"/": "Talk", "/conversations": "Conversations", path: "Hello."}
    for where, title in titles.items():
        await person.open(where)
        await expect(person.page).to_have_title(f"{title} · unbroken")


async def test_what_was_said_reads_in_its_own_direction_and_stays_within_the_page(come):
    person = await come()
    page = person.page
    arabic = "\u0645\u0631\u062d\u0628\u0627 \u0643\u064a\u0641 \u0627\u0644\u062d\u0627\u0644"
    tool = {"name": LONG, "arguments": f'{{"{LONG}": "{LONG}"}}', "output": LONG, "is_error": True}
    found = seeded.conversation(
        title=LONG, user_id=LONG, call_list=[seeded.call(1, room_name=LONG, ended_at=seeded.AT)]
    )
    turns = [seeded.turn(arabic), seeded.turn(LONG, tools=[tool])]
    await person.open(await seeded.answer_with(page, found, *turns))
    said = page.locator(".spoken-text")
    async for size in at_sizes(person):
        await expect(said.first, size).to_have_text(arabic)
        assert await said.first.evaluate("(p) => getComputedStyle(p).direction") == "rtl", size
        assert await said.last.evaluate("(p) => getComputedStyle(p).direction") == "ltr", size


async def test_why_a_booking_was_refused_is_read_without_a_click(come):
    person = await come()
    page = person.page
    why = "confirm_booking was not done: the service is away, it has confirmed nothing for 4 s"
    refused = {"name": "confirm_booking", "arguments": "{}", "output": why, "is_error": True}
    path = await seeded.answer_with(
        page, seeded.conversation(call_list=[]), seeded.turn("Yes, please.", tools=[refused])
    )
    await person.open(path)
    async for size in at_sizes(person):
        await expect(page.get_by_test_id("tool"), size).to_contain_text("failed")
        await expect(page.get_by_text(why), size).to_be_visible()


async def test_a_restore_report_is_read_on_a_phone_too(come):
    person = await come()
    page = person.page
    report = {"history": "exact", "userdata": "degraded: no field seats"}
    first = {"term": 1, "agent_identity": "agent-1", "taken_at": seeded.AT, "cause": None}
    untold = {"gap_ms": None, "plan": None, "report": None}
    told = {"gap_ms": 700, "plan": "resume", "report": report}
    second = {"term": 2, "agent_identity": "agent-2", "taken_at": seeded.AT, "cause": "crashed"}
    cut = seeded.message("The light went", role="assistant", interrupted=True, takeover=2)
    again = seeded.message("The light went round.", role="assistant")
    path = await seeded.answer_with(
        page,
        seeded.conversation(call_list=[seeded.call(1, sessions={"term": 2})]),
        seeded.turn("A story, please.", assistant=[cut, again]),
        terms=[first | untold, second | told],
    )
    await person.open(path)
    takeover = page.get_by_test_id("takeover")
    shown = page.get_by_test_id("report")
    await shown.locator("summary").click()
    async for size in at_sizes(person):
        await expect(takeover, size).to_contain_text("the one before crashed · nobody for 700 ms")
        await expect(takeover, size).to_contain_text("it said the cut sentence again")
        if await page.get_by_role("link", name="Calls and agents").is_visible():
            await page.get_by_role("link", name="Calls and agents").click()
        await expect(page.get_by_test_id("term").last, size).to_be_in_viewport()
        await expect(shown, size).to_contain_text("no field seats")
        await expect(shown, size).not_to_contain_text("not applicable")


async def test_a_sentence_that_was_not_said_again_is_not_called_so(come):
    person = await come()
    page = person.page
    term = {"term": 2, "agent_identity": "agent-2", "taken_at": seeded.AT, "cause": "crashed"}
    cut = seeded.message("The light went", role="assistant", interrupted=True, takeover=2)
    other = seeded.message("Shall we go on?", role="assistant")
    path = await seeded.answer_with(
        page,
        seeded.conversation(call_list=[seeded.call(1, sessions={"term": 2})]),
        seeded.turn("A story, please.", assistant=[cut, other]),
        terms=[term | {"gap_ms": 700, "plan": "resume", "report": None}],
    )
    await person.open(path)
    takeover = page.get_by_test_id("takeover")
    async for size in at_sizes(person):
        await expect(takeover, size).to_contain_text("nobody for 700 ms")
        await expect(takeover, size).not_to_contain_text("again")
