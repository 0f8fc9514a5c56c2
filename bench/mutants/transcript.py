"""Mutants of what people read: which lines there are, in which order, and whose they are."""

from bench.mutants.mutant import Mutant

WORDS = "core/test_words.py::"
SAVED_AGAIN = "core/test_saved_again.py::"

MUTANTS = (
    Mutant(
        name="combining marks are dropped",
        file="words.py",
        old='if kind[0] in "LNM":',
        new='if kind[0] in "LN":',
        promise="Words that differ in a vowel sign are different words.",
        test=WORDS + "test_they_are_different_words",
    ),
    Mutant(
        name="operators are dropped",
        file="words.py",
        old='if kind in ("Sm", "Sc") or char in _MARKS:',
        new="if char in _MARKS:",
        promise="C is not C++.",
        test=WORDS + "test_they_are_different_words",
    ),
    Mutant(
        name="a minus is a hyphen",
        file="words.py",
        old="text = found.sub(operator, text)",
        new="pass",
        promise="-5 is not 5.",
        test=WORDS + "test_they_are_different_words",
    ),
    Mutant(
        name="vowel points never count",
        file="words.py",
        old="return all(one <= other or other <= one for one, other in pairs)",
        new="return bool(list(pairs))",
        promise="Where both texts have vowel points, these count.",
        test=WORDS + "test_they_are_different_words",
    ),
    Mutant(
        name="any reply may be a beginning",
        file="utterance.py",
        old='    if cut.role != "assistant" or cut.whole is None or other.whole is not None:',
        new='    if cut.role != "assistant":',
        promise="Only a reply that was cut is a part of what was written.",
        test="core/test_utterance.py::test_a_line_that_begins_like_another_is_another_line",
    ),
    Mutant(
        name="what is saved again at the end is there twice",
        file="utterance.py",
        old="        withdrawn = tuple(filter(None, repetition.recorded[-lines:]))",
        new="        withdrawn: tuple[str, ...] = ()",
        promise="A conversation that is saved again is there once.",
        test=SAVED_AGAIN + "test_a_call_that_is_saved_again_at_its_end_is_there_once",
    ),
    Mutant(
        name="a way's own lines are a repetition",
        file="utterance.py",
        old="if self._all[p].ways != {way} and",
        new="if",
        promise="Who is the only one to report is taken at his word.",
        test=SAVED_AGAIN + "test_who_is_the_only_one_to_report_is_taken_at_his_word",
    ),
    Mutant(
        name="one line is a repetition",
        file="utterance.py",
        old="REPEATED_MIN = 3",
        new="REPEATED_MIN = 1",
        promise="One line that was said before is said again.",
        test=SAVED_AGAIN + "test_one_line_of_an_application_is_no_repetition",
    ),
    Mutant(
        name="a successor knows no line of its predecessor",
        file="live.py",
        old="Utterances(said_in(self.session))",
        new="Utterances()",
        promise="What a predecessor recorded is known.",
        test=SAVED_AGAIN + "test_a_successor_knows_which_lines_the_application_had_reported",
    ),
)
