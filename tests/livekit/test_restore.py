"""A new holder has what the old one had: compared with the old one's live objects."""

import asyncio

import pytest
from livekit.agents import AgentSession, function_tool

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header, store
from tests.core.test_keeper import until
from tests.livekit.holders import GAP
from tests.livekit.test_log_equality import RULES, Conversation, Data, First, Second
from unbroken.archive.taking import bound, request_of
from unbroken.keeper import Keeper
from unbroken.live.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore import recover, restore
from unbroken.livekit.restore.start import Start
from unbroken.livekit.state import items, userdata
from unbroken.log import mark
from unbroken.log.entries import OptionsChanged
from unbroken.log.mark import Mark, Speech
from unbroken.recovery.plan import Answer, Bridge, Resume, Silent, default_plan, facts_of

__all__ = ["store"]

INSTRUCTIONS = "lk.agent_task.instructions"
STORY = "One sentence that was heard. A second that was cut in the middle. And a third."


@function_tool
async def look() -> str:
    """Look."""
    return "Seen."


class Successor:
    """What a new holder makes of a session that lost its holder."""

    def __init__(self, env, spool, archive):
        self.env, self.spool, self.archive = env, spool, archive

    async def take(self, room="room"):
        header = new_header(self.env, self.spool, room=room)
        taken = await self.archive.take(request_of(header))
        saved, self.flying = await restore.read(self.archive, taken)
        self.taken = taken
        self.live = Live.open(self.spool, bound(header, taken), saved)
        self.session = AgentSession[Data](llm=ScriptedLLM(RULES), userdata=Data())
        by_agent_session[self.session] = self.live
        self.hooks = Hooks(self.env, self.live, self.session)
        start = Start(self.env, self.live, self.session, self.hooks)
        known = restore.factories_of([Second])
        agent = await start.restore(self.flying, GAP, first=First(), factories=known)
        self.restored, self.facts = start.restored, start.restored.facts
        start.attach(agent)
        await self.session.start(agent)
        await start.go_on(lambda _: Silent())
        self.hooks.scan()
        return self

    async def close(self):
        await self.session.aclose()
        await self.live.close("left")


def seen(session) -> dict:
    """The live objects; when the instructions item was made is LiveKit's business."""

    def plain(item):
        encoded = items.encode(item)
        if item.id == INSTRUCTIONS:
            encoded.pop("created_at")
        return encoded

    return {
        "history": [items.encode(item) for item in session.history.items],
        "agent": type(session.current_agent).__name__,
        "context": [plain(item) for item in session.current_agent.chat_ctx.items],
        "userdata": userdata.encode(session.userdata),
    }


async def said(conversation, text):
    """Answered, and what was in flight of that is over: a mark of ours is the newest then."""
    await conversation.say(text)
    conversation.hooks.scan()
    async with asyncio.timeout(20):
        while conversation.hooks.in_flight._marked.is_owed:
            await asyncio.sleep(0.01)


async def died(conversation, store):
    """The holder is gone without a last word, its tail is shipped, the session orphaned."""
    conversation.hooks.scan()
    conversation.live._watching.cancel()
    keeper = Keeper(conversation.spool, store.archive)
    live = conversation.live
    await until(keeper, lambda: live.ack.acked == live.journal.appended)
    conversation.env.unlock(conversation.spool.lock(live.journal.header.holder))
    session_id = live.session_id
    async with asyncio.timeout(20):
        while (await store.conversations.get_session(session_id)).phase != "orphaned":
            await keeper.step()


@pytest.fixture
async def first(env, spool):
    made = await Conversation(env, spool).start()
    yield made
    await made.session.aclose()


