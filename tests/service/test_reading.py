"""What people read takes nothing from agents: little at once, the rest waits or is refused."""

import asyncio

import pytest
from starlette.exceptions import HTTPException

from tests.service.test_conversations import API
from unbroken.service import reading
from unbroken.service.reading import READS_MAX, Reads
from unbroken.testing.holders import Holder, entry

LIST = f"{API}/conversations"
SCOPE = {"type": "http", "method": "GET", "path": LIST}


class App:
    """Answers when it may; counts those that it is at."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.now = self.most = 0

    async def __call__(self, _scope, _receive, send) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.may_go_on.wait()
        self.now -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})


async def nothing(*_given) -> None:
    pass


def asked(door, path=LIST, *, method="GET", send=nothing):
    scope = SCOPE | {"path": path, "method": method}
    return asyncio.create_task(door(scope, nothing, send))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_few_are_answered_at_once_and_all_in_the_end():
    door = Reads(app := App())
    reads = [asked(door) for _ in range(20)]
    await settled()
    assert app.now == READS_MAX
    app.may_go_on.set()
    await asyncio.gather(*reads)
    assert app.most == READS_MAX


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{API}/sessions/take"),
        ("POST", f"{API}/conversations/save-turn"),
        ("GET", f"{API}/sessions/01/log"),
        ("GET", f"{API}/blobs/00"),
        ("GET", "/healthz"),
    ],
)
async def test_who_does_not_list_waits_for_nobody(method, path):
    door = Reads(app := App())
    reads = [asked(door) for _ in range(20)]
    await settled()
    other = asked(door, path, method=method)
    await settled()
    assert app.now == READS_MAX + 1
    app.may_go_on.set()
    await asyncio.gather(other, *reads)


async def test_beyond_those_that_may_wait_one_is_refused(monkeypatch):
    monkeypatch.setattr(reading, "WAITING_MAX", 3)
    door = Reads(app := App())
    reads = [asked(door) for _ in range(READS_MAX + 3)]
    await settled()
    with pytest.raises(HTTPException) as refused:
        await asked(door)
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
    app.may_go_on.set()
    await asyncio.gather(*reads)


async def test_nobody_waits_for_ever_and_who_gave_up_has_no_turn(monkeypatch):
    monkeypatch.setattr(reading, "WAIT_S", 0.05)
    door = Reads(app := App())
    reads = [asked(door) for _ in range(READS_MAX)]
    await settled()
    with pytest.raises(HTTPException):
        await asked(door)
    app.may_go_on.set()
    await asyncio.gather(*reads, *(asked(door) for _ in range(READS_MAX)))


async def test_who_takes_an_answer_slowly_keeps_nobody_waiting():
    door = Reads(app := App())
    app.may_go_on.set()
    is_over = asyncio.Event()

    async def slowly(_message) -> None:
        await is_over.wait()

    slow = [asked(door, send=slowly) for _ in range(READS_MAX)]
    await settled()
    await asked(door)
    assert not any(task.done() for task in slow)
    is_over.set()
    await asyncio.gather(*slow)


async def test_agents_and_health_are_answered_beside_readers_who_are_told_to_come_again(
    client, archive, monkeypatch
):
    monkeypatch.setattr(reading, "WAITING_MAX", 1)
    loop, is_over = asyncio.get_running_loop(), asyncio.Event()

    def long(_tx):
        asyncio.run_coroutine_threadsafe(is_over.wait(), loop).result()

    busy = [asyncio.create_task(client.parts.store._database.read(long)) for _ in range(2)]
    reads = [asyncio.create_task(client.get(LIST)) for _ in range(READS_MAX + 1)]
    await asyncio.sleep(0.1)
    refused = await client.get(LIST)
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert refused.headers["retry-after"] == "1"
    holder = Holder(archive)
    await holder.take()
    assert (await holder.append(1, entry())).outcome == "acked"
    assert (await client.get("/healthz")).status_code == 200
    is_over.set()
    await asyncio.gather(*busy)
    assert {(await read).status_code for read in reads} == {200}
