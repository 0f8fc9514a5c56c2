"""An `on_enter` that waits for what it says, and is killed there, does what comes behind it."""

import asyncio

import pytest
from livekit.agents import NOT_GIVEN, Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from tests.livekit.speaking import Speaker, Voice, flying, go_on, said, until
from unbroken.recovery.plan import Answer, Resume, Silent

WELCOME, QUESTION = "Welcome to the shop. Here we go.", "What is your name?"
RULES = [("", "You said {heard}.")]


class Welcoming(Agent):
    """Waits for its words."""

    def __init__(self, *, by_model: bool = False, then=None) -> None:
        llm = ScriptedLLM([("", WELCOME)]) if by_model else NOT_GIVEN
        super().__init__(instructions="shop", llm=llm)
        self.welcomed = 0
        self._by_model, self._then = by_model, then

    async def on_enter(self) -> None:
        self.session.userdata["entered"] += 1
        if self._by_model:
            await self.session.generate_reply()
        else:
            await self.session.say(WELCOME)
        self.welcomed += 1
        await self.session.say(QUESTION)
        self.session.userdata["asked"] = True
        if self._then:
            await self._then()


def session_of(**given) -> AgentSession:
    return AgentSession(llm=ScriptedLLM(RULES), userdata={"entered": 0}, **given)


async def holder_of(env, spool, agent):
    session = session_of(tts=Voice())
    speaker = session.output.audio = Speaker()
    holder = await Holder.first(env, spool, agent, RULES, session=session)
    await until(speaker.is_playing.is_set, "the welcome")
    return holder, speaker


async def next_words(speaker) -> None:
    await speaker.finish()
    await until(speaker.is_playing.is_set, "the next words")


def heard(holder, text: str) -> None:
    holder.hooks.in_flight.heard(text)
    holder.hooks.in_flight.mark()


def words(session) -> list[str]:
    return [text for _, text in said(session)]


async def over(agent, session) -> None:
    await until(lambda: session.userdata.get("asked") and agent.welcomed, "its end")
    await asyncio.sleep(0.05)  # whatever it should not do


@pytest.mark.parametrize("by_model", [False, True])
async def test_what_comes_behind_cut_words_is_done_once(env, spool, by_model):
    holder, _ = await holder_of(env, spool, Welcoming(by_model=by_model))
    if by_model:
        await until(lambda: flying(holder) and not flying(holder).speech.goes_on, "all written")
    heard(holder, "Welcome to the shop. Here ")
    after = await go_on(holder, agent := Welcoming(by_model=by_model), session_of())
    await over(agent, after.session)
    assert words(after.session) == ["Welcome to the shop. Here", "Here we go.", QUESTION]
    assert (after.plan, agent.welcomed) == (Silent(), 1)
    assert after.session.userdata == {"entered": 1, "asked": True}
    await after.close()


async def test_words_that_were_heard_are_not_said_again(env, spool):
    holder, speaker = await holder_of(env, spool, Welcoming())
    await next_words(speaker)
    heard(holder, "What is ")
    after = await go_on(holder, agent := Welcoming(), session_of())
    await over(agent, after.session)
    assert words(after.session) == [WELCOME, "What is", QUESTION]
    assert agent.welcomed == 1
    assert after.session.userdata == {"entered": 1, "asked": True}
    await after.close()


async def test_words_that_nobody_heard_are_said_anew(env, spool):
    holder, speaker = await holder_of(env, spool, Welcoming())
    await next_words(speaker)
    holder.hooks.in_flight.mark()
    after = await go_on(holder, agent := Welcoming(), session_of())
    await over(agent, after.session)
    assert words(after.session) == [WELCOME, QUESTION]
    assert agent.welcomed == 1
    await after.close()


async def test_it_is_gone_into_after_every_kill(env, spool):
    holder, _ = await holder_of(env, spool, Welcoming())
    heard(holder, "Welcome to the shop. Here ")
    session = session_of(tts=Voice())
    speaker = session.output.audio = Speaker()
    between = await go_on(holder, Welcoming(), session)
    between.hooks.attach_audio()
    await until(speaker.is_playing.is_set, "the rest")
    await next_words(speaker)
    heard(between, "What is ")
    after = await go_on(between, agent := Welcoming(), session_of())
    await over(agent, after.session)
    assert words(after.session)[-2:] == ["What is", QUESTION]
    assert WELCOME not in words(after.session)
    assert agent.welcomed == 1
    assert after.session.userdata == {"entered": 1, "asked": True}
    await after.close()


async def test_one_that_is_over_is_over(env, spool):
    done: list[str] = []

    async def then() -> None:
        done.append("it")

    holder, speaker = await holder_of(env, spool, agent := Welcoming(then=then))
    await next_words(speaker)
    await speaker.finish()
    await over(agent, holder.session)
    after = await go_on(holder, agent := Welcoming(then=then), session_of())
    await asyncio.sleep(0.05)
    assert done == ["it"]
    assert (words(after.session), agent.welcomed) == ([WELCOME, QUESTION], 1)
    assert after.plan == Silent()
    await after.close()


async def test_one_that_failed_is_over(env, spool):
    done: list[str] = []

    async def fails() -> None:
        raise RuntimeError("the shop is closed")

    async def then() -> None:
        done.append("again")

    holder, speaker = await holder_of(env, spool, agent := Welcoming(then=fails))
    await next_words(speaker)
    await speaker.finish()
    await over(agent, holder.session)
    after = await go_on(holder, Welcoming(then=then), session_of())
    await asyncio.sleep(0.05)
    assert (words(after.session), done, after.plan) == ([WELCOME, QUESTION], [], Silent())
    await after.close()


async def test_what_a_person_is_answered_meanwhile_is_no_word_of_its_own(env, spool):
    holder, speaker = await holder_of(env, spool, Welcoming(then=asyncio.Event().wait))
    await next_words(speaker)
    await speaker.finish()
    holder.session.generate_reply(user_input="hello. You")
    await until(speaker.is_playing.is_set, "the answer")
    await until(lambda: flying(holder).speech and not flying(holder).speech.goes_on, "written")
    heard(holder, "You said hello. ")
    after = await go_on(holder, agent := Welcoming(), session_of())
    await over(agent, after.session)
    assert after.plan == Resume()
    assert words(after.session)[-2:] == ["You said hello.", "You."]
    assert agent.welcomed == 1
    assert words(after.session).count(QUESTION) == 1
    await after.close()


async def test_a_question_meanwhile_is_answered(env, spool):
    holder, speaker = await holder_of(env, spool, Welcoming(then=asyncio.Event().wait))
    await next_words(speaker)
    await speaker.finish()
    holder.session.generate_reply(user_input="hello")
    await until(lambda: "hello" in words(holder.session), "heard")
    after = await go_on(holder, agent := Welcoming(), session_of())
    assert after.plan == Answer()
    await until(lambda: words(after.session)[-1] == "You said hello.", "answered")
    assert (agent.welcomed, words(after.session).count(QUESTION)) == (1, 1)
    await after.close()
