"""What an archive promises of the log: each entry once, in order, of the one who may write."""

import pytest

from unbroken.archive.port import Archive, HostBatch, Taken, WireMark
from unbroken.errors import CallTaken
from unbroken.log.entries import PAYLOAD_BYTES_MAX
from unbroken.testing.holders import ENV, TTL_MS, Holder, entry, numbered, payloads


async def log_of(archive: Archive, holder: Holder, room: str = "room") -> Taken:
    """The whole log as a successor gets it; ends the term of `holder`."""
    assert (await holder.append(1, final="killed")).outcome == "acked"
    return await Holder(archive).take(room)


class AppendContract:
    async def test_entries_come_back_as_they_were(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        sent = [entry(bytes(range(256))), entry(b""), entry(b"x" * PAYLOAD_BYTES_MAX)]
        assert (await holder.append(1, *sent)).seq == 3
        taken = await log_of(archive, holder)
        assert payloads(taken) == [e.payload for e in sent]
        assert [(e.seq, e.term, e.kind) for e in taken.entries] == [
            (n, 1, "note") for n in (1, 2, 3)
        ]

    async def test_what_is_sent_again_is_confirmed_and_stored_once(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        sent = numbered(1, 5)
        for low, high in ((1, 3), (1, 3), (2, 5), (1, 5)):
            answer = await holder.append(low, *sent[low - 1 : high])
            assert answer.outcome == "acked"
        assert payloads(await log_of(archive, holder)) == [e.payload for e in sent]

    async def test_an_empty_batch_is_answered_with_the_head(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 4))
        answer = await holder.append(5)
        assert (answer.outcome, answer.seq) == ("acked", 4)

    async def test_a_gap_is_named_and_nothing_of_it_is_stored(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 2))
        answer = await holder.append(4, *numbered(4, 5))
        assert (answer.outcome, answer.seq) == ("gap", 2)
        assert (await holder.append(3, *numbered(3, 5))).seq == 5

    async def test_late_entries_of_an_old_holder_stay_out_of_the_log(
        self, archive: Archive
    ) -> None:
        old, new = Holder(archive), Holder(archive)
        await old.take()
        await old.append(1, *numbered(1, 2), final="killed")
        await new.take()
        await new.append(3, entry(b"new"))
        answer = await old.append(2, *numbered(2, 4))
        assert (answer.outcome, answer.seq) == ("fenced", 2)
        taken = await log_of(archive, new)
        assert payloads(taken) == [e.payload for e in numbered(1, 2)] + [b"new"]

    async def test_until_somebody_takes_an_orphans_entries_are_accepted(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 1), final="killed")
        assert (await holder.append(2, *numbered(2, 2))).outcome == "acked"
        assert (await Holder(archive).take()).base == 2

    async def test_one_batch_may_name_both_holders_of_a_session(self, archive: Archive) -> None:
        old, new = Holder(archive), Holder(archive)
        await old.take()
        await old.append(1, *numbered(1, 2), final="killed")
        await new.take()
        answers = await new.send(old.batch(2, *numbered(2, 3)), new.batch(3, entry(b"new")))
        assert [(a.outcome, a.seq) for a in answers] == [("fenced", 2), ("acked", 3)]

    async def test_the_last_batch_and_its_end_are_one_step(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, *numbered(1, 3), final="killed")).outcome == "acked"
        taken = await Holder(archive).take()
        assert (taken.base, taken.cause) == (3, "killed")

    async def test_a_last_batch_with_a_gap_ends_nothing(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(2, *numbered(2, 3), final="killed")).outcome == "gap"
        with pytest.raises(CallTaken):
            await Holder(archive).take()

    async def test_one_bad_session_does_not_block_another(self, archive: Archive) -> None:
        good, bad = Holder(archive), Holder(archive)
        await good.take("good")
        await bad.take("bad")
        large = entry(b"x" * (PAYLOAD_BYTES_MAX + 1))
        answers = await good.send(bad.batch(1, large), good.batch(1, entry()), bad.batch(0))
        assert [(a.outcome, a.code) for a in answers] == [
            ("refused", "payload_too_large"),
            ("acked", None),
            ("refused", "bad_first"),
        ]

    async def test_too_many_entries_are_refused(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        answer = await holder.append(1, *numbered(1, 501))
        assert (answer.outcome, answer.code) == ("refused", "too_many_entries")

    async def test_a_session_that_nobody_knows_is_unknown(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        answer = await holder.append(1, entry(), session_id=ENV.new_id())
        assert answer.outcome == "unknown"

    async def test_a_holder_that_never_took_is_unknown(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, entry(), holder=ENV.new_id())).outcome == "unknown"
        assert (await holder.append(1, entry(), term=7)).outcome == "unknown"

    async def test_an_ended_session_takes_no_more(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))).seq == 1
        answer = await holder.append(1, *numbered(1, 2))
        assert (answer.outcome, answer.seq) == ("ended", 1)

    async def test_the_newest_mark_is_given_to_the_successor(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        for mark in (WireMark(1, 20, b"half"), WireMark(1, 10, b"older")):
            await holder.append(1, *numbered(1, 1), mark=mark)
        assert (await log_of(archive, holder)).mark == WireMark(1, 20, b"half")

    async def test_a_mark_that_was_dropped_is_gone(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        for mark in (WireMark(0, 10, b"half"), WireMark(0, 20, b"")):
            await holder.append(1, mark=mark)
        assert (await log_of(archive, holder)).mark is None

    async def test_what_was_never_granted_stays_beside_the_log(self, archive: Archive) -> None:
        owner, refused = Holder(archive), Holder(archive)
        await owner.take()
        await owner.append(1, *numbered(1, 2))
        refused.taken = owner.taken
        for _ in range(2):
            answer = await refused.append(1, *numbered(1, 3), term=0, final="refused")
            assert (answer.outcome, answer.seq) == ("fenced", 0)
        assert (await owner.append(3, entry(b"mine"))).seq == 3
        assert payloads(await log_of(archive, owner))[2:] == [b"mine"]

    async def test_nothing_is_kept_beside_a_session_that_nobody_knows(
        self, archive: Archive
    ) -> None:
        refused = Holder(archive)
        (answer,) = await refused.send(refused.batch_of(ENV.new_id(), 0))
        assert answer.outcome == "unknown"

    async def test_every_answer_names_the_same_opening_of_the_store(self, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        sent = HostBatch(host_id=holder.host_id, host_name="test", ttl_ms=TTL_MS)
        assert {(await archive.append(sent)).store for _ in range(3)} == {taken.store}
