"""Writes into the log what changed of options, and of agents' instructions and tools."""

from collections.abc import Mapping

import msgspec

from unbroken.live.live import Live
from unbroken.livekit.state import instructions, options, tools, whole
from unbroken.log import digest
from unbroken.log.entries import JSON, AgentEntered, OptionsChanged
from unbroken.log.large import refusal_of
from unbroken.log.session import Session

OPTIONS = "options"


class Switched:
    """Of one session, made before its holder has written any of them. Values are by their names in
    `options.read`.

    What differs from how it was when it was first seen is recorded; what no entry can hold stays
    in the log as it last was, and is named until it has changed to what one can. What an entry
    that was lost had is written again. What the log has otherwise, though nobody has changed it
    here, is written whole. But what this process began with in another way than the log has it (a
    setting that could not be put back) the log keeps, and what a newer version has of an agent's
    instructions and tools is written as that version's.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._known: dict[str, JSON] = {}  # as they were when they were last seen
        self._inherited = _told_of(live.session)  # by an earlier holder
        self._apart: dict[str, tuple[str, str]] = {}  # digests of what it began with, and the log's
        self._written: dict[str, int] = {}  # the entry that has it, by name
        self._renewed: dict[str, tuple[AgentEntered, int]] = {}  # and the entry that has it, by key
        self._losses = live.lost
        self._refused: dict[str, str] = {}  # by name: why

    @property
    def refused(self) -> frozenset[str]:
        """The names of what is in no entry as it is now."""
        return frozenset(self._refused)

    def record(self, now: Mapping[str, JSON]) -> None:
        """Record what is not as it was."""
        self._meet({name: value for name, value in now.items() if name not in self._known})
        known, self._known = self._known, {**self._known, **now}
        if changed := {name: value for name, value in now.items() if value != known[name]}:
            self._write(changed)

    def write_lost(self) -> None:
        """Write again what lost entries had; while the disk takes nothing that is not tried."""
        if self._live.journal.trouble or self._live.lost == self._losses:
            return
        self._losses = self._live.lost
        lost = [name for name, n in self._written.items() if self._live.is_lost(n)]
        self._write_whole({name: self._known[name] for name in lost})
        for renewed in [one for one, n in self._renewed.values() if self._live.is_lost(n)]:
            self._write_renewed(renewed)
            whole.note(self._live, instructions.OF + renewed.agent)

    def mend(self, now: Mapping[str, JSON]) -> None:
        """Write what the log has otherwise."""
        self._write_whole({name: now[name] for name in now if self._is_wrong(name, now[name])})

    def _meet(self, new: Mapping[str, JSON]) -> None:
        """What is seen for the first time: changed already, if the log knows it from this holder
        and otherwise."""
        for name, value in new.items():
            logged = _logged(self._live.session, name, value)
            is_known = name in self._inherited or are_same(value, logged)
            self._known[name] = value if is_known else logged
        inherited = {name: value for name, value in new.items() if name in self._inherited}
        for key in sorted(self._agents_differing(inherited)):
            self._renew(key, new)
        for name, logged in self._differing(inherited).items():
            self._apart[name] = digest.of(new[name]), digest.of(logged)

    def _differing(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """What the log has of those that it has otherwise."""
        logged = {name: _logged(self._live.session, name, value) for name, value in values.items()}
        return {name: logged[name] for name in values if not are_same(values[name], logged[name])}

    def _agents_differing(self, values: Mapping[str, JSON]) -> set[str]:
        """The keys of agents whose instructions or tools the log has otherwise."""
        names = (n for n in self._differing(values) if n.startswith(options.OF_AN_AGENT))
        return {_agent_in(name) for name in names} & self._live.session.entered.keys()

    def _renew(self, key: str, new: Mapping[str, JSON]) -> None:
        """A newer version has this agent otherwise than it had entered."""
        saved, told, has = self._live.session, instructions.OF + key, tools.OF + key
        before = saved.entered[key]
        renewed = msgspec.structs.replace(
            before,
            instructions=before.instructions if told in saved.options else new[told],
            tools=tools.began_anew(before.tools, saved.folded(has), new[has]),
        )
        self._write_renewed(renewed)
        if has in saved.options:
            self._write({has: new[has]})

    def _write_renewed(self, renewed: AgentEntered) -> None:
        written = self._live.record(OptionsChanged({}, renewed=(renewed,)))
        self._renewed[renewed.agent] = renewed, written

    def _is_wrong(self, name: str, value: JSON) -> bool:
        logged = _logged(self._live.session, name, value)
        if name in self._refused or are_same(value, logged):
            return False
        return self._apart.get(name) != (digest.of(value), digest.of(logged))

    def _write_whole(self, values: Mapping[str, JSON]) -> None:
        if values:
            self._write(values)
        for field in dict.fromkeys(map(field_of, values)):
            whole.note(self._live, field)

    def _write(self, values: Mapping[str, JSON]) -> None:
        """In one entry, or where none can hold that, in one for each value."""
        together = not refusal_of(OptionsChanged(dict(values)))
        for part in [dict(values)] if together else [{name: values[name]} for name in values]:
            why = None if together else refusal_of(OptionsChanged(part))
            for name in part:
                self._refused.pop(name, None)
            if why:
                self._refused |= dict.fromkeys(part, why)
            else:
                self._written |= dict.fromkeys(part, self._live.record(OptionsChanged(part)))
        for field in dict.fromkeys(map(field_of, values)):
            self._name(field)

    def _name(self, field: str) -> None:
        refused = [(n, why) for n, why in self._refused.items() if field_of(n) == field]
        self._live.keep_not(field, "; ".join(f"{n}: {why}" for n, why in refused) or None)


def field_of(name: str) -> str:
    """The field of the state that has the value of this name."""
    return name if name.startswith(options.OF_AN_AGENT) else OPTIONS


def _agent_in(name: str) -> str:
    """The key of the agent whose value it is; "" for the session's own."""
    return name.partition(" of ")[2]


def are_same(value: JSON, other: JSON) -> bool:
    return bool(value == other) or digest.of(value) == digest.of(other)


def _told_of(saved: Session) -> frozenset[str]:
    """The names of what the log knows."""
    of_agents = (kind + key for key in saved.entered for kind in options.OF_AN_AGENT)
    return frozenset([*saved.options, *of_agents])


def _logged(saved: Session, name: str, default: JSON) -> JSON:
    """What the log has of it; `default` where it has nothing."""
    if name in saved.options:
        return saved.options[name]
    is_entered = name.startswith(options.OF_AN_AGENT) and _agent_in(name) in saved.entered
    return saved.folded(name) if is_entered else default
