"""An agent's context is a list of its own: what stands in it, and where, comes back."""

import asyncio

import pytest
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.llm import AgentConfigUpdate, AgentHandoff

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from tests.livekit.test_log_equality import Conversation
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log.entries import ContextChanged, ItemsRemoved

RULES = [("till", {"tool": "to_till", "arguments": {}}), ("", "You said {heard}.")]


class Till(Agent):
    """As LiveKit's own hand-overs do: what was said comes along, behind it a line of its own."""

    def __init__(self, said=()):
        super().__init__(instructions="till")
        self._said = said

    async def on_enter(self) -> None:
        context = self.chat_ctx.copy()
        known = {item.id for item in context.items}
        context.items.extend(item for item in self._said if item.id not in known)
        context.add_message(role="system", content="You are the till.")
        await self.update_chat_ctx(context)
        self.session.generate_reply(tool_choice="none")


class Greeter(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="greeter")

    @function_tool
    async def to_till(self) -> tuple[Agent, str]:
        """Hand over."""
        said = self.chat_ctx.copy(exclude_instructions=True, exclude_handoff=True)
        return Till(said.items), "Handing over."


class Call(Conversation):
    def __init__(self, env, spool):
        super().__init__(env, spool)
        self.session = AgentSession(llm=ScriptedLLM(RULES))
        self.hooks = type(self.hooks)(env, self.live, self.session)

    async def start(self):
        agent = Greeter()
        self.hooks.attach(agent)
        await self.session.start(agent)
        self.hooks.scan()
        return self

    async def note(self, text: str) -> None:
        context = self.session.current_agent.chat_ctx.copy()
        context.add_message(role="system", content=text)
        await self.session.current_agent.update_chat_ctx(context)

    def is_as_logged(self) -> bool:
        self.hooks.scan()
        return not self.live.session.differing and WRITTEN_WHOLE not in self.live.session.notes


@pytest.fixture
async def call(env, spool):
    made = await Call(env, spool).start()
    yield made
    await made.close()


async def test_a_hand_over_that_is_only_in_a_context_is_none_of_the_next_start(env, spool):
    one = await Holder.first(env, spool, Agent(instructions="x"), RULES)
    await one.say("hi")
    context = one.agent.chat_ctx.copy()
    context.items.insert(1, AgentHandoff(old_agent_id="somebody", new_agent_id="agent"))
    await one.agent.update_chat_ctx(context)
    other = await one.successor(Agent(instructions="x"))
    assert other.agent.chat_ctx.items == one.agent.chat_ctx.items
    assert set(other.report.values()) == {"exact"}
    await one.close()
    await other.close()


@pytest.mark.parametrize("is_in_history", [True, False])
async def test_livekits_note_of_a_start_that_was_cut_off_is_none_of_the_call(
    env, spool, is_in_history
):
    """Its holder died when it had recorded it, and had not yet taken it out."""
    one = await Holder.first(env, spool, Agent(instructions="x"), RULES)
    await one.say("hi")
    notes = [AgentHandoff(new_agent_id="agent"), AgentConfigUpdate(instructions="x")]
    before = [list(items) for items in (one.session.history.items, one.agent.chat_ctx.items)]
    context = one.agent.chat_ctx.copy()
    context.items.extend(notes)
    await one.agent.update_chat_ctx(context)
    if is_in_history:
        one.session.history.items.extend(notes)
    one.hooks.scan()
    other = await one.successor(Agent(instructions="x"))
    assert [other.session.history.items, other.agent.chat_ctx.items] == before
    await one.close()
    await other.close()


@pytest.mark.parametrize("steps", ["+n", "sn", "+ns", "s+ns", "snns", "snsns", "sts", "stnsns"])
async def test_a_line_that_is_only_in_the_context_stays_in_its_place(call, steps):
    for number, step in enumerate(steps):
        if step == "n":
            await call.note(f"note {number}")
        else:
            await call.say("till" if step == "t" else f"words {number}")
            await asyncio.sleep(0.05)  # a hand-over has to be through
    assert call.is_as_logged()
    agent = call.session.current_agent
    logged = (await call.logged()).context(call.hooks.key_of(agent))
    assert [item["id"] for item in logged] == [item.id for item in agent.chat_ctx.items]


async def test_what_two_contexts_share_and_the_history_has_no_more_is_edited_in_both(call):
    await call.say("hello")
    said = call.session.history.items[-1]
    call.session.history.items.remove(said)
    greeter = call.session.current_agent
    await call.say("till")
    await asyncio.sleep(0.05)  # a hand-over has to be through
    till = call.session.current_agent
    call.hooks.scan()
    said.content = ["edited since"]
    call.hooks.scan()
    logged = await call.logged()
    for agent in (greeter, till):
        texts = [item.content for item in agent.chat_ctx.items if item.id == said.id]
        assert texts == [["edited since"]]
        stored = logged.context(call.hooks.key_of(agent))
        assert [item["content"] for item in stored if item["id"] == said.id] == texts


@pytest.mark.parametrize(
    "damage", [ContextChanged("Greeter", 1, ("nobody",)), ItemsRemoved(("first",))]
)
async def test_a_log_that_went_wrong_is_written_whole_at_once_and_counted(call, damage):
    await call.say("hello")
    call.hooks.scan()
    if isinstance(damage, ItemsRemoved):
        damage = ItemsRemoved((call.live.session.order[-1],))
    call.live.record(damage)
    call.hooks.scan()
    logged = await call.logged()
    assert [i["id"] for i in logged.history] == [i.id for i in call.session.history.items]
    context = [item.id for item in call.session.current_agent.chat_ctx.items]
    assert [i["id"] for i in logged.context("Greeter")] == context
    assert logged.notes[WRITTEN_WHOLE]["count"] == 1
    assert not logged.differing


async def test_a_context_full_of_documents_is_stored_in_pieces(env, spool):
    holder = await Holder.first(env, spool, Greeter())
    documents = [f"document {n} " + "lorem ipsum " * 1_200 for n in range(40)]
    context = holder.agent.chat_ctx.copy()
    for text in documents:
        context.add_message(role="system", content=text)
    await holder.agent.update_chat_ctx(context)
    after = await holder.successor(Greeter())
    assert after.report["context of Greeter"] == "exact"
    found = [getattr(item, "text_content", "") for item in after.agent.chat_ctx.items]
    assert found[-len(documents) :] == documents
    assert not holder.live.lost
    await after.close()
    await holder.close()
