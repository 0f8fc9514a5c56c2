"""Tools with effects: what was intended is safe before it is done, and is done at most once.

`@effect` goes under `@function_tool`. Before the tool's body runs, its intent is in the log with
an idempotency key, and the call waits, bounded, until it is as safe as asked. The key comes from
the session, the turn, the tool and its arguments, because a model that answers a turn again
gives its call another id.

The same call again in the same turn is the same wish: a model has not seen what came of it, or
loops. It is given the recorded outcome, and one that is made meanwhile waits for the first. Behind
the person's next words the same call is another wish. One that failed may be tried again.

A function with an effect may also be called by another tool, which is run again if its holder dies
while it awaits a task. What the effect came to is noted then, and given again.

An effect may need a lock. Whether the session holds it still is asked last, when the intent is
safe: the service renews it, so nobody else is granted it in the next moments.
"""

import asyncio
import contextlib
import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Literal, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import msgspec

from unbroken import typed
from unbroken.errors import EffectUnknown, LevelUnavailable, OldFence, UnbrokenError
from unbroken.live import held
from unbroken.live.live import Level, Live, by_agent_session
from unbroken.log.entries import Noted, ToolStarted, plain
from unbroken.log.tool import Tool, note_of

P = ParamSpec("P")
R = TypeVar("R")

Retry = Literal["ask", "query", "safe"]
AtBound = Literal["refuse", "run"]
WAIT_S = 0.5  # while the service is away, and between two looks at whether it is
WAITS = 10  # while it confirms other things
KEPT_BYTES_MAX = 32 << 10  # of an outcome that is noted; a larger one is not
AWAY_S = 2.0  # without a confirmation of what it was sent


class EffectGate(msgspec.Struct, frozen=True):
    """How safe the intent must be before the tool runs, and what happens if it is not; and the
    lock that must be held."""

    level: Level
    wait_s: float | None  # None: as long as the service is well, see `_is_safe`
    at_bound: AtBound
    fence: str | None = None


class Effect(msgspec.Struct, frozen=True):
    """What is being done now. Give `key` to the system that does it."""

    key: str
    tool: str
    retry: Retry


# What a framework shows to its model in place of ours; see `unbroken.livekit.refusals`.
refusals: dict[type[UnbrokenError], type[UnbrokenError]] = {}

_NOTHING: Any = object()
_current: ContextVar[Effect | None] = ContextVar("unbroken_effect", default=None)
_running: WeakKeyDictionary[Live, dict[str, asyncio.Future[Any]]] = WeakKeyDictionary()  # by key


def current_effect() -> Effect:
    """The effect around the running tool. Raises LookupError outside of one."""
    if (effect_ := _current.get()) is None:
        raise LookupError("current_effect() is called in the body of an @effect tool")
    return effect_


