"""What an application switches between two turns is switched again in the successor."""

import asyncio
from functools import partial
from itertools import count

import pytest
from livekit.agents import Agent, AgentSession, stt, tts
from livekit.agents.beta import Instructions
from livekit.agents.inference import TTS, VAD

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from unbroken.errors import JournalUnwritable
from unbroken.livekit import hooks
from unbroken.livekit.state import models, options
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log.entries import OptionsChanged
from unbroken.log.session import fold
from unbroken.recovery.report import NOT_COMPARED

KNOWN = {"api_key": "k", "api_secret": "s"}
RULES = [("", "You said {heard}.")]


class Speaks(tts.TTS):
    """A plugin's model of speech: it keeps its options as LiveKit's own plugins do."""

    def __init__(self, voice="amy", speed=1.0) -> None:
        capabilities = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=capabilities, sample_rate=24_000, num_channels=1)
        self._opts = {"voice": voice, "speed": speed}
        self.told: list[dict] = []

    def update_options(self, *, voice=None, speed=None, api_key=None, style=None) -> None:
        given = {"voice": voice, "speed": speed, "api_key": api_key, "style": style}
        self.told.append({name: value for name, value in given.items() if value is not None})
        self._opts |= self.told[-1]

    def synthesize(self, text, *, conn_options=None):
        raise NotImplementedError


class Hears(stt.STT):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.language, self._region = "en", "eu"

    def update_options(self, *, language="", region="", client=None) -> None:
        self.language, self._region = language or self.language, region or self._region

    async def _recognize_impl(self, buffer, *, language=None, conn_options=None):
        raise NotImplementedError


def new_session(**given):
    return AgentSession(llm=ScriptedLLM(RULES), **given)


@pytest.fixture
async def start(env, spool):
    made = []

    async def first(agent=None, **given):
        agent = agent or Agent(instructions="x")
        made.append(await Holder.first(env, spool, agent, RULES, session=new_session(**given)))
        return made[-1]

    async def after(dead, agent=None, **given):
        agent = agent or Agent(instructions="x")
        made.append(await dead.successor(agent, session=new_session(**given)))
        return made[-1]

    first.after = after
    yield first
    for holder in made:
        await holder.close()


def dies(holder):
    """From here on it writes nothing."""
    holder.hooks.scan = lambda: None


DIRECTIONS = {
    "tts_instructions_template": Instructions("Whisper. {tts.markup.llm_instructions}", text="No."),
    "speech_steering": {"disfluencies": False},
}
SWITCHES = {
    "transcription off": lambda s: s.output.set_transcription_enabled(False),
    "ears off": lambda s: s.input.set_audio_enabled(False),
    "eyes off": lambda s: s.input.set_video_enabled(False),
    "voice off": lambda s: s.output.set_audio_enabled(False),
    "push to talk": lambda s: s.update_options(turn_detection="manual"),
    "patience": lambda s: s.update_options(endpointing_opts={"max_delay": 9.0}),
    "expression": lambda s: s.update_options(expressive=True),
    "directions": lambda s: s.update_options(expressive=DIRECTIONS),
    "words": lambda s: s.update_options(keyterms=["Ada", "Lovelace"]),
}
CHANGES = {
    "the agent's expression": lambda s: s.current_agent.update_options(expressive=False),
    "the agent's directions": lambda s: s.current_agent.update_options(expressive=DIRECTIONS),
    "no voice": lambda s: s.current_agent.update_options(tts=None),
    "no vad": lambda s: s.current_agent.update_options(vad=None),
    "vad": lambda s: s.vad.update_options(min_silence_duration=0.4),
    "no interruptions": lambda s: s.options.interruption.update(enabled=False),
    "away": lambda s: setattr(s.options, "user_away_timeout", 60.0),
    "steps": lambda s: setattr(s.options, "max_tool_steps", 7),
    "the agent's turns": lambda s: setattr(s.current_agent, "turn_detection", "manual"),
    "LiveKit's choice of turns": lambda s: setattr(s.current_agent, "turn_detection", None),
    "last words": lambda s: setattr(s.options, "transcription_timeout", 2.5),
    "aligned": lambda s: setattr(s.options, "use_tts_aligned_transcript", False),
    "markdown": lambda s: setattr(s.options, "tts_text_transforms", ["filter_markdown"]),
    "raw text": lambda s: setattr(s.options, "tts_text_transforms", None),
    "long turns": lambda s: s.options.turn_handling["user_turn_limit"].update(max_words=40),
    "voice": lambda s: s.tts.update_options(voice="bob"),
}


