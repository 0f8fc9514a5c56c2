"""A hundred callers speak to the assistant: is each wish met?

Their words are synthesised (three pitches of the voice, slow to fast), noise is laid over them, and
what the project's own speech recognition makes of it is answered by the written brain, in a real
AgentSession with the assistant's tools. Wishes and callers are those of tests/agents/wishes.py.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr
from livekit.agents import inference

from agents.speech.hibari import VOICE_RATE, HibariTTS
from agents.speech.moonshine import MoonshineSTT
from bench.report import Noise, Run
from tests.agents.sound import MIC_RATE, Pcm, error_rate, silence
from tests.agents.test_brain import talking
from tests.agents.test_conversation import say
from tests.agents.test_speech import events_of, finals
from tests.agents.wishes import SCRIPTS, Script, Table, is_met

MET_LEAST = 0.95
QUICK = 10
STEP = 7  # through the ways of speaking, so that neighbours differ in all
INT16_MAX = 32_767


class Manner(NamedTuple):
    """How somebody speaks, and where."""

    pitch: float
    pace: float
    noise_db: float | None  # of speech above noise; None: silence around

    def __str__(self) -> str:
        around = "quiet" if self.noise_db is None else f"noise {self.noise_db:.0f} dB below"
        return f"pitch {self.pitch}, pace {self.pace}, {around}"


MANNERS = tuple(
    Manner(*manner)
    for manner in itertools.product((0.9, 1.0, 1.12), (0.8, 1.0, 1.25), (None, 20.0, 12.0))
)


class Line:
    """Says a text in a manner, and gives what was heard."""

    def __init__(self) -> None:
        self.voice = HibariTTS()
        self.ears = MoonshineSTT(voice_activity=inference.VAD(min_silence_duration=0.3))

    async def hear(self, text: str, manner: Manner, seed: int) -> str:
        sound = self._speak(text, manner, seed)
        return " ".join(finals(await events_of(self.ears, sound)))

    def _speak(self, text: str, manner: Manner, seed: int) -> Pcm:
        voice = self.voice.voice(text, speed=manner.pace / manner.pitch, seed=seed)
        pitched = soxr.resample(voice, VOICE_RATE * manner.pitch, MIC_RATE)
        pcm = (np.clip(pitched, -1, 1) * INT16_MAX).astype(np.int16)
        sound = np.concatenate([silence(0.4), pcm, silence(1.0)])
        return sound if manner.noise_db is None else _noisy(sound, pcm, manner.noise_db, seed)


def _noisy(sound: Pcm, speech: Pcm, decibels: float, seed: int) -> Pcm:
    """Pink noise, as of a room with people and traffic, that far below the speech."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(sound)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, len(sound))
    loud = np.sqrt(np.mean(speech.astype(float) ** 2)) / 10 ** (decibels / 20)
    mixed = sound + noise / np.sqrt(np.mean(noise**2)) * loud
    return np.clip(mixed, -INT16_MAX, INT16_MAX).astype(np.int16)


async def call(
    line: Line, number: int, script: Script, folder: Path, *, seed: int
) -> dict[str, Any]:
    """One caller, from the greeting to the wish's fate. `seed` gives manners and noise."""
    manner = MANNERS[(number * STEP + seed) % len(MANNERS)]
    book = folder / f"{number}.sqlite"
    os.environ["UNBROKEN_BOOKINGS"] = str(book)
    turns: list[dict[str, str]] = []
    async with talking() as session:

        async def answer(said: str) -> str:
            heard = await line.hear(said, manner, seed=100_000 * seed + 1_000 * number + len(turns))
            reply = await say(session, heard) if heard else ""
            turns.append({"said": said, "heard": heard, "answer": reply})
            return reply

        met = await is_met(script, answer, book)
    return {"number": number, "manner": str(manner), "met": met, "turns": turns}


async def campaign(run: Run, scripts: Sequence[Script]) -> list[dict[str, Any]]:
    line, found = Line(), []
    with tempfile.TemporaryDirectory() as folder:
        for number, script in enumerate(scripts):
            found.append(await call(line, number, script, Path(folder), seed=run.seed or 0))
            last = found[-1]
            said = "" if last["met"] else f": {last['turns']}"
            run.say(f"{number} {'met' if last['met'] else 'NOT MET'} ({last['manner']}){said}")
    return found


def measure(run: Run) -> None:
    scripts = SCRIPTS[:: len(SCRIPTS) // QUICK] if run.is_quick else SCRIPTS
    with Noise.watched() as noise:
        calls = asyncio.run(campaign(run, scripts))
    met = [call for call in calls if call["met"]]
    heard = [(turn["said"], turn["heard"]) for call in calls for turn in call["turns"]]
    figures = {
        "callers": len(calls),
        "met": len(met),
        "utterances": len(heard),
        "misheard_words": round(error_rate(heard), 3),
        "calls": calls,
    }
    run.keep(figures, noise, _page(calls, figures, scripts))
    if len(met) < MET_LEAST * len(calls):
        raise SystemExit(f"only {len(met)} of {len(calls)} wishes were met")


def _page(
    calls: Sequence[dict[str, Any]], figures: dict[str, Any], scripts: Sequence[Script]
) -> str:
    tables = [call["met"] for call, s in zip(calls, scripts, strict=True) if isinstance(s, Table)]
    rows = [
        f"| {kind} | {sum(met)} of {len(met)} |"
        for kind, met in (
            ("a table", tables),
            ("anything else", [c["met"] for c in calls if c["number"] >= len(tables)]),
            ("slow", [c["met"] for c in calls if "pace 0.8" in c["manner"]]),
            ("fast", [c["met"] for c in calls if "pace 1.25" in c["manner"]]),
            ("noise 12 dB below the voice", [c["met"] for c in calls if "12 dB" in c["manner"]]),
        )
        if met
    ]
    failed = [f"- {c['manner']}: {c['turns'][0]['said']}" for c in calls if not c["met"]]
    return "\n".join(
        [
            (f"{figures['met']} of {figures['callers']} wishes were met, in "
            f"{figures['utterances']} utterances, of whose words speech recognition got "
            f"{100 * figures['misheard_words']:.1f} % wrong."),
            "", "| callers | wish met |", "|---|---|", *rows, "",
            *(["Not met:", "", *failed] if failed else []),
        ]
    )  # fmt: skip
