"""What we use of LiveKit that its documentation does not promise, all of it.

Nothing else here touches a private name of LiveKit's or imports a module of its insides: it calls
a function below. And what is public, but counted on in a way that no documentation promises, is a
sentence of `COUNTED_ON`. Each has a test of its name in tests/livekit/test_fragile.py, which runs
with the newest livekit-agents and with the oldest that we promise: a release that changes one
fails there, by name.
"""

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary, ref

from livekit.agents import NOT_GIVEN, Agent, AgentSession, AgentTask, utils
from livekit.agents.llm import FunctionCall, FunctionCallOutput, FunctionTool, RawFunctionTool
from livekit.agents.llm.utils import (
    make_function_call_output,
    parse_function_arguments,
    validated_arguments,
)
from livekit.agents.voice import room_io
from livekit.agents.voice.agent import _get_activity_task_info
from livekit.agents.voice.agent_activity import AgentActivity, _AgentActivityContextVar
from livekit.agents.voice.speech_handle import SpeechHandle
from livekit.agents.voice.tool_executor import _RunningTasks

from unbroken.log.awaiting import ON_ENTER, ON_EXIT

WORKFLOWS = "livekit.agents.beta.workflows"  # where the tasks are that LiveKit itself offers
CARDS = f"{WORKFLOWS}.credit_card"

COUNTED_ON = {
    "a_voice_in_the_chain": "an AudioOutput of ours before LiveKit's sees every frame, flush, "
    "clear, pause and resume",
    "playback_events": "they come through that output: started with the first frame, finished with "
    "the position, and the item right behind it",
    "text_output_chain": "the text output of RoomOptions takes a next_in_chain of ours",
    "on_enter_of_the_instance": "LiveKit runs what was set as on_enter of an instance",
    "nodes_of_the_instance": "LiveKit calls what was set as llm_node and transcription_node of an "
    "instance; the first may give text, a coroutine or an iterator",
    "enter_behind_the_handoff": "on_enter begins when its AgentHandoff is in the history",
    "the_start_adds": "an AgentHandoff from nobody, an AgentConfigUpdate and the instructions",
    "tool_updates": "tool_call_started comes before the tool runs, tool_call_ended behind it",
    "items_at_once": "an item is in the history when conversation_item_added comes",
    "lists_in_place": "history.items[:] = … changes the session's own history",
    "contexts_whole": "update_chat_ctx can keep every item, and from_dict gives back what to_dict "
    "was given",
    "options_readable": "what update_options and the switches were told can be read again",
    "a_closed_session_says_why": "close comes once, with a CloseReason",
    "jobs_end_with_a_reason": "'job crashed' is that of an exception in the entrypoint",
    "a_shutdown_that_was_set": "what was set as shutdown of a session or a JobContext is what "
    "EndCallTool calls",
    "callbacks_have_a_name": "the tasks of the entrypoint and of shutdown callbacks have the names "
    "that `last_words` has",
    "speech_of_the_instance": "LiveKit and applications speak through what was set as say and "
    "generate_reply of a session, and current_speech is what is being said",
    "turns_of_the_instance": "what was set as clear_user_turn of a session and as "
    "on_user_turn_completed of an agent is what is called",
    "made_in_new": "LiveKit's Agent has no __new__ and no __slots__, and an AgentTask has every "
    "attribute that LiveKit gives an Agent",
    "a_guess_is_not_scheduled": "a speech is scheduled once LiveKit means to say it",
    "progress_has_a_call_of_its_own": "a tool that has reported progress has an output; what it "
    "returns is an output of the call id with `_final` behind it",
    "words_of_a_cut_handoff": "what a model is told of a hand-over that was interrupted",
    "put_by_time": "what LiveKit puts into a chat context stands where its time says",
    "switches_of_the_instance": "applications and LiveKit switch to another participant by what "
    "was set as set_participant of a RoomIO",
    "rpc_by_twirp": "TwirpClient sends PerformRpc, for which livekit-api has no method yet",
}


def is_begun(session: AgentSession[Any]) -> bool:
    """Whether a start has made anything that has to be ended."""
    return session._activity is not None or session._room_io is not None


async def end_half_started(session: AgentSession[Any]) -> None:
    """End what a failed `start` has begun; raises what LiveKit raises.

    LiveKit leaves it running, and `aclose` ends only a session that has started whole.
    """
    session._started = True
    await session.aclose()


def room_options(
    given: Any, *, room_input_options: Any, room_output_options: Any
) -> room_io.RoomOptions:
    """What LiveKit makes of its older two kinds of room options; `given` ones count alone."""
    return room_io.RoomOptions._ensure_options(
        given or NOT_GIVEN,
        room_input_options=room_input_options,
        room_output_options=room_output_options,
    )


class Await(NamedTuple):
    """Where the running code awaits: whose agent's, and in what: a tool's call, or a method."""

    agent: Agent
    method: str
    call: FunctionCall | None

    @property
    def place(self) -> str:
        return self.call.call_id if self.call else self.method