def read(holder):
    return options.read(holder.session, {holder.key: holder.agent})


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
async def test_a_switch_is_in_the_log_at_once(start, switch):
    first = await start()
    await first.say("hi")
    before = read(first)
    switch(first.session)
    dies(first)
    assert read(first) != before
    after = await start.after(first)
    assert read(after) == read(first)
    assert after.report["options"] == "exact"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_changes_without_a_word_is_in_the_log_within_a_beat(start, monkeypatch, change):
    monkeypatch.setattr(hooks, "LOOK_S", 0.02)
    first = await start(tts=Speaks())
    await first.say("hi")
    change(first.session)
    async with asyncio.timeout(60):
        while not first.live.session.options:
            await asyncio.sleep(0.01)
    dies(first)
    after = await start.after(first, tts=Speaks())
    assert read(after) == read(first)
    assert after.report["options"] == "exact"


async def test_nothing_is_written_while_nothing_changes(start, monkeypatch):
    monkeypatch.setattr(hooks, "LOOK_S", 0.01)
    first = await start(tts=Speaks())
    await first.say("hi")
    written = first.live.journal.appended
    await asyncio.sleep(0.2)
    assert first.live.journal.appended == written


async def test_settings_of_models_are_told_to_the_new_ones_and_only_what_was_changed(start):
    first = await start(tts=Speaks(), stt=Hears())
    first.session.tts.update_options(speed=1.5, style="calm", api_key="secret")
    first.session.stt.update_options(language="ar", region="me")
    await first.say("hi")
    assert first.live.session.options == {
        "tts.speed": 1.5,
        "tts.style": "calm",
        "stt.language": "ar",
        "stt.region": "me",
    }
    newer = Speaks(voice="carol")
    after = await start.after(first, tts=newer, stt=Hears())
    assert newer.told == [{"speed": 1.5}, {"style": "calm"}]
    assert newer._opts == {"voice": "carol", "speed": 1.5, "style": "calm"}
    assert (after.session.stt.language, after.session.stt._region) == ("ar", "me")
    assert after.report["options"] == "exact"


async def test_an_agents_own_models_are_told_too(start):
    def agent():
        return Agent(instructions="x", tts=Speaks())

    first = await start(agent())
    first.agent.tts.update_options(voice="bob")
    await first.say("hi")
    after = await start.after(first, agent())
    assert after.agent.tts._opts["voice"] == "bob"
    assert first.live.session.options == {"tts.voice of Agent": "bob"}


async def test_a_setting_that_cannot_be_put_back_is_named_and_costs_no_other(start):
    class Stubborn(Speaks):
        def update_options(self, **_given) -> None:
            raise RuntimeError("not now")

    first = await start(tts=Speaks(), stt=Hears())
    first.session.tts.update_options(voice="bob")
    first.session.stt.update_options(language="ar")
    await first.say("hi")
    after = await start.after(first, tts=Stubborn(), stt=Hears())
    assert after.report["options"] == "degraded: not as it was: tts.voice"
    assert after.session.stt.language == "ar"
    without = await start.after(first)
    assert without.report["options"] == "degraded: not as it was: stt.language, tts.voice"


class Unconnected(Speaks):
    """Says nothing of itself before it is connected, and has a setting that equals nothing."""

    connected = False

    def update_options(self, *, voice=None, odd=None) -> None:
        super().update_options(voice=voice)

    @property
    def odd(self):
        return Odd()

    @property
    def model(self):
        if not self.connected:
            raise RuntimeError("not connected")
        return "sonic"


class Odd:
    def __eq__(self, other):
        raise ValueError("ambiguous")

    __hash__ = None


