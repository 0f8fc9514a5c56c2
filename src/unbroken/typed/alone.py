"""One value by itself, for another process that has nothing beside it to compare it with."""

from typing import Any

from unbroken.log.plain import JSON
from unbroken.typed.decode import Decoder
from unbroken.typed.encode import TooMuch, encode
from unbroken.typed.problems import Unfit


def value_of(saved: JSON, hint: Any = Any) -> Any:
    """What `encode` wrote, whole. Raises Unfit if a part of it cannot be put back, or is not of
    the type `hint`."""
    decoder = Decoder(_nobody, lambda _: None)
    value = decoder.of(saved, (), hint=hint)
    if decoder.problems:
        raise Unfit(str(decoder.problems[0]))
    return value


def alone(value: object) -> JSON:
    """As `encode`. Raises Unfit if `value_of` would not give it back, here at least."""
    try:
        saved = encode(value)
    except TooMuch as error:
        raise Unfit(str(error)) from error
    value_of(saved, type(value))
    return saved


def _nobody(name: str, _old: Any) -> Any:
    raise KeyError(name)
