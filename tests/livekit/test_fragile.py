"""What we count on of LiveKit beyond its documentation: one test for each sentence of it."""

import ast
import asyncio
import inspect
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from livekit import api, rtc
from livekit.agents import (
    Agent,
    AgentSession,
    CloseReason,
    JobContext,
    RunContext,
    function_tool,
    inference,
)
from livekit.agents.beta import EndCallTool
from livekit.agents.ipc import job_proc_lazy_main
from livekit.agents.llm import AgentHandoff, ChatContext, FunctionCall
from livekit.agents.voice import io, room_io

from tests.agents.scripted import ScriptedLLM
from tests.livekit import test_fragile_speech, test_fragile_tasks
from tests.trees import source_of, tree_of
from unbroken.livekit import fragile, last_words

KNOWN = {"api_key": "k", "api_secret": "s"}
ROOT = Path(__file__).parents[2]
PUBLIC = {"agents", "agents.beta", "agents.llm", "agents.stt", "agents.tts", "agents.types",
    "agents.utils", "agents.vad", "agents.voice", "api", "plugins", "protocol.agent",
    "protocol.models", "rtc", ""}  # fmt: skip
# Elsewhere because a sentence of COUNTED_ON says why, or because it is shown so in LiveKit's docs.
ALSO = {
    "livekit.api.twirp_client": "rpc_by_twirp",
    "livekit.agents.beta": "EndCallTool, as documented",
    "livekit.agents.language": "as LiveKit's own plugins import it",
    "livekit.agents.voice.agent_session": "as documented for SessionConnectOptions",
}
# Private, but not of LiveKit.
NOT_LIVEKITS = {
    "agents/llm_server.py: _exit": "of os",
    "agents/speech/hibari.py: _g2p": "of the voice's own library",
}


class Speaker(io.AudioOutput):
    """The last one of a chain: takes note of what reaches it."""

    def __init__(self, next_in_chain: io.AudioOutput | None = None) -> None:
        super().__init__(
            label="test",
            capabilities=io.AudioOutputCapabilities(pause=True),
            next_in_chain=next_in_chain,
            sample_rate=24_000,
        )
        self.seen: list[str] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._see("frame")
        if self.next_in_chain:
            await self.next_in_chain.capture_frame(frame)
        elif self.seen.count("frame") == 1:
            self.on_playback_started(created_at=1.0)

    def flush(self) -> None:
        super().flush()
        self._see("flush")
        if self.next_in_chain:
            self.next_in_chain.flush()
        else:
            self.on_playback_finished(playback_position=0.5, interrupted=False)

    def clear_buffer(self) -> None:
        self._see("clear")
        if self.next_in_chain:
            self.next_in_chain.clear_buffer()

    def pause(self) -> None:
        self._see("pause")
        super().pause()

    def resume(self) -> None:
        self._see("resume")
        super().resume()

    def _see(self, what: str) -> None:
        self.seen.append(what)


class Voiced(Agent):
    """Speaks without a model of speech: LiveKit's own node gives way to ours."""

    def tts_node(self, text, model_settings):
        return self._sound(text)

    async def _sound(self, text):
        async for _ in text:
            yield rtc.AudioFrame(b"\1\0" * 240, 24_000, 1, 240)


class Told(Agent):
    """Takes note of what is called."""

    def __init__(self, seen: list[str], name: str = "first", **given) -> None:
        super().__init__(instructions=name, **given)
        self.seen, self.name = seen, name

    async def on_enter(self) -> None:
        self.seen.append(f"{self.name} entered")


@pytest.fixture
async def session():
    session = AgentSession(llm=ScriptedLLM([
        ("^go", {"tool": "move"}), ("^look", {"tool": "look"}), ("", "You said {heard}."),
    ]))  # fmt: skip
    yield session
    await session.aclose()


def types(items):
    return [item.type for item in items]


# Private names.


async def test_is_begun(session):
    assert not fragile.is_begun(session)
    await session.start(Agent(instructions="x"))
    assert fragile.is_begun(session)
    await session.aclose()
    assert not fragile.is_begun(session)


