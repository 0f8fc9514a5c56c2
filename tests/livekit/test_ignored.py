"""Words that the application, or LiveKit, has chosen to ignore are not in the mark: a successor
neither answers them nor writes them down."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, StopResponse

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from tests.livekit.speaking import Ears, Microphone, Speaker, Voice, flying, go_on, said, until
from unbroken.recovery.plan import Answer, Silent

RULES = [("", "You said {heard}.")]


class Listener(Agent):
    """Answers only to its name; fails on what it cannot bear."""

    def __init__(self) -> None:
        super().__init__(instructions="x")

    async def on_user_turn_completed(self, _context: Any, new_message: Any) -> None:
        text = new_message.text_content
        if "bad" in text:
            raise ValueError("the application's own")
        if "robot" not in text:
            raise StopResponse


async def listening(env, spool, agent, **given: Any) -> Holder:
    ears = Ears()
    session = AgentSession[Any](
        llm=ScriptedLLM(RULES), stt=ears, turn_handling={"turn_detection": "stt"}, **given
    )
    session.input.audio = Microphone()
    holder = await Holder.first(env, spool, agent, RULES, session=session)
    holder.hear = ears.said.put_nowait
    return holder


def transcripts(holder: Holder) -> tuple[str, ...]:
    mark = flying(holder)
    return mark.transcripts if mark else ()


async def successor_of(holder: Holder) -> Holder:
    agent = type(holder.agent)()
    return await go_on(holder, agent, AgentSession(llm=ScriptedLLM(RULES)))


@pytest.mark.parametrize("words", ["did you see the match", "bad words"])
async def test_a_turn_that_was_stopped_stays_ignored(env, spool, words):
    holder = await listening(env, spool, Listener())
    holder.hear("robot hello")
    await until(lambda: len(said(holder.session)) == 2, "answered")
    holder.hear(words)
    await until(lambda: words in transcripts(holder), "heard")
    await until(lambda: not transcripts(holder), "ignored")
    before = said(holder.session)
    after = await successor_of(holder)
    assert (after.plan, said(after.session)) == (Silent(), before)
    await holder.session.aclose()
    await after.close()


async def test_words_that_were_cleared_stay_ignored(env, spool):
    holder = await listening(env, spool, Listener())
    holder.session.update_options(turn_detection="manual")
    holder.hear("um forget that")
    await until(lambda: transcripts(holder), "heard")
    holder.session.clear_user_turn()
    after = await successor_of(holder)
    assert (after.plan, said(after.session)) == (Silent(), [])
    await holder.session.aclose()
    await after.close()


async def test_words_over_a_line_that_may_not_be_interrupted_are_livekits_to_ignore(env, spool):
    holder = await listening(env, spool, Listener(), tts=Voice())
    speaker = holder.session.output.audio = Speaker()
    holder.session.say("This call is recorded.", allow_interruptions=False)
    await until(speaker.is_playing.is_set, "the line")
    heard = []
    holder.session.on("user_input_transcribed", heard.append)
    holder.hear("robot who are you")
    await until(lambda: heard, "heard")
    assert transcripts(holder) == ()
    await holder.session.aclose()


async def test_words_of_an_open_turn_are_kept_and_answered(env, spool):
    holder = await listening(env, spool, Listener())
    holder.session.update_options(turn_detection="manual")
    for words in ("half a", "sentence"):
        holder.hear(words)
        await until(lambda words=words: words in transcripts(holder), "heard")
    after = await successor_of(holder)
    assert after.plan == Answer()
    await until(lambda: len(said(after.session)) == 2, "answered")
    assert said(after.session) == [
        ("user", "half a sentence"), ("assistant", "You said half a sentence.")
    ]  # fmt: skip
    await holder.session.aclose()
    await after.close()


async def test_words_that_were_committed_without_a_reply_get_none(env, spool):
    holder = await listening(env, spool, Listener())
    holder.session.update_options(turn_detection="manual")
    holder.hear("robot write this down")
    await until(lambda: transcripts(holder), "heard")
    await holder.session.commit_user_turn(skip_reply=True, transcript_timeout=0.1)
    written = ("user", "robot write this down")
    await until(lambda: written in said(holder.session), "committed")
    after = await successor_of(holder)
    assert (after.plan, said(after.session)) == (Silent(), [written])
    await holder.session.aclose()
    await after.close()


async def test_silence_that_was_committed_without_a_reply_is_not_the_next_turn(env, spool):
    holder = await listening(env, spool, Listener())
    holder.session.update_options(turn_detection="manual")
    assert not await holder.session.commit_user_turn(skip_reply=True, transcript_timeout=0.1)
    holder.hear("robot hello")
    await until(lambda: transcripts(holder), "heard")
    await holder.session.commit_user_turn(transcript_timeout=0.1)
    await until(lambda: len(said(holder.session)) == 2, "answered")
    (asked,) = [p for p in holder.live.session.placed.values() if p.item.get("role") == "user"]
    assert not asked.skip_reply
    await holder.session.aclose()


class Slow(Listener):
    """Looks something up before it knows whether it is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.looked_up = asyncio.Event(), asyncio.Event()

    async def on_user_turn_completed(self, context: Any, new_message: Any) -> None:
        self.begun.set()
        await self.looked_up.wait()
        await super().on_user_turn_completed(context, new_message)


async def test_words_whose_turn_is_being_completed_are_answered_once(env, spool):
    holder = await listening(env, spool, agent := Slow())
    holder.hear("robot hello")
    await until(agent.begun.is_set, "being completed")
    assert said(holder.session) == []
    after = await successor_of(holder)
    assert after.plan == Answer()
    answered = [("user", "robot hello"), ("assistant", "You said robot hello.")]
    await until(lambda: said(after.session) == answered, "answered")
    await asyncio.sleep(0.3)
    assert said(after.session) == answered
    agent.looked_up.set()
    await holder.session.aclose()
    await after.close()


async def test_words_that_came_while_earlier_ones_were_being_ignored_are_answered(env, spool):
    holder = await listening(env, spool, agent := Slow())
    holder.hear("did you see the match")
    await until(agent.begun.is_set, "being completed")
    holder.hear("robot hello")
    await until(lambda: len(transcripts(holder)) == 2, "heard")
    agent.begun.clear()
    agent.looked_up.set()
    await until(lambda: len(said(holder.session)) == 2, "answered")
    assert said(holder.session)[0] == ("user", "robot hello")
    assert transcripts(holder) == ()
    after = await successor_of(holder)
    assert after.plan == Silent()
    await holder.session.aclose()
    await after.close()


async def test_words_that_a_slow_hook_has_stopped_stay_ignored(env, spool):
    holder = await listening(env, spool, agent := Slow())
    holder.hear("did you see the match")
    await until(agent.begun.is_set, "being completed")
    agent.looked_up.set()
    await until(lambda: transcripts(holder) == (), "ignored")
    after = await successor_of(holder)
    assert (after.plan, said(after.session)) == (Silent(), [])
    await holder.session.aclose()
    await after.close()
