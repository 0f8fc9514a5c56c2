"""Digests of a field that are followed by another one need not be compared."""

import pytest

from unbroken.log import digest
from unbroken.log.digest import only_newest
from unbroken.log.entries import (
    AgentEntered,
    ContextChanged,
    Digested,
    ItemPut,
    ItemsRemoved,
    Noted,
    OptionsChanged,
    Unknown,
)
from unbroken.log.session import Session

FIELDS = ("history", "context of A", "options")


def put(n, text=""):
    item = {"id": f"i{n}", "type": "message", "role": "user", "content": [text]}
    return ItemPut(item, after=f"i{n - 1}", agent="A")


def written():
    """What an agent writes: each change with digests behind it, some of them of something else."""
    session, found = Session(), []
    changes = (
        AgentEntered("A"), put(1), put(2), OptionsChanged({"x": 1}), put(3), put(2, "edited"),
        Noted("n"), ItemsRemoved(("i1",)), ContextChanged("A", 1, ("i3",)), Unknown("new", b"{}"),
        OptionsChanged({"x": 2}), put(4),
    )  # fmt: skip
    for n, change in enumerate(changes):
        session.apply(change)
        of = {field: digest.of(session.folded(field)) for field in FIELDS[n % 2 :]}
        if n % 3 == 2:
            of["options"] = "of something else"
        found += [change, Digested(of)]
    return [*found, put(5)]  # a kill came before its digest


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("upto", range(1, 26))
def test_the_newest_alone_lead_to_the_same_state(size, upto):
    payloads = written()[:upto]
    whole, session = Session(), Session()
    for payload in payloads:
        whole.apply(payload)
    for at in range(0, upto, size):
        for payload in only_newest(payloads[at : at + size]):
            session.apply(payload)
    assert (session.digests, session.differing) == (whole.digests, whole.differing)
    assert session.history == whole.history
    assert {f: session.folded(f) for f in FIELDS} == {f: whole.folded(f) for f in FIELDS}


def test_what_is_no_digest_stays_as_it_is():
    payloads = written()
    assert [p for p in only_newest(payloads) if not isinstance(p, Digested)] == [
        p for p in payloads if not isinstance(p, Digested)
    ]
    assert sum(len(p.digests) for p in only_newest(payloads) if isinstance(p, Digested)) == 3
