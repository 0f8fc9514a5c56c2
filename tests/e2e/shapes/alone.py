"""Shapes with one agent."""

from collections.abc import AsyncIterable
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    JobContext,
    UserStateChangedEvent,
    function_tool,
)
from livekit.agents.beta import Instructions
from livekit.agents.beta.tools import EndCallTool
from livekit.agents.llm import ChatContext, Toolset

from tests.e2e.shapes.shape import Shape, Tone, listening, speaking

STORY = (
    "Once there was a lighthouse. The light went round all night. The sea was dark and wide. "
    "A boat found its way home."
)


# A basic agent: greets, answers, has a tool.


class Basic(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be short and friendly.")

    async def on_enter(self) -> None:
        self.session.say("Hello, what can I do for you?")

    @function_tool
    async def weather(self, place: str) -> str:
        """What the weather is like."""
        return f"It is sunny in {place}."


BASIC = Shape(
    name="basic",
    what="greets, answers, looks something up",
    first=Basic,
    rules=(
        ("weather", {"tool": "weather", "arguments": {"place": "Delft"}}),
        ("story", STORY),
        ("", "You said {heard}."),
    ),
    greets="do for you",
    talk=(("What is the weather like?", "sunny in Delft"),),
    last="Tell me a story.",
    killed="in the middle of a sentence",
    at=speaking("The light went"),
    back="nothing else is kept by it",
    told="the rest of the sentence",
    said=r"boat found its way home",
    then=(("And the weather?", "sunny in Delft"),),
)


# Attributes on the agent itself: a house that it controls.


class House(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You control a house.")
        self.light_on = False
        self.rooms: dict[str, int] = {}

    @function_tool
    async def turn_on(self, room: str) -> str:
        """Turn the light on."""
        self.light_on = True
        self.rooms[room] = self.rooms.get(room, 0) + 1
        return f"The light is on in {len(self.rooms)} room, {self.rooms[room]} times."

    @function_tool
    async def check(self) -> str:
        """Whether the light is on."""
        return f"The light is {'on' if self.light_on else 'off'}."


ATTRIBUTES = Shape(
    name="attributes",
    what="keeps its state on the agent itself (`self.light_on`)",
    first=House,
    rules=(
        ("turn", {"tool": "turn_on", "arguments": {"room": "kitchen"}}),
        ("is it", {"tool": "check"}),
        ("", "All right."),
    ),
    talk=(("Turn it on.", "light is on"),),
    killed="when a tool had changed it",
    at=listening,
    back="`light_on` and a dict of its own",
    told="nothing, until it is asked",
    then=(("Is it on?", "light is on"), ("Turn it on again.", "2 times")),
)


# Retrieved text that stands only in the context.


class Retrieving(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Answer from what was found.")

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: Any) -> None:
        found = f"Found: the office opens at nine ({new_message.text_content})."
        turn_ctx.add_message(role="assistant", content=found)
        context = self.chat_ctx.copy()
        context.add_message(role="system", content=found)
        await self.update_chat_ctx(context)


RETRIEVAL = Shape(
    name="retrieval",
    what="puts retrieved text into its context before each reply",
    first=Retrieving,
    rules=(("open", STORY), ("", "Yes.")),
    talk=(("When do you open today?", "way home"),),
    last="When do you open tomorrow?",
    killed="while it answers from what it found",
    at=speaking("The light went"),
    back="each retrieved text, in its place in the context",
    told="the rest of the sentence",
    said="boat found its way home",
    then=(("Are you sure?", "Yes"),),
)


# Tools that come and go.


@function_tool
async def open_safe() -> str:
    """Open the safe."""
    return "The safe is open."


class Guard(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Guard the safe.", tools=[open_safe])

    @function_tool
    async def lock(self) -> str:
        """Take the key away."""
        await self.update_tools([tool for tool in self.tools if tool.id != "open_safe"])
        return "The key is away."


DYNAMIC_TOOLS = Shape(
    name="dynamic-tools",
    what="takes a tool away from itself at run time",
    first=Guard,
    rules=(
        ("lock", {"tool": "lock"}),
        ("open", {"tool": "open_safe"}),
        ("", "That is not possible."),
    ),
    talk=(("Open it.", "safe is open"), ("Lock it.", "key is away")),
    killed="right behind it",
    at=listening,
    back="the tools that it had left",
    told="nothing, until it is asked",
    then=(("Open it.", "not possible"),),
)


# Tools of the session, and a toolset.


class Desk(Toolset):
    def __init__(self) -> None:
        super().__init__(id="desk")

    @function_tool
    async def time(self) -> str:
        """What time it is."""
        return "It is noon."


@function_tool
async def day() -> str:
    """What day it is."""
    return "It is Monday."


TOOLSETS = Shape(
    name="toolsets",
    what="has its tools in a toolset, and others on the session",
    first=lambda: Agent(instructions="Tell the time.", tools=[Desk()]),
    session=lambda: {"tools": [day]},
    rules=(("time", {"tool": "time"}), ("day", {"tool": "day"}), ("", STORY)),
    talk=(("What time is it?", "noon"),),
    last="Tell me a story.",
    killed="in the middle of a sentence",
    at=speaking("The light went"),
    back="both, none of them named as missing",
    told="the rest of the sentence",
    said="boat found its way home",
    then=(("What day is it?", "Monday"), ("What time is it?", "noon")),
)


# Instructions for voice and for text.


class Modal(Agent):
    def __init__(self) -> None:
        super().__init__(instructions=Instructions("Help.", audio="Be short.", text="Use lists."))


MODALITY = Shape(
    name="modality",
    what="has instructions for voice and others for text",
    first=Modal,
    rules=(("story", STORY), ("", "Certainly.")),
    talk=(("Hello.", "Certainly"),),
    last="Tell me a story.",
    killed="in the middle of a sentence",
    at=speaking("The light went"),
    back="the instructions, both of them",
    told="the rest of the sentence",
    said="boat found its way home",
    then=(("Hello?", "Certainly"),),
)


# A caller who says nothing is asked again.


ASKED_AGAIN = (
    "Are you still there? I do not hear you any more, not a single word. Or shall I call later?"
)


class Patient(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Ask again.")

    async def on_enter(self) -> None:
        self.session.say("Which day would you like?")


def ask_again(_ctx: JobContext, session: AgentSession[Any]) -> None:
    def changed(event: UserStateChangedEvent) -> None:
        if event.new_state == "away":
            session.say(ASKED_AGAIN)

    session.on("user_state_changed", changed)


INACTIVE = Shape(
    name="inactive",
    what="asks again when the caller says nothing",
    first=Patient,
    session=lambda: {"user_away_timeout": 2.0},
    begin=ask_again,
    rules=(("", "You said {heard}."),),
    greets="Which day",
    killed="while it asks again",
    at=speaking("Are you still"),
    back="nothing else is kept by it",
    told="the rest of the question",
    said="call later",
    then=(("On Friday.", "On Friday"),),
)


# Its replies are written in a form of their own, of which only a part is spoken.


class Styled(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Answer as STYLE: words.")

    def tts_node(self, text: AsyncIterable[str], model_settings: Any) -> Any:
        return Agent.default.tts_node(self, without_style(text), model_settings)

    def transcription_node(self, text: AsyncIterable[str], model_settings: Any) -> Any:
        return without_style(text)


async def without_style(text: AsyncIterable[str]) -> AsyncIterable[str]:
    async for piece in text:
        if piece.strip() != "cheerful:":
            yield piece


STRUCTURED = Shape(
    name="structured",
    what="writes a style in front of its replies, and does not speak it (own nodes)",
    first=Styled,
    rules=(("story", "cheerful: " + STORY), ("", "cheerful: You said {heard}.")),
    talk=(("Hello.", "You said Hello"),),
    last="Tell me a story.",
    killed="in the middle of a sentence",
    at=speaking("The light went"),
    back="nothing else is kept by it",
    told="the rest of the sentence, without the style",
    said="^(?!.*cheerful).*boat found its way home",
    then=(("Good.", "You said Good"),),
)


# Another language at run time.


class Polyglot(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Speak the caller's language.")
        self.language = "en"

    @function_tool
    async def speak(self, language: str) -> str:
        """Change the language."""
        self.language = language
        await self.update_instructions(f"Speak {language}.")
        voice = self.session.tts
        assert isinstance(voice, Tone)
        voice.update_options(voice=f"ann-{language}")
        return "Bien sûr."


LANGUAGE = Shape(
    name="language",
    what="changes its language: instructions, an attribute, `tts.update_options`",
    first=Polyglot,
    rules=(("french", {"tool": "speak", "arguments": {"language": "fr"}}), ("", "D'accord.")),
    talk=(("In French, please.", "Bien sûr"),),
    killed="right behind it",
    at=listening,
    back="language, instructions, and the voice that `tts.update_options` was told",
    told="nothing, until it is asked",
    then=(("Merci.", "D'accord"),),
)


# Push to talk.


def push_to_talk(ctx: JobContext, session: AgentSession[Any]) -> None:
    """The agent hears only between two calls of the page."""

    @ctx.room.local_participant.register_rpc_method("push")
    async def push(data: rtc.RpcInvocationData) -> str:
        session.input.set_audio_enabled(data.payload == "down")
        return ""


class Walkie(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Over.")

    @function_tool
    async def stop_listening(self) -> str:
        """Wait for the button."""
        self.session.input.set_audio_enabled(False)
        self.session.update_options(turn_detection="manual")
        return "Press the button to talk."


PUSH_TO_TALK = Shape(
    name="push-to-talk",
    what="listens only while a button is held (manual turns, input switched off)",
    first=Walkie,
    begin=push_to_talk,
    rules=(("button", {"tool": "stop_listening"}), ("", "Roger.")),
    talk=(("Use the button.", "Press the button"),),
    killed="while the button is up",
    at=listening,
    back="manual turns, and that nobody is listened to",
    told="nothing, until it is asked",
    then=(("Over.", "Roger"),),
)


# It hangs up.

GOODBYE = "Goodbye, and thank you for your call. I hope that I could help you. Have a nice day."

HANG_UP = Shape(
    name="hang-up",
    what="hangs up by itself (`EndCallTool`)",
    first=lambda: Agent(
        instructions="Be kind.",
        tools=[EndCallTool(delete_room=False, end_instructions=GOODBYE)],
    ),
    rules=(("bye", {"tool": "end_call"}), ("", "You said {heard}.")),
    talk=(("Hello.", "You said Hello"),),
    last="Bye.",
    killed="while it says goodbye",
    at=speaking("Goodbye"),
    back="nobody: the call is over",
    told="nothing",
    goes_on=False,
)
