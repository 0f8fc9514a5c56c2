"""Mutants of what reads a journal: damage costs itself, and what is missing is named."""

from bench.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        name="reading ends at the first bad frame",
        file="journal/reader.py",
        old="                self._skip(at)\n",
        new="                self._skip(size)\n",
        promise="A damaged frame costs itself, never those behind it.",
        test="core/test_reader.py::test_every_flipped_bit_costs_its_frame_and_nothing_else",
    ),
    Mutant(
        name="a torn end of a living journal is damage",
        file="journal/reader.py",
        old="        self.is_at_end = True\n        if is_living:\n",
        new="        self.is_at_end = True\n        if not is_living:\n",
        promise="In a living journal a torn last frame is not yet.",
        test="core/test_reader.py::test_a_torn_end_is_damage_only_when_its_holder_is_dead",
    ),
    Mutant(
        name="a flipped bit in the header costs the session",
        file="frames.py",
        old="(body := _body(data, PREFIX.size) or _mended(data, PREFIX.size))",
        new="(body := _body(data, PREFIX.size))",
        promise="A header with one flipped bit is known as it was.",
        test="core/test_reader.py::test_a_header_with_one_flipped_bit_is_known_as_it_was",
    ),
    Mutant(
        name="the holder's later files are not read",
        file="journal/parts_reader.py",
        old="if part < PARTS_MAX and",
        new="if part < 1 and",
        promise="What a failed fsync put into the next file is shipped, too.",
        test="core/test_reader.py::test_the_files_of_a_holder_are_read_as_one",
    ),
    Mutant(
        name="what is missing between is passed over",
        file="keeper/backlog.py",
        old="            self._miss(frame.n - 1)\n",
        new="            self.read = frame.n - 1\n",
        promise="The log has no gap: what cannot be read is named lost.",
        test="core/test_backlog.py"
        "::test_what_cannot_be_read_between_two_entries_is_named_between_them",
    ),
    Mutant(
        name="a missing last entry is silent",
        file="keeper/backlog.py",
        old="        if reaches > self.read:\n",
        new="        if reaches < 0:\n",
        promise="A damaged or dropped last entry is named, too.",
        test="core/test_damage.py::test_what_is_missing_is_named",
    ),
    Mutant(
        name="an entry that stands in two files is shipped twice",
        file="keeper/backlog.py",
        old="        if frame.n <= self.read:\n",
        new="        if frame.n < 0:\n",
        promise="Each entry is shipped once, in however many files it stands.",
        test="core/test_acknowledged.py::test_what_stands_in_two_files_is_stored_once",
    ),
    Mutant(
        name="a journal that is over keeps its descriptor",
        file="keeper/backlog.py",
        old="        self._parts.rest()\n",
        new="        self._parts.is_at_end\n",
        promise="No descriptor is held for what is over.",
        test="core/test_damage.py::test_nothing_is_open_for_what_is_over",
    ),
    Mutant(
        name="an ack file invents entries",
        file="keeper/backlog.py",
        old="reaches = max(n for n in (self._reaches, self._appended, 0) if self._is_possible(n))",
        new="reaches = max(self._reaches, self._appended, 0)",
        promise="Hostile words in an ack file make no entries.",
        test="core/test_damage.py::test_hostile_words_in_an_ack_file_make_no_entries",
    ),
    Mutant(
        name="any process with that pid is killed",
        file="keeper/freeze.py",
        old="pid == env.pid() or env.started(pid) != pid_start",
        new="pid == env.pid() or env.started(pid) is None",
        promise="Only the process that wrote the journal is ever killed.",
        test="core/test_tend.py::test_a_process_that_is_not_the_keeper_is_left_alone",
    ),
)
