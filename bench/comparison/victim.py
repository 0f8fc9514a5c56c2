"""An agent that talks until it is killed, and tells what was said, before it keeps it."""

import asyncio
import logging
import random
from collections.abc import Callable

from bench.comparison.said import name_of, text
from bench.comparison.start import Start
from bench.comparison.talkers import Journaled, Places, talking

STT_S, LLM_S, TTS_S = 0.05, 0.5, 0.2
Tell = Callable[..., None]


def talk(tell: Tell, start: Start, way: str, room: str, places: Places) -> None:
    """Never returns: it has to be killed."""
    logging.disable()
    asyncio.run(_talk(tell, start, way, room, places))


async def _talk(tell: Tell, start: Start, way: str, room: str, places: Places) -> None:
    chance = random.Random(room)  # noqa: S311 - no secret
    async with talking(way, room, places) as talker:
        if isinstance(talker, Journaled):
            tell("session", str(talker.live.journal.header.new_session_id))
        start.wait()
        await asyncio.sleep(chance.uniform(0, STT_S + LLM_S + TTS_S))  # not all in step
        number = 0
        while True:
            question, answer = text(room, number), text(room, number + 1)
            await asyncio.sleep(STT_S)
            tell("said", name_of(question))
            await talker.heard(question)
            tell("kept")
            await asyncio.sleep(LLM_S)
            tell("said", name_of(answer))
            await talker.answered(question, answer)
            tell("kept")
            await asyncio.sleep(TTS_S)
            number += 2