class Watcher(Protocol):
    """Stands between the code that awaits a task and the task; `enter` is what LiveKit does."""

    async def awaited(
        self, task: AgentTask[Any], by: Await, enter: Callable[[], Awaitable[Any]]
    ) -> Any: ...


_watchers: WeakKeyDictionary[AgentSession[Any], ref[Watcher]] = WeakKeyDictionary()
_await = AgentTask.__await__


def watch_tasks(session: AgentSession[Any], watcher: Watcher) -> None:
    """From here on each `await` of an AgentTask in this session goes through `watcher`; in other
    sessions of the process it is LiveKit's own."""
    _watchers[session] = ref(watcher)
    AgentTask.__await__ = _watched  # type: ignore[method-assign,assignment]


def _watched(task: AgentTask[Any]) -> Generator[Any, None, Any]:
    activity = _AgentActivityContextVar.get(None)
    known = _watchers.get(activity.session) if activity else None
    watcher = known() if known else None
    by = _awaits(activity) if activity and watcher else None
    if watcher is None or by is None:
        return _await(task)
    return watcher.awaited(task, by, lambda: _Own(task)).__await__()


class _Own:
    """The task, awaited as LiveKit has it."""

    def __init__(self, task: AgentTask[Any]) -> None:
        self._task = task

    def __await__(self) -> Generator[Any, None, Any]:
        return _await(self._task)


def _awaits(activity: AgentActivity) -> Await | None:
    """None where LiveKit does not let a task be awaited."""
    running = asyncio.current_task()
    info = _get_activity_task_info(running) if running else None
    if not info or not info.inline_task:
        return None
    method = ON_EXIT if activity._on_exit_task is running else ON_ENTER
    return Await(activity.agent, method, info.function_call)


def when_task_is_done(task: AgentTask[Any], told: Callable[[object], None]) -> None:
    """`told` is called with what the task returned, or the exception that it raised, as soon as
    it is complete: its last words may still be spoken, and nobody may have it yet."""

    def done(future: asyncio.Future[Any]) -> None:
        if not future.cancelled():
            told(future.exception() or future.result())

    task._AgentTask__fut.add_done_callback(done)  # type: ignore[attr-defined]


def complete_task(task: AgentTask[Any], outcome: object) -> None:
    """The task is as one that was awaited and has ended so, but that nobody entered it."""
    future = task._AgentTask__fut  # type: ignore[attr-defined]
    task._AgentTask__started = True  # type: ignore[attr-defined]
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
        future.exception()  # else Python warns of one that nobody retrieved
    else:
        future.set_result(outcome)


def keeps_calls(task: AgentTask[Any]) -> bool:
    """Whether its tool calls go into the context of the agent that awaited it."""
    return task._preserve_function_call_history


def started_agents(session: AgentSession[Any]) -> Iterator[Agent]:
    """The current agent, and those that await it, the outermost last."""
    agent: Agent | None = session.current_agent
    while agent is not None:
        yield agent
        agent = agent._old_agent if isinstance(agent, AgentTask) else None


def said_already() -> SpeechHandle:
    """The handle of a speech that is over."""
    handle = SpeechHandle.create()
    handle._mark_done()
    return handle


def is_closing(session: AgentSession[Any]) -> bool:
    """Whether the session is being closed, which cancels the tasks in it."""
    return session._closing or session._closing_task is not None


def confirmation_of(agent: Agent) -> FunctionTool[Any, Any] | None:
    """The tool by which a task of LiveKit's own is told that what it heard is right; it is built
    when that is heard. None where there is none, or not of these attributes."""
    build: Any = getattr(agent, "_build_confirm_tool", None)
    if not getattr(build, "__module__", "").startswith(WORKFLOWS):
        return None
    try:
        told = {name: _told(agent, name) for name in inspect.signature(build).parameters}
        return build(**told) if any(told.values()) else None
    except (AttributeError, TypeError, ValueError):
        return None


def _told(agent: Any, name: str) -> Any:
    """What a task of LiveKit's own has heard, by the name of the argument that takes it."""
    if name.startswith("expiration_"):
        return int(agent._expiration_date.split("/")[name.endswith("year")])
    return getattr(agent, f"_current_{name}" if hasattr(agent, f"_current_{name}") else f"_{name}")


def end_holding(session: AgentSession[Any], attributes: Any) -> None:
    """What a WarmTransferTask with these attributes would do at its end: what the caller hears and
    says goes through as before it. Of other tasks, nothing."""
    known = attributes.get("_original_io_state") if isinstance(attributes, dict) else None
    sides: dict[str, Any] = {"input": session.input, "output": session.output}
    for name, is_on in known.items() if isinstance(known, dict) else ():
        what, _, way = name.rpartition("_")
        if isinstance(is_on, bool) and way in sides:
            getattr(sides[way], f"set_{what}_enabled", bool)(is_on)


class CardFields(NamedTuple):
    """What a card task came to: `secret` is what a caller told, by the attribute of the task that
    was told it."""

    kind: str
    secret: dict[str, str]
    others: list[str]


class Told(NamedTuple):
    """What a call tells a card task, and the attribute that has it then."""

    attribute: str
    text: str