async def test_end_half_started(session):
    seen = []

    class Leaves(Agent):
        async def on_exit(self) -> None:
            seen.append("exit")

    await session.start(Leaves(instructions="x"))
    session._started = False  # as a start leaves it that fails behind its agent
    await session.aclose()
    assert fragile.is_begun(session)  # LiveKit ends nothing of it
    await fragile.end_half_started(session)
    assert not fragile.is_begun(session)
    assert seen == ["exit"]


def test_room_options():
    older = {
        "room_input_options": room_io.RoomInputOptions(text_enabled=False),
        "room_output_options": room_io.RoomOutputOptions(audio_enabled=False),
    }
    made = fragile.room_options(None, **older)
    assert made.get_text_input_options() is None
    assert made.get_audio_output_options() is None
    given = room_io.RoomOptions()
    assert fragile.room_options(given, **older) is given


async def test_awaited(session):
    with pytest.raises(RuntimeError):
        fragile.awaited(session)
    options = room_io.RoomOptions(participant_identity="ann")
    session._room_io = made = room_io.RoomIO(session, rtc.Room(), options=options)
    assert fragile.awaited(session) == "ann"
    made.set_participant("bob")
    assert (fragile.awaited(session), made.linked_participant) == ("bob", None)
    made.set_participant(None)
    assert fragile.awaited(session) is None
    session._room_io = None


async def test_expressive(session):
    assert fragile.expressive(session) is False
    session.update_options(expressive={"tts_instructions_append": "Softly."})
    assert fragile.expressive(session) == {"tts_instructions_append": "Softly."}


def test_setting():
    known = {"api_key": "k", "api_secret": "s"}
    model = inference.TTS("cartesia/sonic-3", voice="amy", **known)
    assert fragile.setting(model, "voice") == "amy"
    model.update_options(voice="bob", language="fr")
    assert (fragile.setting(model, "voice"), fragile.setting(model, "language")) == ("bob", "fr")
    assert fragile.setting(inference.VAD(model="silero"), "no") is None


# Public, and counted on beyond what is promised.


async def speaking(session):
    last = Speaker()
    first = Speaker(last)
    session.output.audio = first
    await session.start(Voiced(instructions="x"))
    return first, last


async def test_a_voice_in_the_chain(session):
    first, last = await speaking(session)
    await session.generate_reply(user_input="hello")
    assert first.seen == last.seen
    assert {*first.seen} == {"resume", "frame", "flush"}
    assert first.seen[-1] == "flush"
    first.pause()
    first.resume()
    first.clear_buffer()
    assert last.seen[-3:] == ["pause", "resume", "clear"]


async def test_playback_events(session):
    events = []
    first, _ = await speaking(session)
    first.on("playback_started", lambda _e: events.append("started"))
    first.on("playback_finished", lambda e: events.append((e.playback_position, e.interrupted)))
    session.on("conversation_item_added", lambda e: events.append(e.item.role))
    await session.generate_reply(user_input="hello")
    assert events == ["user", "started", (0.5, False), "assistant"]


async def test_enter_behind_the_handoff(session):
    seen = []

    class Second(Told):
        async def on_enter(self) -> None:
            seen.append(types(self.session.history.items).count("agent_handoff"))

    class First(Told):
        @function_tool
        async def move(self) -> Agent:
            """Move."""
            return Second(seen)

    await session.start(First([]))
    await session.generate_reply(user_input="go")
    async with asyncio.timeout(60):
        while not seen:
            await asyncio.sleep(0.01)
    assert seen == [2]  # the start's, and this one's
    assert isinstance(session.current_agent, Second)


async def test_on_enter_of_the_instance(session):
    seen = []
    agent = Told(seen)
    enter = agent.on_enter

    async def entered() -> None:
        seen.append("ours")
        await enter()

    agent.on_enter = entered
    await session.start(agent)
    await asyncio.sleep(0.05)
    assert seen == ["ours", "first entered"]