async def test_a_model_that_says_nothing_of_itself_stops_no_start(start):
    first = await start(tts=Unconnected())
    first.session.tts.update_options(voice="bob")
    await first.say("hi")
    after = await start.after(first, tts=Unconnected())
    assert after.session.tts._opts["voice"] == "bob"
    assert after.report["options"] == "exact"


async def test_a_model_that_is_named_only_later_is_not_taken_for_the_one_before(start):
    first = await start(tts=Unconnected())
    first.session.tts.connected = True
    await first.say("hi")
    after = await start.after(first, tts=Unconnected())
    assert after.report["options"] == "degraded: not as it was: models of Agent"


def test_settings_of_a_model_whose_signature_nobody_knows_are_none():
    class Native(Speaks):
        update_options = dict.update

    assert models.settings(Native()) == {}


async def test_options_that_cannot_be_read_stop_no_start(start, monkeypatch):
    monkeypatch.setattr(options, "read", None)
    first = await start()
    await first.say("hi")
    after = await start.after(first)
    assert after.report["options"] == f"missing: {NOT_COMPARED}"


@pytest.mark.parametrize(
    "swap", [{"tts": Speaks}, {"vad": partial(VAD, model="silero")}], ids=["tts", "vad"]
)
async def test_a_model_that_was_given_to_an_agent_is_not_taken_for_the_sessions(start, swap):
    first = await start(tts=Speaks())
    first.agent.update_options(**{kind: make() for kind, make in swap.items()})
    await first.say("hi")
    after = await start.after(first, tts=Speaks())
    assert after.report["options"] == "degraded: not as it was: models of Agent"


async def test_what_turns_and_texts_go_through_is_named_where_it_is_an_object(start):
    class Detector:
        """One that an application made at run time."""

    first = await start()
    first.agent._turn_detection = Detector()
    first.session.options.tts_text_transforms = [lambda text: text]
    await first.say("hi")
    after = await start.after(first)
    degraded = "degraded: not as it was: tts text transforms, turn detection of Agent"
    assert after.report["options"] == degraded


async def test_options_of_an_agent_that_is_not_here_wait_for_it(start):
    first = await start()
    other = Agent(instructions="y", tts=Speaks())
    first.session.update_agent(other)
    await first.say("hi")
    other.tts.update_options(voice="bob")
    await first.say("hi")
    first.session.update_agent(Agent(instructions="z"))
    await first.say("hi")
    after = await start.after(first)
    assert after.report["options"] == "exact"


WRONG = {
    "options": {"turn detection": "manual", "keyterms": ["nobody"]},
    "instructions of Agent": {"instructions of Agent": "You are somebody else."},
    "tools of Agent": {"tools of Agent": ["nothing"]},
}


@pytest.mark.parametrize("field", WRONG)
async def test_what_the_log_has_otherwise_is_written_whole_at_once_and_counted(start, field):
    first = await start()
    await first.say("hi")
    first.live.record(OptionsChanged(WRONG[field]))
    logged = first.logged()
    assert not logged.differing
    assert logged.notes[WRITTEN_WHOLE] == {"count": 1, "field": field}
    assert all(logged.options[name] != wrong for name, wrong in WRONG[field].items())
    await first.say("and more")
    assert first.logged().notes[WRITTEN_WHOLE]["count"] == 1
    after = await start.after(first)
    assert after.report[field] == "exact"


async def test_what_a_newer_version_brings_is_no_change_of_the_call(start):
    first = await start(tts=Speaks())
    first.session.tts.update_options(voice="bob")
    await first.say("hi")
    after = await start.after(first, Agent(instructions="New."))  # and nobody who speaks
    await after.say("more")
    logged = after.logged()
    assert WRITTEN_WHOLE not in logged.notes
    assert logged.options == {"tts.voice": "bob"}


def fails_at_first(read):
    reads = count()

    def not_yet(*of):
        if not next(reads):
            raise RuntimeError("not connected")
        return read(*of)

    return not_yet