@pytest.mark.parametrize(
    "said",
    [
        ["hi"],
        ["hi", "note milk", "thanks"],
        ["note milk", "other", "note bread"],
        ["other"],
    ],
)
async def test_the_successor_has_exactly_the_state(first, env, spool, store, said):
    for text in said:
        await first.say(text)
        await asyncio.sleep(0.1)  # a hand-over has to be through before one speaks again
    before = seen(first.session)
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    assert seen(successor.session) == before
    report = successor.restored.report
    assert {report[k] for k in ("history", "agent", "userdata", "entries")} == {"exact"}
    assert successor.taken.term == 2
    greetings = [i for i in before["history"] if "Hello from" in str(i.get("content"))]
    await asyncio.sleep(0.05)
    again = [i for i in seen(successor.session)["history"] if "Hello from" in str(i.get("content"))]
    assert again == greetings
    assert default_plan(successor.facts) == Silent()
    await successor.session.generate_reply(user_input="and go on")
    assert successor.session.history.items[-1].text_content == "You said and go on."
    await successor.close()


async def test_silent_edits_and_instructions_come_back(first, env, spool, store):
    await first.say("one")
    await first.edit_context()
    await first.session.current_agent.update_instructions("changed at run time")
    await first.say("two")
    before = seen(first.session)
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    assert seen(successor.session) == before
    assert successor.session.current_agent.instructions == "changed at run time"
    await successor.close()


async def test_options_and_tools_that_changed_at_run_time_change_again(first, env, spool, store):
    session, agent = first.session, first.session.current_agent
    session.update_options(endpointing_opts={"min_delay": 0.7}, turn_detection="manual")
    session.output.set_transcription_enabled(False)
    await agent.update_tools([tool for tool in agent.tools if tool.id != "fail"])
    await first.say("hi")
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    again = successor.session
    assert again.options.endpointing["min_delay"] == 0.7
    assert again.turn_detection == "manual"
    assert not again.output.transcription_enabled
    assert {tool.id for tool in again.current_agent.tools} == {"keep_note", "hand_over"}
    report = successor.restored.report
    assert report["options"] == report["tools of First"] == "exact"
    await again.say("Once more.", add_to_chat_ctx=True)
    changed = successor.live.session.options
    assert set(changed) == {"endpointing", "turn detection", "transcription", "tools of First"}
    await successor.close()


async def test_what_cannot_be_changed_again_is_named(first, env, spool, store):
    class Detector:
        """One that an application made at run time."""

    class Other(ScriptedLLM):
        model = "other"

    first.session._turn_detection = Detector()
    first.session.current_agent.update_options(llm=Other(RULES))
    await first.session.current_agent.update_tools([*first.session.current_agent.tools, look])
    await first.say("hi")
    first.live.record(OptionsChanged({"of the future": 1, "keyterms": {"not": "a list"}}))
    first.hooks.scan = lambda: None  # that would write them as they are
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    report = successor.restored.report
    assert report["options"].startswith("degraded: not as it was: ")
    named = report["options"].removeprefix("degraded: not as it was: ").split(", ")
    assert sorted(named) == ["keyterms", "models of First", "of the future", "turn detection"]
    assert report["tools of First"] == "degraded: this version has no tool look"
    await successor.close()


async def test_a_cut_sentence_becomes_an_interrupted_item(first, env, spool, store):
    await said(first, "hi")
    heard = "One sentence that was heard. A second that"
    first.live.mark(Mark(Speech("First", STORY, heard, 2_500)))
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    last = successor.session.history.items[-1]
    assert (last.role, last.interrupted, last.text_content) == ("assistant", True, heard)
    assert successor.session.current_agent.chat_ctx.items[-1].id == last.id
    facts = successor.facts
    assert default_plan(facts) == Resume()
    assert facts.unheard == "A second that was cut in the middle. And a third."
    assert facts.rest == "was cut in the middle. And a third."
    assert facts.last_sentence == "One sentence that was heard."
    await successor.close()


async def test_an_item_behind_the_mark_voids_it(first, env, spool, store):
    first.live.mark(Mark(Speech("First", STORY, "One sentence", 900), ("hello",)))
    await first.say("hello")
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    assert successor.flying == Mark()
    assert default_plan(successor.facts) == Silent()
    await successor.close()