@pytest.mark.parametrize("kind", ["text", "coroutine", "iterator"])
async def test_nodes_of_the_instance(session, kind):
    spoken = []
    agent = Agent(instructions="x")
    pieces = agent.transcription_node

    def written(chat_ctx, tools, model_settings):
        return {"text": lambda: "Hi.", "coroutine": text, "iterator": words}[kind]()

    async def text():
        return "Hi."

    async def words():
        yield "Hi."

    async def transcribed(text, model_settings):
        async for piece in pieces(text, model_settings):
            spoken.append(piece)
            yield piece

    agent.llm_node, agent.transcription_node = written, transcribed
    await session.start(agent)
    await session.generate_reply(user_input="hello")
    assert "".join(map(str, spoken)) == "Hi."
    assert session.history.items[-1].text_content == "Hi."


async def test_tool_updates(session):
    seen = []

    @function_tool
    async def look(context: RunContext) -> str:
        """Look."""
        seen.append(("runs", context.function_call.call_id))
        return "Seen."

    def updated(event):
        update = event.update
        call = getattr(update, "function_call", None)
        seen.append((update.type, call.call_id if call else update.call_id))

    session.on("tool_execution_updated", updated)
    await session.start(Agent(instructions="x", tools=[look]))
    await session.generate_reply(user_input="look")
    (call,) = (i for i in session.history.items if isinstance(i, FunctionCall))
    wanted = ["tool_call_started", "runs", "tool_call_ended"]
    assert seen == [(what, call.call_id) for what in wanted]


async def test_items_at_once(session):
    known = []
    session.on("conversation_item_added", lambda e: known.append(e.item in session.history.items))
    await session.start(Agent(instructions="x"))
    await session.generate_reply(user_input="hello")
    assert known == [True, True, True]  # a config update, the question, the answer


async def test_lists_in_place(session):
    history = ChatContext()
    history.add_message(role="user", content="before")
    session.history.items[:] = history.items
    await session.start(Agent(instructions="x"))
    await session.generate_reply(user_input="hello")
    texts = [i.text_content for i in session.history.items if i.type == "message"]
    assert texts == ["before", "hello", "You said hello."]


async def test_the_start_adds(session):
    agent = Agent(instructions="x")
    known = ChatContext()
    known.add_message(role="user", content="before")
    await agent.update_chat_ctx(known)
    await session.start(agent)
    assert types(session.history.items) == ["agent_handoff", "agent_config_update"]
    (handoff,) = (i for i in session.history.items if isinstance(i, AgentHandoff))
    assert handoff.old_agent_id is None
    added = types(i for i in agent.chat_ctx.items if i.id != known.items[0].id)
    assert sorted(added) == ["agent_config_update", "message"]
    assert agent.chat_ctx.items[0].id == "lk.agent_task.instructions"


async def test_contexts_whole():
    wanted = ChatContext()
    wanted.add_message(role="user", content="one")
    wanted.items.append(FunctionCall(call_id="c", name="gone", arguments="{}"))
    agent = Agent(instructions="x")
    await agent.update_chat_ctx(wanted, exclude_invalid_function_calls=False)
    assert [i.id for i in agent.chat_ctx.items] == [i.id for i in wanted.items]
    whole = {"exclude_image": False, "exclude_audio": False, "exclude_timestamp": False}
    known = wanted.to_dict(**whole)
    assert ChatContext.from_dict(known).to_dict(**whole) == known


async def test_options_readable(session):
    await session.start(Agent(instructions="x"))
    session.update_options(
        endpointing_opts={"max_delay": 9.0}, turn_detection="manual", keyterms=["Anna"]
    )
    session.input.set_audio_enabled(False)
    session.output.set_audio_enabled(False)
    session.output.set_transcription_enabled(False)
    assert session.options.endpointing_overrides == {"max_delay": 9.0}
    assert (session.turn_detection, list(session.keyterms)) == ("manual", ["Anna"])
    assert not session.input.audio_enabled
    assert not session.output.audio_enabled
    assert not session.output.transcription_enabled