def effect(
    *,
    retry: Retry,
    key: Callable[..., str] | None = None,
    level: Level = "service",
    wait_s: float | None = None,
    at_bound: AtBound = "refuse",
    fence: str | None = None,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Declare that a tool changes the world.

    `retry` says what to do when its outcome is unknown after a crash: `ask` the person, `query`
    the system by key, or it is `safe` to run again. If the intent is not at `level` within
    `wait_s` seconds, the tool raises LevelUnavailable (`refuse`) or is run all the same (`run`).
    Unless given, that is half a second while the service is away, and five while it is slow.
    An intent that could not be recorded, or cannot become that safe, is refused either way.
    `fence` names a lock: the tool raises OldFence, and is not run, unless its session holds that
    lock (`call.lock`) when it is to run. Outside of a durable call nothing of this is checked.
    """

    gate = EffectGate(level, wait_s, at_bound, fence)

    def decorate(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        signature = inspect.signature(tool)

        @functools.wraps(tool)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            arguments = signature.bind(*args, **kwargs).arguments
            context = _context(arguments)
            live = _live(context)
            said = {n: plain(v) for n, v in arguments.items() if n != "self" and v is not context}
            made = _known_key(live, context, tool.__name__)
            turn = _turn(live, context)
            made = made or (key(**said) if key else _key(live, tool.__name__, said, turn))
            effect_ = Effect(made, tool.__name__, retry)
            work = functools.partial(_within, effect_, tool, *args, **kwargs)
            if live is None:
                return await work()
            call_id = context.function_call.call_id
            if _is_within(live, call_id, tool.__name__):
                name = note_of(made, turn)
                if (known := _note(live, name, tool)) is not _NOTHING:
                    return cast("R", known)
                work = functools.partial(_noted, live, name, work)
            intend = functools.partial(_intend, live, call_id, effect_, said, gate)
            return await _once(live, made, intend, work)

        return run

    return decorate


async def _once(
    live: Live, key: str, intend: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[R]]
) -> R:
    """Do it, unless the same wish is being done, or was done in this turn."""
    running = _running.setdefault(live, {})
    if first := running.get(key):
        done: R = await asyncio.shield(first)
        return done
    if was_done := _done(live, key):
        return cast("R", was_done.output)  # as the model had it: text
    promise = running[key] = asyncio.get_running_loop().create_future()
    try:
        await intend()
        result = await work()
    except BaseException as error:
        promise.set_exception(error if isinstance(error, Exception) else EffectUnknown(str(error)))
        promise.exception()  # nobody may be waiting
        raise
    finally:
        del running[key]
    promise.set_result(result)
    return result


def _is_within(live: Live, call_id: str, name: str) -> bool:
    """Whether another tool does it."""
    call = live.session.tools.get(call_id)
    return call is not None and call.name != name


async def _noted(live: Live, name: str, work: Callable[[], Awaitable[R]]) -> R:
    """Do it, and note what it came to if that can be given again."""
    result = await work()
    with contextlib.suppress(Exception):  # whatever it is, it was done
        value = typed.encode(result)
        if len(msgspec.json.encode(value)) <= KEPT_BYTES_MAX and _read(value, Any) is not _NOTHING:
            live.record(Noted(name, value))
    return result


def _note(live: Live, name: str, tool: Callable[..., Any]) -> Any:
    """What it came to before, or _NOTHING."""
    hint, notes = getattr(tool, "__annotations__", {}).get("return", Any), live.session.notes
    return _read(notes[name], Any if isinstance(hint, str) else hint) if name in notes else _NOTHING


def _read(value: Any, hint: Any) -> Any:
    try:
        return typed.value_of(value, hint)
    except typed.Unfit:
        return _NOTHING


def _done(live: Live, key: str) -> Tool | None:
    """Not one that handed over: the agent that it returned is in no log."""
    session = live.session
    same = (tool for tool in session.tools.values() if (tool.key, tool.turn) == (key, session.turn))
    return next((t for t in same if t.end and t.status == "done" and not t.end.hands_over), None)


async def _within(
    effect_: Effect, tool: Callable[..., Awaitable[R]], *args: Any, **kwargs: Any
) -> R:
    token = _current.set(effect_)
    try:
        return await tool(*args, **kwargs)
    finally:
        _current.reset(token)


def _context(arguments: dict[str, Any]) -> Any:
    """The RunContext among the tool's arguments, known by what it has: no LiveKit here."""
    found = (v for v in arguments.values() if hasattr(v, "session") and hasattr(v, "function_call"))
    return next(found, None)


def _live(context: Any) -> Live | None:
    return by_agent_session.get(context.session) if context is not None else None


async def _intend(
    live: Live, call_id: str, effect_: Effect, said: dict[str, Any], gate: EffectGate
) -> None:
    """Write the intent and wait for its level."""
    arguments = msgspec.json.encode(said, order="sorted").decode()
    _refuse_unknown(live, effect_)
    _refuse_deposed(live, effect_)
    n = live.record(
        ToolStarted(call_id, effect_.tool, arguments, key=effect_.key, retry=effect_.retry)
    )
    try:
        is_safe = await _is_safe(live, gate, n)
    except LevelUnavailable as error:
        raise refusal(LevelUnavailable, f"{effect_.tool} was not done: {error}") from error
    if not is_safe and gate.at_bound == "refuse":
        raise refusal(LevelUnavailable, f"{effect_.tool} was not done: {_why(live, gate.level)}")
    _refuse_deposed(live, effect_)
    await _refuse_old_fence(live, effect_, gate)


async def _is_safe(live: Live, gate: EffectGate, n: int) -> bool:
    """Whether entry `n` is as safe as asked, in time."""
    if gate.wait_s is not None:
        return await live.durable(gate.level, upto=n, timeout_s=gate.wait_s)
    for _ in range(WAITS):
        acked = live.ack.acked
        if await live.durable(gate.level, upto=n, timeout_s=WAIT_S):
            return True
        if live.ack.acked == acked and live.lag.service.seconds > AWAY_S:
            return False
    return False


def _why(live: Live, level: Level) -> str:
    away_s = live.lag.service.seconds
    if level == "service" and away_s > AWAY_S:
        return f"the service is away, it has confirmed nothing for {away_s:.0f} s"
    return f"its intent is not safe at {level} yet"


def refusal(kind: type[UnbrokenError], words: str) -> UnbrokenError:
    """An error of this kind that the model is told."""
    return refusals.get(kind, kind)(words)


def _refuse_deposed(live: Live, effect_: Effect) -> None:
    """Also where the level says nothing of the service: the next holder does what is to be done."""
    if live.is_fenced or live.is_ended:
        raise refusal(
            LevelUnavailable,
            f"{effect_.tool} was not done: the session is another agent's, or over",
        )


async def _refuse_old_fence(live: Live, effect_: Effect, gate: EffectGate) -> None:
    if gate.fence is None:
        return
    try:
        await held.confirm(live, gate.fence)
    except OldFence as error:
        raise refusal(OldFence, f"{effect_.tool} was not done: {error}") from error


def _refuse_unknown(live: Live, effect_: Effect) -> None:
    """What may have been done before a crash is not done again unless that is harmless."""
    same = (tool for tool in live.session.tools.values() if tool.key == effect_.key)
    if effect_.retry == "ask" and any(tool.status is None for tool in same):
        said = f"{effect_.tool} may have been done before a crash: ask the person"
        raise refusal(EffectUnknown, said)


def _known_key(live: Live | None, context: Any, tool: str) -> str | None:
    """That of a call which is run again: a later turn does not make it another wish."""
    call = live.session.tools.get(context.function_call.call_id) if live else None
    return call.key if call and call.name == tool else None


def _turn(live: Live | None, context: Any) -> str | None:
    """Of the call in which it is done: the person may have said something since."""
    call = live.session.tools.get(context.function_call.call_id) if live else None
    return call.turn if call else live.session.turn if live else None


def _key(live: Live | None, tool: str, said: dict[str, Any], turn: str | None) -> str:
    """The same for the same wish in the same turn of the same session."""
    header = live.journal.header if live else None
    session = str(header.session_id or header.new_session_id) if header else ""
    parts = msgspec.json.encode([session, turn, tool, said], order="sorted")
    return hashlib.sha256(parts).hexdigest()[:32]
