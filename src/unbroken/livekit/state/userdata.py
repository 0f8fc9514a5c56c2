"""The session's userdata: captured, and put back into the object that the application gave."""

from collections.abc import Iterator
from typing import Any

from livekit.agents import AgentSession

from unbroken.livekit.state import objects
from unbroken.livekit.state.objects import Target
from unbroken.log.attributes import Attributes
from unbroken.log.entries import JSON
from unbroken.typed import Decoder, Problem, Refer

FIELD = "userdata"
NAME = "session.userdata"  # names it where an agent holds it: no agent is called so


def of(session: AgentSession[Any]) -> Any:
    """None where the application gave none."""
    try:
        return session.userdata
    except ValueError:
        return None


def names(session: AgentSession[Any]) -> dict[int, str]:
    """Its name by its id, if it is one object wherever it stands."""
    data = of(session)
    return {id(data): NAME} if objects.is_one(data) else {}


def refer(session: AgentSession[Any], others: Refer) -> Refer:
    """The userdata by its name, and what the others know."""

    def referred(name: str, old: Any) -> Any:
        return of(session) if name == NAME else others(name, old)

    return referred


def encode(userdata: object) -> JSON:
    """The JSON of `typed`, field by field; without those fields that no entry can hold."""
    return objects.read(userdata, _nobody).value


def targets(session: AgentSession[Any]) -> Iterator[Target]:
    """To read; none where there is none."""
    if (data := of(session)) is not None:
        yield Target(FIELD, data)


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
