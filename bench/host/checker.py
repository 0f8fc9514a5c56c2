"""Compares what was acknowledged with what is stored, entry by entry."""

import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from bench.host import said
from bench.host.attack import Attack
from bench.host.store import Store

SETTLE_S = 60  # for what a killed holder left; seconds are usual
LOOK_S = 0.25


@dataclass(frozen=True)
class Claim:
    """What a holder was told, by the time of its end: up to which n its entries are safe.

    `may_be_lost`: entries that an attack destroyed; each must be named lost, if it is not there.
    `recorded` is None when nobody knows how many there were.
    """

    session_id: UUID
    seed: int
    told: int = 0
    recorded: int | None = None
    is_taken: bool = False
    is_alive: bool = False
    may_be_lost: Collection[int] = ()


def settle(store: Store, claims: Iterable[Claim], *, limit_s: float = SETTLE_S) -> bool:
    """Wait until every end was told to the service; False if it was not within `limit_s`."""
    waited = {c.session_id for c in claims if (c.told or c.is_taken) and not c.is_alive}
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        phases = store.phases()
        if all(phases.get(session_id, "live") != "live" for session_id in waited):
            return True
        time.sleep(LOOK_S)
    return False


def check(attack: Attack, store: Store, claims: Iterable[Claim], *, where: str = "") -> None:
    """Every claim holds: nothing lost, doubled, reordered or changed, nothing beside the log."""
    phases = store.phases()
    for claim in claims:
        about = f"{where}seed {claim.seed}"
        attack.counts["holders"] += 1
        attack.counts["acknowledged"] += claim.told
        phase = phases.get(claim.session_id)
        if claim.told or claim.is_taken:
            attack.require(phase, f"{about}: acknowledged, but the service knows no session")
        if not claim.is_alive:
            attack.require(phase != "live", f"{about}: the session of a dead holder is live")
        problem = _problem(attack, store, claim)
        attack.require(not problem, f"{about}: {problem}")


def _problem(attack: Attack, store: Store, claim: Claim) -> str | None:
    log = store.log(claim.session_id)
    attack.counts["stored"] += len(log)
    if [seq for seq, _, _ in log] != list(range(1, len(log) + 1)):
        return f"the log has a gap: {[seq for seq, _, _ in log][:50]}"
    if len(log) < claim.told:
        return f"{claim.told} were acknowledged, {len(log)} are stored"
    if claim.recorded is not None and len(log) != claim.recorded:
        return f"{claim.recorded} were recorded, {len(log)} are stored"
    if beside := store.side(claim.session_id):
        return f"{len(beside)} entries are in the side lane: {beside[0][:2]}"
    attack.counts["named lost"] += sum(kind == "lost" for _, kind, _ in log)
    wrong = (found for entry in log if (found := _wrong(store, claim, *entry)))
    return next(wrong, None)


def _wrong(store: Store, claim: Claim, seq: int, kind: str, payload: bytes) -> str | None:
    """What is wrong with an entry of the log."""
    if kind == "lost" and (seq in claim.may_be_lost or _is_unwritten(claim, seq, payload)):
        return None
    if kind != "note" or not said.is_entry(payload, claim.seed, seq):
        return f"entry {seq} is not what was said: {kind} {payload[:80]!r}"
    if (blob := said.blob_of(payload)) and not store.has_blob(blob):
        return f"the blob of entry {seq} is not stored"
    return None


def _is_unwritten(claim: Claim, seq: int, payload: bytes) -> bool:
    """An entry that was recorded, and not yet or half written when its process was killed: it was
    not acknowledged, and the log names it."""
    cause = json.loads(payload).get("cause")
    return seq > claim.told and cause in ("not_written", "unreadable")
