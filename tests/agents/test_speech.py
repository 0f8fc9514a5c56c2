"""Ears and voice: what the voice says is heard, and heard without delay."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from livekit.agents import stt
from livekit.agents.stt import SpeechEventType

from agents.brain.stories import STORIES
from agents.speech.hibari import (
    ONSET_S,
    SILENT_PEAK,
    VOICE_RATE,
    HibariTTS,
    without_leading_silence,
)
from agents.speech.moonshine import MoonshineSTT
from agents.speech.moonshine_tokens import decode
from tests.agents.sound import error_rate, frames, resampled, silence

SENTENCES = (
    "I would like to book a table for this evening.",
    "Please remember that my sister is allergic to nuts.",
    "What is the weather like in the mountains today?",
    "Could you read my notes back to me, please?",
    "The train to the city leaves in the early morning.",
    "Thank you very much for your help, goodbye.",
)


async def spoken(voice: HibariTTS, text: str) -> np.ndarray:
    """`text` as float samples at the voice's own rate, as callers get it."""
    heard = [audio.frame async for audio in voice.synthesize(text)]
    pcm = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in heard])
    return pcm.astype(np.float32) / 32_768


async def events_of(ears: MoonshineSTT, samples: np.ndarray) -> list[stt.SpeechEvent]:
    async with ears.stream() as stream:
        for frame in frames(samples):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]


def finals(events: Sequence[stt.SpeechEvent]) -> list[str]:
    kind = SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0].text for event in events if event.type == kind]


@pytest.mark.parametrize("story", STORIES)
async def test_a_story_takes_about_forty_seconds(voice: HibariTTS, story: str) -> None:
    assert 35 <= len(await spoken(voice, story)) / VOICE_RATE <= 55


async def test_what_the_voice_says_is_understood(voice: HibariTTS, ears: MoonshineSTT) -> None:
    pairs = []
    for sentence in SENTENCES:
        sound = resampled(await spoken(voice, sentence), VOICE_RATE)
        events = await events_of(ears, np.concatenate([silence(0.3), sound, silence(0.8)]))
        pairs.append((sentence, " ".join(finals(events))))
    assert error_rate(pairs) <= 0.10, pairs


async def test_two_sentences_apart_are_two_finals_in_order(
    voice: HibariTTS, ears: MoonshineSTT
) -> None:
    first, second = [resampled(await spoken(voice, s), VOICE_RATE) for s in SENTENCES[:2]]
    sound = np.concatenate([silence(0.3), first, silence(1.0), second, silence(1.0)])
    events = await events_of(ears, sound)
    assert error_rate(zip(SENTENCES[:2], finals(events), strict=True)) <= 0.10
    kinds = [event.type for event in events]
    assert kinds.count(SpeechEventType.START_OF_SPEECH) == 2
    assert kinds.count(SpeechEventType.END_OF_SPEECH) == 2


async def test_endless_speech_is_cut_into_segments_without_losing_words(
    voice: HibariTTS, ears: MoonshineSTT
) -> None:
    limited = MoonshineSTT(
        voice_activity=ears.voice_activity, model=ears._decode, segment_s_max=5.0
    )
    text = (
        "I would like to book a table for this evening and please remember that my sister is "
        "allergic to nuts and that the train to the city leaves in the early morning"
    )
    sound = resampled(await spoken(voice, text), VOICE_RATE)
    heard = finals(await events_of(limited, np.concatenate([sound, silence(0.8)])))
    assert len(heard) == int(len(sound) / 16_000 / 5) + 1
    assert error_rate([(text, " ".join(heard))]) <= 0.20  # a cut may fall into a word
    await limited.aclose()


async def test_silence_is_no_speech(ears: MoonshineSTT) -> None:
    assert await events_of(ears, silence(2.0)) == []


@pytest.mark.parametrize("text", ["Hello there.", "Your table is booked. Until Friday!"])
async def test_an_utterance_begins_with_sound(voice: HibariTTS, text: str) -> None:
    samples = await spoken(voice, text)
    audible = np.flatnonzero(np.abs(samples) * 32_768 >= SILENT_PEAK)
    assert audible[0] / VOICE_RATE <= ONSET_S + 0.001


@pytest.mark.parametrize("text", ["...", "—", "\U0001f44b"])
async def test_what_cannot_be_spoken_is_short_and_no_error(voice: HibariTTS, text: str) -> None:
    samples = await spoken(voice, text)
    assert 0 < len(samples) < VOICE_RATE


def test_only_the_leading_silence_is_cut() -> None:
    quiet, loud = np.zeros(VOICE_RATE, np.float32), np.full(100, 0.5, np.float32)
    cut = without_leading_silence(np.concatenate([quiet, loud, quiet]))
    assert len(cut) == int(ONSET_S * VOICE_RATE) + 100 + VOICE_RATE
    assert not without_leading_silence(quiet).size


async def test_the_same_text_is_the_same_sound(voice: HibariTTS) -> None:
    first, second = await asyncio.gather(*(spoken(voice, "Hello there.") for _ in range(2)))
    assert np.array_equal(first, second)


def test_tokens_are_joined_to_text() -> None:
    tokens = [b"<s>", b"\xe2\x96\x81Hi", b"<0xE2>", b"<0x82>", b"<0xAC>", b"!"]
    assert decode(tokens, [0, 1, 2, 3, 4, 5]) == "Hi€!"
