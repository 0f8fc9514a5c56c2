"""A question that was asked before a kill is answered behind it, whatever was being said
meanwhile; what was said once is not said again."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from tests.livekit.realtime import Realtime
from tests.livekit.speaking import Speaker, Voice, flying, go_on, said, until
from unbroken.recovery.plan import Answer, Resume, Silent

FILLER = "Let me look that up for you."
RULES = [("price", {"tool": "look_up", "arguments": {}}), ("", "You said {heard}.")]
ASKED = ("user", "what is the price")
ANSWERED = ("assistant", "It costs ten euros.")


class Shop(Agent):
    """Answers after a while, or at once in a successor."""

    not_durable = True

    def __init__(self, how: str = "", *, waits: bool = True) -> None:
        super().__init__(instructions="shop")
        self.how, self.waits = how, waits

    @function_tool
    async def look_up(self, context: RunContext) -> str:
        """Look the price up."""
        if self.how == "with_filler":
            async with context.with_filler(FILLER):
                await asyncio.sleep(60)
        if self.how in ("said", "aside"):
            context.session.say(FILLER, add_to_chat_ctx=self.how == "said")
        if self.waits:
            await asyncio.sleep(60)
        return "It costs ten euros."


class Slow(ScriptedLLM):
    """Has written half of its answer."""

    def chat(self, **given: Any) -> Any:
        stream = super().chat(**given)

        async def run() -> None:
            stream._say("It costs")
            await asyncio.sleep(60)

        stream._run = run
        return stream


async def holder_of(env, spool, agent, model=None):
    session = AgentSession[Any](llm=model or ScriptedLLM(RULES), tts=Voice())
    speaker = session.output.audio = Speaker()
    holder = await Holder.first(env, spool, agent, RULES, session=session)
    holder.hooks.attach_audio()
    return holder, speaker


def quick() -> AgentSession[Any]:
    return AgentSession(llm=ScriptedLLM(RULES))


async def successor_of(holder, agent=None):
    return await go_on(holder, agent or Shop(waits=False), quick())


async def answered(after) -> None:
    await until(lambda: said(after.session)[-1] == ANSWERED, "answered")


@pytest.mark.parametrize("how", ["said", "aside", "with_filler"])
@pytest.mark.parametrize("is_heard", [False, True])
async def test_a_question_behind_a_filler_is_answered(env, spool, how, *, is_heard):
    holder, speaker = await holder_of(env, spool, Shop(how))
    holder.session.generate_reply(user_input=ASKED[1])
    await until(speaker.is_playing.is_set, "the filler")
    if is_heard:
        await speaker.finish()
        await until(lambda: flying(holder).speech is None, "the item")
    else:
        holder.hooks.in_flight.mark()
    after = await successor_of(holder)
    assert after.plan == Answer()
    await answered(after)
    texts = said(after.session)
    assert (texts[0], texts[-1]) == (ASKED, ANSWERED)
    fillers = [text for _, text in texts if text == FILLER]
    assert fillers == ([FILLER] if is_heard and how != "aside" else [])
    await after.close()


async def test_what_was_heard_of_an_aside_stays_out_of_the_context(env, spool):
    holder, speaker = await holder_of(env, spool, Shop("aside"))
    holder.session.generate_reply(user_input=ASKED[1])
    await until(speaker.is_playing.is_set, "the filler")
    holder.hooks.in_flight.heard("Let me look ")
    holder.hooks.in_flight.mark()
    speech = flying(holder).speech
    assert (speech.is_said, speech.is_aside, speech.heard) == (True, True, "Let me look ")
    after = await successor_of(holder)
    await answered(after)
    assert said(after.session) == [ASKED, ANSWERED]
    await after.close()


@pytest.mark.parametrize("waits", [True, False])
async def test_a_question_behind_a_preamble_is_answered(env, spool, *, waits):
    holder, speaker = await holder_of(
        env, spool, Shop(waits=waits), ScriptedLLM(RULES, preamble=FILLER)
    )
    holder.session.generate_reply(user_input=ASKED[1])
    await until(speaker.is_playing.is_set, "the preamble")
    holder.hooks.in_flight.heard("Let me look ")
    holder.hooks.in_flight.mark()
    assert flying(holder).speech.goes_on
    after = await successor_of(holder)
    await answered(after)
    assert said(after.session) == [ASKED, ("assistant", "Let me look"), ANSWERED]
    wanted = {"history": "exact", "context of Shop": "exact"}
    assert {field: after.report[field] for field in wanted} == wanted
    await after.close()


async def heard_whole(holder, speaker) -> None:
    await until(speaker.is_playing.is_set, "what is said first")
    await speaker.finish()
    await until(lambda: flying(holder).speech is None, "its end")


def telling(rules=RULES) -> AgentSession[Any]:
    """Its model says the same before the same call."""
    return AgentSession(llm=ScriptedLLM(rules, preamble=FILLER))


async def test_a_preamble_that_was_heard_is_not_said_again(env, spool):
    holder, speaker = await holder_of(env, spool, Shop(), ScriptedLLM(RULES, preamble=FILLER))
    holder.session.generate_reply(user_input=ASKED[1])
    await heard_whole(holder, speaker)
    again = await go_on(holder, Shop(), telling())
    assert again.plan == Answer()
    after = await go_on(again, Shop(waits=False), telling())
    await answered(after)
    assert said(after.session) == [ASKED, ("assistant", FILLER), ANSWERED]
    await after.close()


@pytest.mark.parametrize("how", ["said", "aside"])
@pytest.mark.parametrize("is_cut", [False, True])
async def test_what_a_tool_said_is_not_said_again(env, spool, how, *, is_cut):
    holder, speaker = await holder_of(env, spool, Shop(how))
    holder.session.generate_reply(user_input=ASKED[1])
    if is_cut:
        await until(speaker.is_playing.is_set, "the filler")
        holder.hooks.in_flight.heard("Let me look ")
        holder.hooks.in_flight.mark()
    else:
        await heard_whole(holder, speaker)
    spoken: list[str] = []
    session = quick()
    session.on("speech_created", lambda event: spoken.append(event.source))
    after = await go_on(holder, Shop(how, waits=False), session)
    await answered(after)
    assert "say" not in spoken
    known = ("assistant", "Let me look" if is_cut else FILLER)
    assert said(after.session)[1:] == [known] * (how == "said") + [ANSWERED]
    await after.session.say(FILLER)  # in other code it is said
    assert said(after.session)[-1] == ("assistant", FILLER)
    await after.close()


async def test_a_tool_that_is_not_there_any_more_is_left_to_the_model(env, spool):
    holder, speaker = await holder_of(env, spool, Shop(), ScriptedLLM(RULES, preamble=FILLER))
    holder.session.generate_reply(user_input=ASKED[1])
    await heard_whole(holder, speaker)
    after = await go_on(holder, Agent(instructions="shop"), telling([("", "Ten.")]))
    await until(lambda: said(after.session)[-1] == ("assistant", "Ten."), "answered")
    await after.close()


async def test_an_answer_that_is_half_written_is_thought_again(env, spool):
    holder, _ = await holder_of(env, spool, Shop(), Slow(RULES))
    holder.session.generate_reply(user_input="hello")
    await until(lambda: said(holder.session) and flying(holder).is_owed, "the answer to be made")
    after = await successor_of(holder)
    await until(lambda: said(after.session)[-1] == ("assistant", "You said hello."), "answered")
    await after.close()


async def test_an_answer_that_is_being_said_is_said_to_its_end(env, spool):
    holder, speaker = await holder_of(env, spool, Shop())
    holder.session.generate_reply(user_input="hello. You")
    await until(speaker.is_playing.is_set, "the answer")
    holder.hooks.in_flight.heard("You said hello. ")
    await until(lambda: not flying(holder).speech.goes_on, "all of it written")
    after = await successor_of(holder)
    assert after.plan == Resume()
    await until(lambda: said(after.session)[-1] == ("assistant", "You."), "the rest")
    await after.close()


async def test_what_an_application_says_by_itself_is_said_to_its_end(env, spool):
    holder, speaker = await holder_of(env, spool, Shop())
    holder.session.say("Hello. Here is the shop.", add_to_chat_ctx=False)
    await until(speaker.is_playing.is_set, "the welcome")
    holder.hooks.in_flight.heard("Hello. Here ")
    holder.hooks.in_flight.mark()
    after = await successor_of(holder)
    assert (after.plan, after.facts.unheard) == (Resume(), "Here is the shop.")
    await asyncio.sleep(0.1)
    assert said(after.session) == []  # it stays out of the context
    await after.close()


@pytest.mark.parametrize("model", [ScriptedLLM, Realtime])
@pytest.mark.parametrize("asked", ["hello", ASKED[1]])
async def test_an_answer_that_was_heard_is_not_owed_when_its_item_comes(env, spool, asked, model):
    given = Realtime() if model is Realtime else ScriptedLLM(RULES)
    holder, speaker = await holder_of(env, spool, Shop(waits=False), given)
    owed, loop = [], asyncio.get_running_loop()

    def added(event: Any) -> None:
        if event.item.role == "assistant":  # look when all handlers of this event were called
            loop.call_soon(lambda: owed.append(flying(holder).is_owed))

    holder.session.on("conversation_item_added", added)
    reply = holder.session.generate_reply(user_input=asked)
    await until(speaker.is_playing.is_set, "the answer")
    assert flying(holder).is_owed
    await speaker.finish()
    await reply
    assert owed == [False]


async def test_with_nothing_said_or_promised_there_is_silence(env, spool):
    holder, speaker = await holder_of(env, spool, Shop())
    reply = holder.session.generate_reply(user_input="hello")
    await until(speaker.is_playing.is_set, "the answer")
    await speaker.finish()
    await reply
    await until(lambda: not flying(holder).is_owed, "all said")
    after = await successor_of(holder)
    assert after.plan == Silent()
    assert said(after.session) == [("user", "hello"), ("assistant", "You said hello.")]
    await after.close()
