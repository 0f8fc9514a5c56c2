"""Mutants of what runs in the agent: journal, frames, ack file, levels, effects."""

from bench.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        name="a frame is taken without its checksum",
        file="frames.py",
        old="return body if zlib.crc32(body) == crc else None",
        new="return body",
        promise="What is read was written: a flipped bit is never taken for an entry.",
        test="core/test_frames.py::test_no_flipped_bit_is_read_as_what_was_never_written",
    ),
    Mutant(
        name="a later wish hides an earlier one",
        file="ack.py",
        old="self._words[_WANTED] = max(n, self._words[_WANTED])",
        new="self._words[_WANTED] = n",
        promise="Whoever waits for an entry is shipped at once, whoever else waits.",
        test="core/test_ack.py::test_who_waits_for_less_takes_nothing_from_who_waits_for_more",
    ),
    Mutant(
        name="more losses than the ack file holds go unseen",
        file="ack.py",
        old="if found - count > len(_LOST_RING):",
        new="if found - count > 1 << 60:",
        promise="An agent learns of every lost entry, or that it cannot know which.",
        test="core/test_ack.py::test_more_losses_than_can_be_named_are_said_to_be_unknown",
    ),
)
