"""The restore report: field by field how well a session came back, by comparison alone."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from unbroken.log import digest
from unbroken.log.session import FIELDS, OF_AN_AGENT, Session

EXACT = "exact"
NOT_COMPARED = "the last holder recorded nothing to compare with"
NOT_RECORDED = "not recorded as it was"
NOT_AS_IT_WAS = "not as it was"


class Expected(msgspec.Struct, frozen=True):
    """What was to be put back: the digests of what the log has, by field; and why those that the
    last holder had are not known to be the same."""

    folded: dict[str, str]
    doubts: dict[str, str]


def expected(session: Session, agents: set[str]) -> Expected:
    """Of all fields, and of those agents' fields."""
    known = {*FIELDS, *session.digests}
    if session.userdata_log.type is None:
        known.discard("userdata")
    names = {name for name in known if not name.startswith(OF_AN_AGENT)}
    names = names.union(*map(session.fields_of, agents))
    doubts = dict.fromkeys(session.differing & names, NOT_RECORDED)
    doubts |= dict.fromkeys(names - session.digests.keys(), NOT_COMPARED)
    return Expected({name: digest.of(session.folded(name)) for name in sorted(names)}, doubts)


def report(
    expected: Expected,
    live: Mapping[str, str],
    reasons: Mapping[str, str],
    judged: Mapping[str, str | None] = MappingProxyType({}),
) -> dict[str, str]:
    """`live` are the digests of what stands in the new objects. `reasons` say why something could
    not be put back; whether it was is seen, not believed. `judged` are those that
    were compared as they were put back, and how they differ."""
    found = {name: f"degraded: {why}" for name, why in reasons.items()}
    for name, wanted in expected.folded.items():
        doubt = expected.doubts.get(name)
        is_equal = judged[name] is None if name in judged else live.get(name) == wanted
        why = judged.get(name) or reasons.get(name) or doubt or NOT_AS_IT_WAS
        if is_equal and doubt is None:
            found[name] = EXACT
        else:
            is_there = name in live or name in judged
            found[name] = f"degraded: {why}" if is_there else f"missing: {why}"
    return found
