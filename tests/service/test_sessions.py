"""GET /sessions/{id}: terms and what is in flight; POST /sessions/{id}/kill."""

import pytest

from tests.service.conftest import opened
from tests.service.test_agents import OverHttp
from unbroken.archive.port import Order, WireMark
from unbroken.log import entries, mark
from unbroken.log.entries import Recovered
from unbroken.log.mark import Mark, Speech
from unbroken.testing.holders import ENV, Holder, entry, item

SESSIONS = "/api/v1/sessions"
SPEECH = Speech("concierge", "Once upon a time", "Once upon", 700)
REPORT = Recovered(
    cause="crashed", gap_ms=640, crashes=1, plan="resume", report={"history": "exact"}
)


@pytest.fixture
async def demo(settings, clock):
    async with opened(settings.model_copy(update={"demo": True}), clock) as client:
        yield client


async def get(client, taken):
    answer = await client.get(f"{SESSIONS}/{taken.session_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def flight(holder, first, *said, in_flight: Mark | bytes):
    """Append, then say what is in flight behind it."""
    payload = in_flight if isinstance(in_flight, bytes) else mark.encode(in_flight)
    at = first + len(said) - 1
    await holder.append(first, *said, mark=WireMark(at, ENV.now_us(), payload))


async def test_each_term_tells_how_it_came(client, archive, clock):
    first, second = Holder(archive), Holder(archive)
    taken = await first.take(agent_identity="agent-1")
    await first.append(1, entry(), final="crashed")
    clock.advance(0.5)
    await second.take(agent_identity="agent-2")
    one, two = (await get(client, taken))["terms"]
    assert (one["agent_identity"], one["first_seq"], one["end_seq"]) == ("agent-1", 1, 1)
    assert (one["cause"], one["gap_ms"], one["plan"], one["report"]) == (None, None, None, None)
    assert (two["term"], two["agent_identity"], two["end_seq"]) == (2, "agent-2", None)
    assert (two["cause"], two["plan"]) == ("crashed", None)
    assert 500 <= two["gap_ms"] < 2_000
    payload, _ = entries.encode(REPORT)
    await second.append(2, entry(payload, kind="recovered"))
    two = (await get(client, taken))["terms"][1]
    assert (two["gap_ms"], two["plan"], two["report"]) == (640, "resume", {"history": "exact"})


async def test_what_is_wrong_on_the_agents_host_is_shown_and_logged_at_each_change(client, capsys):
    holder = Holder(OverHttp(client))
    taken = await holder.take()
    for words in ("the disk is full", "the disk is full", None):
        await holder.append(1, degraded=words)
        assert (await get(client, taken))["degraded"] == words
        found = await client.get(f"/api/v1/conversations/{taken.conversation_id}")
        assert found.json()["call_list"][0]["sessions"][0]["degraded"] == words
    said = [line for line in capsys.readouterr().out.splitlines() if str(taken.session_id) in line]
    is_bad = ["session degraded" in line for line in said if "session taken" not in line]
    assert is_bad == [True, False]


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff\xfe", b"[" * 9_000, b'{"plan":1}'])
async def test_a_report_of_any_form_is_no_error(client, archive, payload):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, entry(payload, kind="recovered"))
    (term,) = (await get(client, taken))["terms"]
    assert (term["plan"], term["report"]) == (None, None)


async def test_what_is_in_flight_is_shown_until_it_is_an_item(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    assert (await get(client, taken))["mark"] is None
    await flight(holder, 1, entry(), in_flight=Mark(SPEECH, ("and then",)))
    assert (await get(client, taken))["mark"] == {
        "speech": {
            "agent": "concierge",
            "generated": "Once upon a time",
            "heard": "Once upon",
            "heard_ms": 700,
        },
        "transcripts": ["and then"],
    }
    await holder.append(2, item("a", "Once upon", after=None, role="assistant"))
    assert (await get(client, taken))["mark"] == {"speech": None, "transcripts": ["and then"]}
    await holder.append(3, item("u", "and then", after="a"))
    assert (await get(client, taken))["mark"] == {"speech": None, "transcripts": []}


@pytest.mark.parametrize("payload", [b"\xff", b"null", b"[" * 9_000, b'{"speech":{"agent":1}}'])
async def test_a_mark_of_any_form_is_no_error(client, archive, payload):
    holder = Holder(archive)
    taken = await holder.take()
    await flight(holder, 1, in_flight=payload)
    assert (await get(client, taken))["mark"] is None


async def test_a_kill_is_ordered_once_of_the_holder_that_lives(demo):
    archive = demo.parts.store.archive
    holder, other, later = Holder(archive), Holder(archive), Holder(archive)
    taken = await holder.take()
    await other.take("other")
    answer = await demo.post(f"{SESSIONS}/{taken.session_id}/kill")
    assert (answer.status_code, answer.json()) == (202, {})
    assert (await other.append(1)).orders == ()
    assert (await holder.append(2, entry())).orders == ()  # a gap: not heard yet
    assert (await holder.append(1)).orders == (Order("kill"),)
    assert (await holder.append(1)).orders == ()
    await demo.post(f"{SESSIONS}/{taken.session_id}/kill")
    await holder.append(1, final="crashed")
    await later.take()
    assert (await later.append(1)).orders == ()


async def test_an_order_that_was_not_heard_in_time_is_void(demo, clock):
    holder = Holder(demo.parts.store.archive)
    taken = await holder.take()
    await demo.post(f"{SESSIONS}/{taken.session_id}/kill")
    clock.advance(31)
    assert (await holder.append(1)).orders == ()


async def test_who_is_dead_cannot_be_killed(demo):
    holder = Holder(demo.parts.store.archive)
    taken = await holder.take()
    await holder.append(1, final="crashed")
    answer = await demo.post(f"{SESSIONS}/{taken.session_id}/kill")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    answer = await demo.post(f"{SESSIONS}/{ENV.new_id()}/kill")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_nobody_is_killed_outside_a_demonstration(client, archive):
    taken = await Holder(archive).take()
    answer = await client.post(f"{SESSIONS}/{taken.session_id}/kill")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_what_is_kept_of_a_session_is_verified(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, item("a", "hello", after=None))
    found = (await client.get(f"/api/v1/sessions/{taken.session_id}/verify")).json()
    assert found == {
        "session_id": str(taken.session_id),
        "ok": True,
        "entries": 1,
        "messages": 1,
        "side_entries": 0,
        "blobs": 0,
        "findings": [],
        "count": 0,
    }
    assert (await client.get(f"/api/v1/sessions/{taken.call_id}/verify")).status_code == 404
