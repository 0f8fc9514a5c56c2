"""After any conversation the fold of the log equals the live objects.

The expected side reads the live AgentSession; the actual side reads the journal file.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm import ChatContext, ChatMessage, ImageContent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.live.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.state import items, userdata
from unbroken.log.session import Session, fold

RULES = [
    ("note", {"tool": "keep_note", "arguments": {"note": "{heard}"}}),
    ("other", {"tool": "hand_over", "arguments": {}}),
    ("break", {"tool": "fail", "arguments": {}}),
    ("story", "Once upon a time there was a very long story about a lighthouse. " * 4),
    ("", "You said {heard}."),
]


@dataclass
class Data:
    notes: list[str] = field(default_factory=list)
    mood: str | None = None
    nested: dict[str, dict[str, int | None]] = field(default_factory=dict)


class First(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="first")

    async def on_enter(self) -> None:
        self.session.say("Hello from the first.")

    @function_tool
    async def keep_note(self, context: RunContext[Data], note: str) -> str:
        """Keep a note."""
        context.userdata.notes.append(note)
        context.userdata.nested.setdefault("a", {})[note] = len(note) if len(note) % 2 else None
        return "Noted."

    @function_tool
    async def hand_over(self, context: RunContext[Data]) -> tuple[Agent, str]:
        """Hand over."""
        return Second(), "Handing over."

    @function_tool
    async def fail(self, context: RunContext[Data]) -> str:
        """Fail."""
        raise RuntimeError("no")


class Second(First):
    async def on_enter(self) -> None:
        self.session.say("Hello from the second.")


class Conversation:
    """A real session with hooks, and the steps a conversation is made of."""

    def __init__(self, env, spool):
        self.env, self.spool = env, spool
        self.live = Live.open(spool, new_header(env, spool))
        self.session = AgentSession[Data](llm=ScriptedLLM(RULES), userdata=Data())
        by_agent_session[self.session] = self.live
        self.hooks = Hooks(env, self.live, self.session)
        self.agents: list[Agent] = []

    async def start(self):
        agent = First()
        self.hooks.attach(agent)
        await self.session.start(agent)
        self.hooks.attach_audio()
        self.hooks.scan()
        return self

    async def say(self, text: str) -> None:
        await self.session.generate_reply(user_input=text)

    async def interrupt(self, text: str) -> None:
        handle = self.session.generate_reply(user_input=text)
        await asyncio.sleep(0.01)
        handle.interrupt()
        await handle

    async def edit_history(self) -> None:
        """Silent: no event tells of it."""
        history = self.session.history.items
        if len(history) > 2:
            del history[random.randrange(len(history))]
        history.append(ChatMessage(role="assistant", content=["put in silently"]))

    async def edit_context(self) -> None:
        agent = self.session.current_agent
        edited = agent.chat_ctx.copy()
        edited.add_message(role="developer", content="a silent remark", created_at=1.0)
        for item in edited.items:
            if isinstance(item, ChatMessage) and item.role == "user":
                item.content = [*item.content, "and more"]
        await agent.update_chat_ctx(ChatContext(edited.items[-7:]))

    async def edit_words(self) -> None:
        for item in self.session.history.items[-3:]:
            if isinstance(item, ChatMessage):
                item.content = ["other words"]

    async def add_image(self) -> None:
        picture = ImageContent(image="data:image/png;base64,iVBORw0KGgo=")
        message = ChatMessage(role="user", content=["look", picture])
        self.session.history.insert(message)

    async def change_agent(self) -> None:
        await self.session.current_agent.update_instructions(f"changed at {time.time()}")
        await self.session.current_agent.update_tools([])

    def settle(self) -> None:
        self.hooks._something_happened(None)

    async def logged(self) -> Session:
        """What stands in the log of all that is recorded by now."""
        upto = self.live.journal.appended
        assert await self.live.durable("process", timeout_s=60)
        reader = JournalReader(self.env, self.spool.journal(self.live.journal.header.holder))
        frames = []
        while more := reader.read(is_living=True):
            frames += more
        reader.close()
        return fold((f.kind, f.payload) for f in frames if f.type == ENTRY and f.n <= upto)

    async def check(self) -> None:
        await asyncio.sleep(0.05)
        for _ in range(40):  # the slice that is looked at in turn has seen all places
            self.hooks.scan()
        session, agent = self.session, self.session.current_agent
        key = self.hooks.key_of(agent)
        history = [items.encode(item) for item in session.history.items]
        context = [items.encode(item) for item in agent.chat_ctx.items]
        data = userdata.encode(session.userdata)
        logged = await self.logged()
        assert logged.history == history
        assert logged.agent == key
        assert logged.context(key) == context
        assert logged.userdata == data
        again = items.decode(logged.history)
        assert [items.encode(item) for item in again] == logged.history

    async def close(self) -> None:
        await self.session.aclose()
        await self.live.close("left")


@pytest.fixture
async def conversation(env, spool):
    made = await Conversation(env, spool).start()
    yield made
    await made.close()


async def test_talk_tools_and_a_hand_over(conversation):
    for text in ("good morning", "note milk", "other", "note bread", "break", "thanks"):
        await conversation.say(text)
        await conversation.check()
    kinds = [item["type"] for item in (await conversation.logged()).history]
    assert kinds.count("function_call") == kinds.count("function_call_output") == 4
    assert kinds.count("agent_handoff") == 2


async def test_an_interruption(conversation):
    await conversation.interrupt("tell a story")
    await conversation.say("go on")
    await conversation.check()


@pytest.mark.parametrize("step", ["edit_history", "edit_context", "edit_words", "add_image"])
async def test_silent_edits(conversation, step):
    await conversation.say("one")
    await conversation.say("note two")
    await getattr(conversation, step)()
    conversation.settle()
    await conversation.check()
    await conversation.say("three")
    await conversation.check()


async def test_an_edit_in_the_depth_of_a_long_history(conversation):
    for number in range(300):
        conversation.session.history.insert(ChatMessage(role="user", content=[f"n{number}"]))
    await conversation.check()
    conversation.session.history.items[5].content = ["changed"]
    await conversation.check()


async def test_a_clock_that_steps_back(conversation, monkeypatch):
    await conversation.say("before")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3_600)
    await conversation.say("note after")
    await conversation.check()
    monkeypatch.setattr(time, "time", lambda: real() + 3_600)
    await conversation.say("much later")
    await conversation.check()


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_steps(conversation, seed):
    random.seed(seed)
    texts = ["hi", "note x", "other", "break", "tell a story", "bye"]
    silent = ["edit_history", "edit_context", "edit_words", "add_image", "change_agent"]
    for _ in range(12):
        dice = random.random()
        if dice < 0.5:
            await conversation.say(random.choice(texts))
        elif dice < 0.6:
            await conversation.interrupt("tell a story")
        else:
            await getattr(conversation, random.choice(silent))()
            conversation.settle()
        await conversation.check()
