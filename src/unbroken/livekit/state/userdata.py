"""The session's userdata: captured, and put back into the object that the application gave."""

from typing import Any

from livekit.agents import AgentSession

from unbroken.livekit.state import objects
from unbroken.livekit.state.objects import Reading
from unbroken.log.attributes import Attributes
from unbroken.log.entries import JSON
from unbroken.typed import Decoder, Name, Problem

FIELD = "userdata"


def of(session: AgentSession[Any]) -> Any:
    """None where the application gave none."""
    try:
        return session.userdata
    except ValueError:
        return None


def encode(userdata: object) -> JSON:
    """The JSON of `typed`, field by field; without those fields that no entry can hold."""
    return objects.read(userdata, _nobody).value


def read(session: AgentSession[Any], name: Name) -> Reading | None:
    """None where there is none."""
    data = of(session)
    return None if data is None else objects.read(data, name)


def put_back(userdata: Any, saved: JSON) -> list[Problem]:
    """Give `userdata` the saved values, in place: the application may hold the object already.

    Nothing is raised; returns what could not be put back. Annotations must fit.
    """
    held = Attributes()
    held.value = saved
    decoder = Decoder(_none, _nobody)
    objects.put_back(userdata, held, decoder)
    return decoder.problems


def restore(session: AgentSession[Any], saved: Attributes, decoder: Decoder) -> None:
    """Put it into the session. What could not be is in the decoder's problems."""
    data = of(session)
    if data is None:
        decoder.problem((), "this version has none")
        return
    if (now := objects.put_back(data, saved, decoder)) is not data:
        session.userdata = now


def _nobody(_value: object) -> str | None:
    return None


def _none(name: str, _old: Any) -> Any:
    raise KeyError(name)