def told_of_card(tool: str, arguments: str) -> Told | None:
    """Of a call by which a model tells a part of a card to LiveKit's own tasks."""
    if tool not in _CARD_TOOLS:
        return None
    try:
        given = parse_function_arguments(arguments)
        attribute, read = _CARD_TOOLS[tool]
        return Told(attribute, read(given)) if isinstance(given, dict) else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def card_attributes(kind: type) -> set[str]:
    """The attributes of LiveKit's card tasks that have a part of a card."""
    is_one = any(base.__module__ == CARDS for base in kind.__mro__)
    return {attribute for attribute, _ in _CARD_TOOLS.values()} if is_one else set()


def card_fields(value: object) -> CardFields | None:
    """Of what a card task came to; None of all else."""
    kind = type(value)
    if kind.__module__ != CARDS or kind.__name__ not in _CARD_RESULTS:
        return None
    names = _CARD_RESULTS[kind.__name__]
    secret = {told: str(getattr(value, name)) for name, told in names.items() if told}
    others = [str(getattr(value, name)) for name, told in names.items() if not told]
    return CardFields(kind.__name__, secret, others)


def card_result(kind: str, texts: list[str]) -> Any:
    """One of that kind: the secret ones first. Raises KeyError where this LiveKit has none."""
    names = _CARD_RESULTS[kind]
    order = [*(name for name, told in names.items() if told), *(n for n in names if not names[n])]
    made: Any = vars(importlib.import_module(CARDS))[kind]
    return made(**dict(zip(order, texts, strict=True)))


def _digits(given: dict[str, Any]) -> str:
    return "".join(d for d in given["card_number"] if d.isdigit())


def _expires(given: dict[str, Any]) -> str:
    return f"{int(given['expiration_month']):02d}/{int(given['expiration_year']):02d}"


_CARD_TOOLS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "update_card_number": ("_card_number", _digits),
    "update_security_code": ("_security_code", lambda given: given["security_code"].strip()),
    "update_expiration_date": ("_expiration_date", _expires),
}
_CARD_RESULTS: dict[str, dict[str, str]] = {  # each field, and the attribute that it comes from
    "GetCardNumberResult": {"card_number": "_card_number", "issuer": ""},
    "GetSecurityCodeResult": {"security_code": "_security_code"},
    "GetExpirationDateResult": {"date": "_expiration_date"},
    "GetCreditCardResult": {
        "card_number": "_card_number",
        "security_code": "_security_code",
        "expiration_date": "_expiration_date",
        "cardholder_name": "",
        "issuer": "",
    },
}


def keep_collecting(agent: Any) -> None:
    """A GetDtmfTask goes on with the keys that were pressed: it waits for more of them, as it does
    behind each; an answer that its model was giving to all of them is not under way any more."""
    if isinstance(keys := getattr(agent, "_curr_dtmf_inputs", None), list):
        if agent._dtmf_reply_running:
            keys.clear()
            agent._dtmf_reply_running = False
        elif keys:
            agent._generate_dtmf_reply.schedule()


def check_arguments(
    tool: FunctionTool[Any, Any] | RawFunctionTool[Any, Any], arguments: str
) -> None:
    """Raises ValueError where a call of the tool would fail for its arguments."""
    given = parse_function_arguments(arguments or "{}")
    if not isinstance(given, dict):
        raise ValueError("no arguments")  # noqa: TRY004 - as what is parsed
    validated_arguments(tool, given)


def awaited(session: AgentSession[Any]) -> str | None:
    """Whom the session is linked to, or waits for; None: whoever comes. Raises RuntimeError if it
    has no room."""
    linked = session.room_io.linked_participant
    return linked.identity if linked else session.room_io._participant_identity


def expressive(session: AgentSession[Any]) -> Any:
    """What `update_options(expressive=…)` or the constructor told the session; False where this
    LiveKit has no such option."""
    return getattr(session, "_expressive", False)


def setting(model: object, name: str) -> Any:
    """What a model was told by `update_options(name=…)`, where it keeps it as LiveKit's plugins do:
    in its options, or as an attribute; None: it does not show it, or was told nothing."""
    options = getattr(model, "_opts", None)
    places: tuple[Any, ...] = (options, model)
    try:
        if isinstance(options, dict):
            if name in options:
                return options[name] if utils.is_given(options[name]) else None
            places = (model,)
        for at in places:
            for called in (name, f"_{name}"):
                value = getattr(at, called, None)
                if value is not None and utils.is_given(value):
                    return value
    except Exception:  # noqa: BLE001 - a property of somebody's plugin
        return None
    return None


def running_tool(session: AgentSession[Any], call_id: str) -> asyncio.Task[Any] | None:
    """The task that runs a tool, from when `tool_call_started` comes; its result is what the tool
    returned, or the exception that it raised."""
    running = _RunningTasks.get(session, {}).get(call_id)
    return running.exe_task if running else None


def output_of(call: FunctionCall, result: Any) -> FunctionCallOutput:
    """What the model is told of a call that returned this, or raised it."""
    error = result if isinstance(result, BaseException) else None
    output = None if error else result
    return make_function_call_output(fnc_call=call, output=output, exception=error).fnc_call_out
