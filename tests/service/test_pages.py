"""Long lists come in pages, and one reader's page costs no agent its start."""

import asyncio

from tests.service.test_conversations import API
from unbroken.testing.holders import Holder, entry, item

MIB = 1 << 20


async def test_what_came_late_comes_in_pages(client, archive):
    owner, late = Holder(archive), Holder(archive)
    late.taken = await owner.take()
    payloads = [b'"%s"' % (bytes([97 + n]) * 200_000) for n in range(26)]
    for first in (1, 14):
        said = [entry(p) for p in payloads[first - 1 : first + 12]]
        assert (await late.append(first, *said, term=0)).outcome == "fenced"
    url, after, found, pages = f"{API}/sessions/{late.taken.session_id}/side", None, [], 0
    while True:
        params = {"limit": 1_000} | ({"after": after} if after else {})
        answer = await client.get(url, params=params)
        assert len(answer.content) < 6 * MIB
        page = answer.json()
        found += [e["payload"].encode() for e in page["entries"]]
        if (after := page["next"]) is None:
            break
        pages += 1
    assert [b'"%s"' % text for text in found] == payloads
    assert pages > 1


async def test_a_place_that_is_none_is_refused(client, archive):
    taken = await Holder(archive).take()
    for after in ("x", "AAAA", "_" * 43, "A" * 60):
        answer = await client.get(f"{API}/sessions/{taken.session_id}/side?after={after}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_long_messages_come_in_short_pages(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    for n in range(1, 31):
        after = f"m{n - 1}" if n > 1 else None
        await holder.append(n, item(f"m{n}", f"{n} " + "w" * 250_000, after=after))
    for path, key in (("messages", "messages"), ("turns", "turns")):
        url, before, found = f"{API}/conversations/{taken.conversation_id}/{path}", None, []
        while True:
            params = {"limit": 1_000} | ({"before": before} if before else {})
            answer = await client.get(url, params=params)
            assert len(answer.content) < 6 * MIB
            page = answer.json()
            found = page[key] + found
            if (before := page["before"]) is None:
                break
        said = found if path == "messages" else [turn["user"] for turn in found]
        assert [line["content"].split()[0] for line in said] == [str(n) for n in range(1, 31)]


async def test_a_start_does_not_wait_behind_readers(client, archive):
    """However long they read: their threads are not the agents'."""
    database, is_over = client.parts.store._database, asyncio.Event()
    loop = asyncio.get_running_loop()

    def long(_tx):
        asyncio.run_coroutine_threadsafe(is_over.wait(), loop).result()

    reading = [asyncio.create_task(database.read(long)) for _ in range(10)]
    await asyncio.sleep(0.05)
    taken = await Holder(archive).take()
    assert taken.term == 1
    assert not any(task.done() for task in reading)
    is_over.set()
    await asyncio.gather(*reading)
