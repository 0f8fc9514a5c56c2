"""Mutants of capture and restore: agents, their arguments and options, whom they hear."""

from bench.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        name="older options say that the session closes with its person",
        file="livekit/starting.py",
        old='if not given and not legacy["room_input_options"]:',
        new="if False:",
        promise="Where the application said nothing the session does not close with its person.",
        test="livekit/test_room_options.py"
        "::test_older_output_options_switch_the_transcript_off_and_say_nothing_of_the_person",
    ),
)