async def test_a_closed_session_says_why(session):
    seen = []
    session.on("close", seen.append)
    await session.start(Agent(instructions="x"))
    await session.aclose()
    await session.aclose()
    assert [event.reason for event in seen] == [CloseReason.USER_INITIATED]


def test_text_output_chain():
    ours = object()
    options = room_io.RoomOptions(text_output=room_io.TextOutputOptions(next_in_chain=ours))
    assert options.get_text_output_options().next_in_chain is ours
    assert room_io.RoomOptions().get_text_output_options() is not None


def test_jobs_end_with_a_reason():
    source = inspect.getsource(job_proc_lazy_main)
    assert 'reason="job crashed"' in source


def test_a_shutdown_that_was_set():
    source = source_of(EndCallTool)
    assert source.count("ctx.session.shutdown()") == 2
    assert "job_ctx.shutdown(" in source
    assert "__slots__" not in vars(AgentSession) | vars(JobContext)


def test_callbacks_have_a_name():
    source = inspect.getsource(job_proc_lazy_main)
    assert f'name="{last_words.CALLBACK}"' in source
    assert f'name="{last_words.ENTRYPOINT}"' in source


async def test_rpc_by_twirp():
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, api.PerformRpcRequest.FromString(await request.read()).method))
        if len(asked) > 1:
            return web.json_response({"code": "canceled", "msg": "no answer"}, status=408)
        return web.Response(body=api.PerformRpcResponse(payload="yes").SerializeToString())

    server = web.Application()
    server.router.add_post("/{all:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        client = api.twirp_client.TwirpClient(
            http, f"ws://{host}:{port}", "livekit", failover=False
        )
        ask = ("RoomService", "PerformRpc", api.PerformRpcRequest(method="m"), {})
        assert (await client.request(*ask, api.PerformRpcResponse)).payload == "yes"
        with pytest.raises(api.TwirpError) as raised:
            await client.request(*ask, api.PerformRpcResponse)
    assert raised.value.code == "canceled"
    assert asked == [("/twirp/livekit.RoomService/PerformRpc", "m")] * 2
    await runner.cleanup()


# Nothing else stands on what is not promised.


def sources():
    for folder in ("src/unbroken", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), tree_of(path)


def test_each_has_a_test_and_nothing_else_is_in_the_module():
    functions = [
        name
        for name, its in vars(fragile).items()
        if inspect.isfunction(its) and its.__module__ == fragile.__name__ and name[0] != "_"
    ]
    wanted = {f"test_{name}" for name in [*functions, *fragile.COUNTED_ON]}
    assert (
        wanted
        <= globals().keys() | vars(test_fragile_tasks).keys() | vars(test_fragile_speech).keys()
    )


def test_only_the_fragile_module_imports_what_is_inside_of_livekit():
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level:
                continue
            whole, names = node.module or "", [alias.name for alias in node.names]
            if whole.partition(".")[0] != "livekit" or path.endswith("livekit/fragile.py"):
                continue
            inside = whole.removeprefix("livekit").lstrip(".")
            is_private = any(n.startswith("_") and not n.startswith("__") for n in names)
            if (inside not in PUBLIC and whole not in ALSO) or is_private:
                found.append(f"{path}: {whole} {names}")
    assert found == []


def test_only_the_fragile_module_touches_private_names_of_livekit():
    found = []
    for path, tree in sources():
        of_livekit = "/livekit" in path or path.startswith("agents/")
        if path.endswith("livekit/fragile.py") or not of_livekit:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self" | "cls")):
                    continue
                case (
                    ast.Attribute(attr=name)
                    | ast.Call(
                        func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                        args=[_, ast.Constant(value=str(name)), *_],
                    )
                ) if name.startswith("_") and not name.startswith("__"):
                    found.append(f"{path}: {name}")
    assert found == list(NOT_LIVEKITS)