async def test_an_unfinished_turn_is_answered_once_over_two_crashes(first, env, spool, store):
    await said(first, "hi")
    first.live.mark(Mark(None, ("what is", "the time")))
    await died(first, store)
    second = await Successor(env, spool, store.archive).take()
    assert default_plan(second.facts) == Answer()
    assert second.session.history.items[-1].text_content == "what is the time"
    await died(second, store)
    third = await Successor(env, spool, store.archive).take()
    assert default_plan(third.facts) == Answer()
    users = [i for i in third.session.history.items if getattr(i, "role", "") == "user"]
    assert [u.text_content for u in users] == ["hi", "what is the time"]
    await recover.perform(Answer(), third.session, third.facts)
    async with asyncio.timeout(20):
        while third.session.history.items[-1].role != "assistant":
            await asyncio.sleep(0.01)
    await died(third, store)
    fourth = await Successor(env, spool, store.archive).take()
    assert default_plan(fourth.facts) == Silent()
    for one in (second, third, fourth):
        await one.session.aclose()


async def test_a_mark_and_log_of_any_form_are_no_crash(first, env, spool, store):
    first.live.journal.mark(b"not a mark")
    first.live.journal.append("of_the_future", b"{}")
    await died(first, store)
    successor = await Successor(env, spool, store.archive).take()
    assert successor.flying is None
    assert successor.restored.report["entries"] == "degraded: skipped of_the_future"
    await successor.close()


def broken(_restored):
    raise ValueError("the application's own")


@pytest.mark.parametrize(
    ("factories", "report"),
    [
        ({}, "degraded: durable(agents=…) has no Second"),
        ({"Second": broken}, "degraded: Second was not made: ValueError"),
    ],
)
async def test_an_agent_that_cannot_be_made_is_named(
    first, env, spool, store, *, monkeypatch, factories, report
):
    await first.say("other")
    await asyncio.sleep(0.1)
    await died(first, store)
    monkeypatch.setattr(restore, "factories_of", lambda _: factories)
    successor = await Successor(env, spool, store.archive).take()
    assert successor.restored.report["agent"] == report
    assert type(successor.session.current_agent) is First
    await successor.close()


def test_plans_for_tools_and_repeated_crashes(first_facts):
    assert isinstance(default_plan(first_facts(retry="ask")), Bridge)
    assert default_plan(first_facts(retry="query")) == Answer()
    assert mark.decode(mark.encode(Mark())) == Mark()


@pytest.fixture
def first_facts():
    from unbroken.log.entries import ItemPut, ToolStarted  # noqa: PLC0415
    from unbroken.log.session import Session  # noqa: PLC0415

    def made(retry: str):
        session = Session()
        said = {"id": "u", "type": "message", "role": "user", "content": ["yes"]}
        session.apply(ItemPut(said))
        session.apply(ToolStarted("c", "book", "{}", key="k", retry=retry))
        return facts_of(session, None, cause="crashed", gap_s=1, crashes=1)

    return made


@pytest.mark.parametrize(
    ("cause", "plan"), [("left", Resume()), ("crashed", Silent()), ("empty", Silent())]
)
def test_who_was_cut_off_by_a_holder_that_left_hears_the_rest(cause, plan):
    from unbroken.log.entries import ItemPut  # noqa: PLC0415
    from unbroken.log.session import Session  # noqa: PLC0415
    from unbroken.recovery.plan import repairs  # noqa: PLC0415

    session = Session()
    cut = {"id": "a", "type": "message", "role": "assistant", "content": ["One. And"]}
    session.apply(ItemPut(cut, agent="First", heard_ms=900, generated="One. And two. Three."))
    facts = facts_of(session, None, cause=cause, gap_s=1, crashes=1)
    assert default_plan(facts) == plan
    assert facts.unheard == ("And two. Three." if plan == Resume() else "")
    assert list(repairs(session, None, facts, new_id=lambda: "new", now_s=1)) == []  # it is there
