"""What an AgentTask came to, in the log: a value that it returned, or an exception."""

import typing
from typing import Any

from livekit.agents import AgentTask

from unbroken.log.entries import JSON
from unbroken.typed import Decoder, TooMuch, encode
from unbroken.typed.decode import Refer
from unbroken.typed.encode import Name
from unbroken.typed.names import find, name_of

RETURNED, RAISED, WITH, NOT_KEPT = "returned", "raised", "with", "not_kept"


class OutcomeLost(Exception):
    """What a task came to cannot be given again; in words."""


def written(outcome: object, name: Name) -> JSON:
    """`outcome` as JSON that says its type. Never raises: one that cannot be kept says so."""
    try:
        if isinstance(outcome, BaseException):
            state = {"args": outcome.args, "more": dict(vars(outcome))}
            return {RAISED: name_of(type(outcome)), WITH: encode(state, name)}
        return {RETURNED: encode(outcome, name)}
    except TooMuch as error:
        return {NOT_KEPT: str(error)}


def status_of(outcome: object) -> str:
    return "error" if isinstance(outcome, BaseException) else "done"


def read(saved: JSON, task: AgentTask[Any], refer: Refer) -> object:
    """The outcome again: the value, or the exception that is to be raised.

    Raises OutcomeLost.
    """
    if not isinstance(saved, dict) or NOT_KEPT in saved:
        why = saved.get(NOT_KEPT) if isinstance(saved, dict) else "it is of an unknown form"
        raise OutcomeLost(f"its result was not kept: {why}")
    if RAISED in saved:
        return _exception(saved[RAISED], _value(saved.get(WITH), Any, refer))
    return _value(saved.get(RETURNED), _result_type(task), refer)


def _value(saved: JSON, hint: Any, refer: Refer) -> Any:
    decoder = Decoder(refer, lambda _: None)
    try:
        value = decoder.of(saved, (), hint=hint)
    except Exception as error:
        raise OutcomeLost(f"its result cannot be made again: {error}") from error
    if decoder.problems:
        raise OutcomeLost(f"its result cannot be made again: {decoder.problems[0]}")
    return value


def _exception(name: str, state: dict[str, Any]) -> BaseException:
    """Made without its `__init__`, which may want anything."""
    kind = find(name, [Exception])
    if kind is None or not issubclass(kind, Exception) or name_of(kind) != name:
        raise OutcomeLost(f"this version has no {name}, which it raised")
    made: BaseException = kind.__new__(kind)
    made.args = state["args"]
    vars(made).update(state["more"])
    return made


def _result_type(task: AgentTask[Any]) -> Any:
    """`str` of an `AgentTask[str]`; Any where the class does not say."""
    for kind in type(task).__mro__:
        for base in getattr(kind, "__orig_bases__", ()):
            if typing.get_origin(base) is AgentTask:
                return next(iter(typing.get_args(base)), Any)
    return Any
