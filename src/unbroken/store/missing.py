"""What a store that went back lacks, and its host has no more: named in the log, never passed over.

Theory of operation. A holder that is granted again knows behind how many entries its own began. Its
keeper asks when the journals of earlier holders have nothing more to ship, so what the log lacks
then up to there will not come. Each missing entry is one that is lost, in its place: so what the
holders behind it count from stays what it was.
"""

import hashlib

from unbroken.log.cause import STORE_RESTORED
from unbroken.log.entries import KIND_OF, Lost, encode
from unbroken.store.sums import row_sum
from unbroken.store.transaction import TENANT, Row, Transaction

NAMED_MAX = 10_000  # in one transaction; the last one stands for the others


def name_missing(tx: Transaction, grant: Row, granted_base: int) -> int:
    """How many entries of a term, which has just been taken, are missing in front of it. If the
    store went back, they stand in the log, and the term begins behind them."""
    gap: int = granted_base - grant["base"]
    if gap <= 0 or grant["cause"] != STORE_RESTORED:
        return 0
    _put(tx, grant, gap)
    return gap


def _put(tx: Transaction, grant: Row, gap: int) -> None:
    session_id, term, seq = grant["session_id"], grant["term"], grant["base"]
    known = tx.one("get_chain", session_id=session_id)
    chain, kind = (known and known["chain"]) or b"", KIND_OF[Lost]
    rows = []
    for left in range(gap, max(gap - NAMED_MAX, 0), -1):
        seq += 1
        is_last = seq == grant["base"] + NAMED_MAX
        payload, flags = encode(Lost(STORE_RESTORED, count=left if is_last else 1))
        sha256 = hashlib.sha256(payload).digest()
        chain = hashlib.sha256(chain + sha256).digest()
        head = row_sum(seq, term, kind.encode(), flags, tx.now_us)
        at = (TENANT, term, kind, flags, tx.now_us)
        rows.append((session_id, seq, *at, payload, sha256, head))
    tx.many("put_lost", rows)
    tx.all("begin_behind", session_id=session_id, term=term, seq=seq, chain=chain)
