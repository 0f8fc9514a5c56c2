"""Whether what is kept of a session is what was stored, row by row.

Three comparisons. Each row has a sum of what it said when it was written. The entries of a log
are numbered without a gap up to `last_seq`, and their hashes make the chain of the session. The
lines that people read are what this version makes of the log. A row that was changed together
with its own sum is found by the chain, and if it is a line, by the line.
"""

import hashlib
from collections.abc import Iterable
from typing import Self
from uuid import UUID

from unbroken.archive.port import NUMBER_MAX
from unbroken.blobs import Blobs
from unbroken.errors import Corrupt, NotFound
from unbroken.log import entries, large
from unbroken.store.projection import PutMessage, RemoveMessages, changes
from unbroken.store.records import FIRST_PLACE, Finding, Verified
from unbroken.store.sums import row_sum
from unbroken.store.transaction import Row, Transaction

FINDINGS_MAX = 1_000  # named; the others are counted


class Verifying:
    """The rows of one session, inside one transaction, once."""

    def __init__(self, tx: Transaction, session_id: UUID) -> None:
        self._tx = tx
        self._session_id = session_id
        self._found: list[Finding] = []
        self._more = 0
        self._entries = self._side = 0
        self._is_log_whole = False
        self._lines: dict[str, tuple[int, int]] = {}  # seq and sum of those that the log makes
        self.parts: set[str] = set()
        """Names of the large parts that the log refers to: they are kept elsewhere."""

    def run(self) -> Self:
        """Compare all but large parts. Raises NotFound."""
        known = self._tx.one("get_chain", session_id=self._session_id)
        if known is None:
            raise NotFound(f"no session {self._session_id}")
        self._verify_log(known)
        self._verify_lines()
        self._verify_side()
        return self

    def verified(self, parts: Iterable[Finding]) -> Verified:
        """What was found, and what was found wrong with large parts."""
        for finding in parts:
            self._add(finding)
        return Verified(
            session_id=self._session_id,
            entries=self._entries,
            messages=len(self._lines),
            side_entries=self._side,
            blobs=len(self.parts),
            findings=tuple(self._found),
            count=self.count,
        )

    @property
    def count(self) -> int:
        return len(self._found) + self._more

    def _verify_log(self, known: Row) -> None:
        last_seq, chain, next_seq = known["last_seq"], b"", 1
        all_of_it = {"after": -1, "upto": NUMBER_MAX, "limit": NUMBER_MAX}
        for row in self._tx.each("list_entries", session_id=self._session_id, **all_of_it):
            self._entries += 1
            if not next_seq <= row["seq"] <= last_seq:
                self._find("entries", row["seq"], "added")
                continue
            self._miss(next_seq, row["seq"])
            next_seq = row["seq"] + 1
            chain = hashlib.sha256(chain + row["sha256"]).digest()
            self._verify_entry(row)
        self._miss(next_seq, last_seq + 1)
        self._is_log_whole = not self.count
        is_complete = all(one.what != "missing" for one in self._found)
        if is_complete and chain != (known["chain"] or b""):
            self._find("sessions", "chain", "changed")

    def _miss(self, first: int, end: int) -> None:
        """However many those are: a number that was changed may be any."""
        named = range(first, min(end, first + FINDINGS_MAX))
        for seq in named:
            self._find("entries", seq, "missing")
        self._more += max(0, end - first - len(named))

    def _verify_entry(self, row: Row) -> None:
        if not row["is_whole"]:
            self._find("entries", row["seq"], "changed")
            return
        payload = row["payload"] or b""
        if row["flags"] & entries.BLOBS:
            self.parts.update(large.references(payload))
        match changes(row["kind"], payload, row["at"], row["flags"]):
            case PutMessage() as put:
                self._lines[put.item_id] = (row["seq"], _sum(put))
            case RemoveMessages(item_ids=gone):
                for item_id in gone:
                    self._lines.pop(item_id, None)

    def _verify_lines(self) -> None:
        """Where the log has lost entries, lines can only be compared with their own sums."""
        left = dict(self._lines)
        for row in self._tx.each("list_lines", session_id=self._session_id):
            made = left.pop(row["item_id"], None)
            is_made = made == (row["seq"], row["head"]) or not self._is_log_whole
            if made is None and self._is_log_whole:
                self._find("messages", row["item_id"], "added")
            elif row["is_damaged"] or row["is_misplaced"] or not is_made:
                self._find("messages", row["item_id"], "changed")
        for item_id in left if self._is_log_whole else ():
            self._find("messages", item_id, "missing")

    def _verify_side(self) -> None:
        term, holder, seq = FIRST_PLACE
        place = {"after_term": term, "after_holder": holder, "after_seq": seq}
        asked = {"session_id": self._session_id, "limit": NUMBER_MAX, **place}
        for row in self._tx.each("list_side_entries", **asked):
            self._side += 1
            if not row["is_whole"]:
                name = f"{row['term']}/{row['holder']}/{row['seq']}"
                self._find("side_entries", name, "changed")

    def _find(self, table: str, row: object, what: str) -> None:
        self._add(Finding(table, str(row), what))

    def _add(self, finding: Finding) -> None:
        if len(self._found) < FINDINGS_MAX:
            self._found.append(finding)
        else:
            self._more += 1


async def verify_parts(blobs: Blobs, parts: Iterable[str]) -> list[Finding]:
    """What is wrong with these large parts. Raises ArchiveUnavailable."""
    found = []
    for name in sorted(parts):
        try:
            await blobs.get(bytes.fromhex(name))
        except NotFound:
            found.append(Finding("blobs", name, "missing"))
        except Corrupt:
            found.append(Finding("blobs", name, "changed"))
    return found


def _sum(put: PutMessage) -> int:
    """As `put_message` writes it."""
    said = (put.item_id.encode(), put.role.encode(), put.text.encode(), int(put.interrupted))
    speaker = None if put.speaker is None else put.speaker.encode()
    metrics = None if put.metrics is None else put.metrics.encode()
    return row_sum(*said, speaker, put.at_us, put.heard_ms, metrics)
