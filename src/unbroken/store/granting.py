"""The guarded statement that grants what there is a limit of, with the fences of its pools."""

from uuid import UUID

from unbroken.coordination.lease import LeaseAsk, Pool
from unbroken.store.transaction import Row, Transaction

FENCE_US = 7 * 86_400_000_000  # a fence is known for as long behind the last grant
LEASES_MAX = 1 << 31  # no bound for who has one already
SOME = 64  # of what is forgotten at once


def granted(
    tx: Transaction, ask: LeaseAsk, *, limit: int, call_id: UUID | None = None
) -> Row | None:
    """The lease, with the next fence of its pool; None: as many as there may be are held. What was
    over has been taken away by then (`end_leases`)."""
    session_id, term = ask.session or (None, None)
    pool = ask.pool.text
    row = tx.one(
        "grant_lease",
        lease_id=ask.lease_id,
        pool=pool,
        kind=ask.pool.kind,
        owner=ask.owner,
        session_id=session_id,
        term=term,
        call_id=call_id,
        ttl=ask.ttl_us,
        limit=limit,
    )
    if row is not None:
        tx.one("note_fence", pool=pool, fence=row["fence"])
        old = tx.all("list_old_fences", before=tx.now_us - FENCE_US, limit=SOME)
        tx.many("forget_fence", [(one["tenant"], one["pool"]) for one in old])
    return row


def retry_s(tx: Transaction, pool: Pool) -> float:
    """Until the first one of it may be free by itself."""
    first = tx.one("first_of_leases", pool=pool.text)
    return seconds(tx, first["until"] if first else None)


def seconds(tx: Transaction, until_us: int | None) -> float:
    """From now on; None: none."""
    return 0.0 if until_us is None else max(0, until_us - tx.now_us) / 1_000_000
