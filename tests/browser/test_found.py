"""A conversation that was found is opened at the line for which it was."""

import pytest
from playwright.async_api import expect

from tests.browser.visitor import SIZES
from unbroken.archive.http import RemoteArchive
from unbroken.testing.holders import Holder, item

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
]


async def long_call(url: str, mine: str) -> None:
    """Of its 601 lines the first one is what is looked for."""
    async with RemoteArchive(url) as archive:
        holder = Holder(archive)
        await holder.take(f"long {mine}")
        said = [item("first", f"My {mine} rings.", after=None)]
        said += [
            item(f"i{n}", f"line {n}.", after=f"i{n - 1}" if n else "first") for n in range(600)
        ]
        for at in range(0, len(said), 500):
            assert (await holder.append(at + 1, *said[at : at + 500])).outcome == "acked"


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_found_is_opened_at_its_line(house, come, picture, size):
    mine = f"kettle{size['width']}"
    await long_call(house.service_url, mine)
    person = await come(viewport=size)
    page = person.page
    await person.open(f"/conversations?q={mine}")
    await page.get_by_test_id("conversation-row").click()
    line = page.locator("[data-line=first]")
    await expect(line).to_contain_text(f"My {mine} rings.")
    await expect(line).to_be_in_viewport()
    await expect(line).to_have_attribute("data-found", "true")
    assert not await person.is_too_wide()
    await picture(page, f"found-{size['width']}")
    await page.go_back()
    field = page.get_by_test_id("search")
    await expect(field).to_have_value(mine)
    await page.get_by_role("link", name="Conversations").first.click()
    await expect(field).to_have_value("")
    await expect(page.get_by_test_id("outcome")).to_have_count(0)
    assert "q=" not in page.url
    assert not person.complaints
