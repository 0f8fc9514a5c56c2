"""A shape with a speech-to-speech model: no text is written anywhere before it is heard."""

from livekit.agents import Agent

from tests.e2e.shapes.alone import STORY
from tests.e2e.shapes.shape import Shape, hum, speaking
from tests.livekit.realtime import RATE, Realtime
from unbroken.livekit.saying import GO_ON


class Talker(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Tell stories.")


def answer(heard: str, told: str | None) -> str:
    if told is not None:
        return told.removeprefix(GO_ON.format(text=""))
    return STORY if "story" in heard else f"You said {heard}."


REALTIME = Shape(
    name="realtime",
    what="speaks by a realtime model, without a voice of its own",
    first=Talker,
    session=lambda: {"llm": Realtime(answer, lambda text: hum(text, RATE)), "tts": None},
    talk=(("Hello there.", "You said Hello there"),),
    last="Tell me a story.",
    killed="in the middle of an answer",
    at=speaking("The light went"),
    back="nothing else is kept by it; the report names the model's audio, which nobody can have",
    told="the rest of the sentence, by the model",
    said=r"boat found its way home",
    then=(("And then?", "You said And then"),),
)
