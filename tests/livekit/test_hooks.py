"""The hooks see everything and disturb nothing."""

import asyncio
import time

from livekit.agents import Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from tests.livekit.test_voice import Sink
from unbroken.journal import JournalReader
from unbroken.journal.frames import MARK
from unbroken.live.live import Live
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.speech.speech import InFlight
from unbroken.livekit.speech.voice import Voice
from unbroken.log import mark


class Plain(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="plain")
        self.entered = 0

    async def on_enter(self) -> None:
        self.entered += 1

    def llm_node(self, chat_ctx, tools, model_settings):  # returns text, as LiveKit allows
        return text_node(chat_ctx)


async def text_node(chat_ctx):
    return f"You said {chat_ctx.items[-1].text_content}."


def sessions(env, spool):
    live = Live.open(spool, new_header(env, spool))
    session = AgentSession(llm=ScriptedLLM([]))
    return live, session, Hooks(env, live, session)


async def test_errors_of_ours_never_reach_the_call(env, spool, monkeypatch, caplog):
    live, session, hooks = sessions(env, spool)
    agent = Plain()
    hooks.attach(agent)
    await session.start(agent)

    def broken(*_: object) -> int:
        raise TypeError("LiveKit lets this one through")

    monkeypatch.setattr(live, "record", broken)
    reply = await session.generate_reply(user_input="hello")
    assert reply.chat_items[0].text_content == "You said hello."
    assert agent.entered == 1
    assert "hook failed" in caplog.text
    await session.aclose()
    await live.close("left")


async def test_a_node_that_returns_a_coroutine_or_text_still_may(env, spool):
    live, session, hooks = sessions(env, spool)
    agent = Plain()
    hooks.attach(agent)
    await session.start(agent)
    await session.generate_reply(user_input="one")
    assert [i["role"] for i in live.session.history if i["type"] == "message"] == [
        "user",
        "assistant",
    ]
    await session.aclose()
    await live.close("left")


async def test_a_second_agent_of_a_class_has_a_key_of_its_own(env, spool):
    live, session, hooks = sessions(env, spool)
    first, second = Plain(), Plain()
    assert [hooks.key_of(a) for a in (first, second, first)] == ["Plain", "Plain#2", "Plain"]
    await session.aclose()
    await live.close("left")


async def test_the_first_word_is_already_behind_the_fence(env, spool):
    live, session, hooks = sessions(env, spool)
    session.output.audio = Sink()
    outputs = []

    class Greeter(Agent):
        async def on_enter(self) -> None:
            outputs.append(self.session.output.audio)

    agent = Greeter(instructions="greet")
    hooks.attach(agent)
    await session.start(agent)
    hooks.attach_audio()  # once more changes nothing
    assert [type(output) for output in outputs] == [Voice]
    assert session.output.audio is outputs[0]
    await session.aclose()
    await live.close("left")


async def test_marks_are_few_and_at_sentence_ends(env, spool):
    live = Live.open(spool, new_header(env, spool))
    in_flight = InFlight(env, live.mark)
    in_flight.playback_started(None)
    said = "This is one. And this is the second sentence, a longer one."
    for word in said.split():
        in_flight.heard(word + " ")
        await asyncio.sleep(0)
    in_flight.transcribed("wait")
    reader = JournalReader(env, spool.journal(live.journal.header.holder))
    marks = [mark.decode(f.payload) for f in reader.read(is_living=True) if f.type == MARK]
    assert [m.speech.heard.strip().rpartition(" ")[2] for m in marks] == ["", *["one."] * 3]
    assert marks[-1].transcripts == ("wait",)
    in_flight.committed()
    in_flight.mark()
    (last,) = reader.read(is_living=True)
    assert mark.decode(last.payload).transcripts == ()
    assert mark.decode(b"of another form") is None
    in_flight.stop()
    reader.close()
    await live.close("left")


async def test_a_scan_costs_the_same_on_a_long_call(env, spool):
    """Counted in comparisons, not in seconds."""
    from livekit.agents.llm import ChatMessage  # noqa: PLC0415

    from unbroken.live.mirror import Mirror, Put  # noqa: PLC0415
    from unbroken.live.tracked import Codec  # noqa: PLC0415
    from unbroken.livekit.state import items  # noqa: PLC0415

    looked = 0

    def state(item):
        nonlocal looked
        looked += 1
        return vars(item)

    def scan(mirror, live, history):
        for change in mirror.changes(history, "A", history):
            live.record(change.put if isinstance(change, Put) else change)

    counts = {}
    for length in (100, 2_000):
        live = Live.open(spool, new_header(env, spool, room=f"r{length}"))
        mirror = Mirror(live.session, Codec(items.encode, items.fingerprint, state))
        history = [
            ChatMessage(role="user", content=[f"n{n}"], created_at=time.time())
            for n in range(length)
        ]
        scan(mirror, live, history)
        looked = 0
        history.append(ChatMessage(role="user", content=["new"]))
        scan(mirror, live, history)
        counts[length] = looked
        await live.close("left")
    assert counts[2_000] == counts[100]
