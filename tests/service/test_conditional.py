"""What is asked for again and again is sent only if it has changed."""

import pytest

from tests.service.test_conversations import API
from unbroken.testing.holders import Holder, item

LIST = f"{API}/conversations"


@pytest.fixture
async def holder(archive) -> Holder:
    holder = Holder(archive)
    await holder.take()
    await holder.append(
        1, *(item(f"i{n}", f"line {n}", after=f"i{n - 1}" if n else None) for n in range(30))
    )
    return holder


def paths(holder: Holder) -> list[str]:
    one, session = holder.taken.conversation_id, holder.taken.session_id
    below = [f"{LIST}/{one}{end}" for end in ("", "/turns", "/messages?limit=30")]
    return [LIST, *below, f"{API}/sessions/{session}", f"{API}/sessions/{session}/entries"]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_what_has_not_changed_is_not_sent_again(client, holder, coding):
    for path in paths(holder):
        headers = {"Accept-Encoding": coding}
        first = await client.get(path, headers=headers)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "no-store"
        for known in (tag, f'"another", {tag}', tag.removeprefix("W/"), "*"):
            again = await client.get(path, headers=headers | {"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == tag
            assert "content-length" not in again.headers


async def test_packed_and_unpacked_it_is_the_same(client, holder):
    path = paths(holder)[3]
    packed, plain = [
        await client.get(path, headers={"Accept-Encoding": coding})
        for coding in ("gzip", "identity")
    ]
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] == plain.headers["etag"]


async def test_what_has_changed_is_sent_with_another_tag(client, holder):
    for path in paths(holder):
        first = await client.get(path)
        seq = (await client.get(paths(holder)[4])).json()["last_seq"]
        await holder.append(seq + 1, item(f"new {seq}", "one more", after="i29"))
        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 200, path
        assert again.headers["etag"] != first.headers["etag"]


async def test_a_refusal_has_no_tag(client):
    refused = await client.get(f"{LIST}?colour=red", headers={"If-None-Match": "*"})
    assert refused.status_code == 400
    assert "etag" not in refused.headers
