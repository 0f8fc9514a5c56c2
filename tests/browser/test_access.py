"""Every control has a name and all text stands out, by day and by night, at both sizes."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser import seeded
from tests.browser.visitor import at_sizes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]

LOOK = Path(__file__).with_name("access.js").read_text()
FINE = {"faint": [], "nameless": []}
DENIED = {"code": "unauthorized", "detail": "this service asks for its API key"}


async def told(page) -> str:
    """A conversation with all that there may be in one; its path."""
    failed = {"name": "confirm_booking", "arguments": "{}", "output": "not done", "is_error": True}
    cut = {"role": "assistant", "interrupted": True, "heard_ms": 900}
    delays = {"end_of_turn": 500, "llm_first_token": 300, "tts_first_byte": 200, "total": 1_400}
    turns = [
        seeded.turn("Yes, please.", tools=[failed], delays_ms=delays),
        seeded.turn("A story.", assistant=[seeded.message("The light", takeover=2, **cut)]),
        seeded.turn("Another.", assistant=[seeded.message("Once", **cut)]),
    ]
    live = {"term": 2, "phase": "live", "degraded": "the disk is full"}
    calls = [seeded.call(1, left_at=seeded.AT, kept_until=seeded.AT, sessions=live)]
    term = {"term": 2, "agent_identity": "agent-2", "taken_at": seeded.AT, "cause": "crashed"}
    report = {"history": "exact", "userdata": "degraded: no seats", "tasks": "missing: why"}
    term |= {"gap_ms": 700, "plan": "resume", "report": report}
    found = seeded.conversation(live=True, call_list=calls)
    return await seeded.answer_with(page, found, *turns, terms=[term])


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_all_controls_have_names_and_all_text_stands_out(come, theme):
    person = await come(color_scheme=theme)
    page = person.page
    conversation = await told(page)
    rows = [seeded.conversation(), seeded.conversation(id=seeded.ID[:-1] + "8", live=True)]
    await page.route(
        "**/api/v1/conversations?**",
        seeded.told({"conversations": rows, "next": "more"}),
    )
    await page.route("**/api/v1/rooms", lambda route: route.fulfill(status=401, json=DENIED))
    for path, there in {
        "/": person.start_button,
        "/conversations": page.get_by_test_id("conversation-row").last,
        conversation: page.get_by_test_id("report"),
        "/nowhere": page.get_by_role("heading", name="No such page"),
    }.items():
        await person.open(path)
        await expect(there.first).to_be_visible()
        if path == conversation:
            await page.get_by_test_id("report").locator("summary").click()
        async for size in at_sizes(person):
            assert await page.evaluate(LOOK) == FINE, (path, size)
    await person.open("/")
    await person.start_button.click()
    await expect(page.get_by_label("API key")).to_be_visible()
    async for size in at_sizes(person):
        assert await page.evaluate(LOOK) == FINE, size