async def test_what_a_start_could_not_read_is_no_change_of_the_call(start, monkeypatch):
    first = await start(tts=Speaks())
    first.session.tts.update_options(voice="bob")
    await first.say("hi")
    monkeypatch.setattr(options, "read", fails_at_first(options.read))
    after = await start.after(first, Agent(instructions="New."))  # and nobody who speaks
    await after.say("more")
    logged = after.logged()
    assert logged.options == {"tts.voice": "bob"}
    assert logged.folded("instructions of Agent") == "New."
    assert WRITTEN_WHOLE not in logged.notes


TERMS = [f"keyterm {n}" for n in range(20_000)]


async def test_more_keyterms_than_an_entry_holds_are_neither_safe_nor_exact(start):
    first = await start()
    first.session.update_options(keyterms=["Ada"])
    first.session.update_options(keyterms=TERMS, endpointing_opts={"max_delay": 9.0})
    await first.say("hi")
    assert not await first.live.durable("process", timeout_s=0.05)
    assert "options is not stored as it is: keyterms: " in first.live.lag.degraded
    logged = first.logged()
    assert (logged.options["keyterms"], logged.skipped) == (["Ada"], [])
    assert WRITTEN_WHOLE not in logged.notes
    after = await start.after(first)
    assert after.report["options"] == "degraded: not recorded as it was"
    assert after.session.options.endpointing_overrides["max_delay"] == 9.0
    first.session.update_options(keyterms=["Lovelace"])
    assert await first.live.durable("process")
    assert first.logged().options["keyterms"] == ["Lovelace"]
    assert not first.logged().differing


async def test_keyterms_that_were_never_stored_are_not_exact_either(start):
    first = await start()
    first.session.update_options(keyterms=TERMS)
    await first.say("hi")
    after = await start.after(first)
    assert after.report["options"] == "degraded: not recorded as it was"


async def test_keyterms_that_were_never_stored_are_not_exact_behind_a_failed_read(
    start, monkeypatch
):
    first = await start()
    first.session.update_options(keyterms=TERMS)
    await first.say("hi")
    monkeypatch.setattr(options, "read", fails_at_first(options.read))
    first.hooks.scan()
    dies(first)
    assert first.logged().differing == {"options"}


async def written_again(first, lost=None):
    """The log, once a switch is in it again: entry `lost` is not."""
    async with asyncio.timeout(60):
        while WRITTEN_WHOLE not in first.live.session.notes:
            await asyncio.sleep(0.01)
    logged = fold([entry for n, entry in enumerate(first.entries(), 1) if n != lost])
    assert logged.options == {"turn detection": "manual"}
    assert logged.notes[WRITTEN_WHOLE] == {"count": 1, "field": "options"}
    assert not logged.differing


async def test_a_switch_that_a_full_disk_lost_is_written_again(start, monkeypatch):
    monkeypatch.setattr(hooks, "LOOK_S", 0.02)
    first = await start()
    await first.say("hi")
    append, refused = first.live.journal.append, []

    def refuse_once(kind, *given, **also):
        if not refused:
            refused.append(kind)
            raise JournalUnwritable("the disk takes nothing")
        return append(kind, *given, **also)

    monkeypatch.setattr(first.live.journal, "append", refuse_once)
    first.session.update_options(turn_detection="manual")
    assert (refused, first.live.lost) == (["options_changed"], 1)
    await written_again(first)
    after = await start.after(first)
    assert after.session.turn_detection == "manual"
    assert after.report["options"] == "exact"


async def test_a_switch_that_is_lost_behind_its_digest_is_written_again(start, monkeypatch):
    monkeypatch.setattr(hooks, "LOOK_S", 0.02)
    first = await start()
    await first.say("hi")
    n = first.live.journal.appended + 1
    first.session.update_options(turn_detection="manual")
    first.hooks.scan()
    assert first.entries()[n - 1][0] == "options_changed"
    first.live.ack.lose(n)
    await written_again(first, lost=n)


def test_settings_of_livekits_own_model_can_be_read_and_told():
    model = TTS("cartesia/sonic-3", voice="amy", **KNOWN)
    models.put_back(model, "voice", "bob")
    assert models.settings(model)["voice"] == "bob"
    assert not {"api_key", "api_secret"} & models.settings(model).keys()
