"""Mutants of how the live lists are seen and recorded."""

from bench.mutants.mutant import Mutant

LISTS = "livekit/test_lists.py::"

MUTANTS = (
    Mutant(
        name="an item joins the context by an entry of its own",
        file="live/mirror.py",
        old="whose = agent if is_new and seen.id in joining else None",
        new="whose = None",
        promise="No prefix of the log has a tool's output in the history alone.",
        test=f"{LISTS}test_no_part_of_the_log_has_an_output_in_the_history_alone",
    ),
    Mutant(
        name="the end of a context is behind the item of the history",
        file="log/session.py",
        old="context.ids[-1] if put.is_last and context.ids else put.after",
        new="put.after",
        promise="A repaired item is the newest of its context.",
        test="livekit/test_repairs.py::"
        "test_a_cut_sentence_is_the_newest_of_a_context_with_copied_messages",
    ),
    Mutant(
        name="only the end of a list is looked at",
        file="live/tracked.py",
        old="first, upto = self._slice(count, min(len(self.seen), len(items)))",
        new="first = upto = 0",
        promise="An edit in place is seen wherever it is.",
        test=f"{LISTS}test_an_edit_in_place_is_seen_by_one_look",
    ),
    Mutant(
        name="an id that stands twice moves what is behind it",
        file="live/mirror.py",
        old="            if seen.is_again:\n                continue",
        new="            pass",
        promise="An id that stands twice costs its own place.",
        test=f"{LISTS}test_an_id_that_stands_twice_costs_its_own_place",
    ),
    Mutant(
        name="other arguments are not named",
        file="livekit/state/arguments.py",
        old="if digest.of(before.get(name)) != digest.of(now.get(name))",
        new="if False",
        promise="What an agent was made with is compared.",
        test="livekit/test_named_fields.py::test_what_an_agent_was_made_with_is_compared",
    ),
    Mutant(
        name="who left meanwhile is not named",
        file="livekit/participants.py",
        old='yield identity, "left meanwhile"',
        new="pass",
        promise="Who was in the room is compared with who is.",
        test="livekit/test_named_fields.py::test_who_was_in_the_room_is_compared_with_who_is",
    ),
    Mutant(
        name="what is slow to read is read each time",
        file="livekit/pace.py",
        old="usual_us * self._rest if usual_us > FREE_US else 0",
        new="0",
        promise="Reading state takes at most a twentieth of the time.",
        test="livekit/test_pace.py::test_what_takes_long_rests_and_is_owed_until_it_is_done",
    ),
    Mutant(
        name="what changes between two turns waits for the next one",
        file="livekit/hooks.py",
        old="self._between.run(self._scan_state)",
        new="pass",
        promise="What an RPC writes while nobody speaks is in the log at the next beat.",
        test="livekit/test_between_turns.py::test_a_change_and_its_digest_are_in_the_log_together",
    ),
    Mutant(
        name="a list that no log can hold is written whole again and again",
        file="livekit/state/lists.py",
        old="(self._in_vain.discard if is_equal else self._in_vain.add)(field)",
        new="self._in_vain.discard(field)",
        promise="What was written whole in vain is not written whole again.",
        test=f"{LISTS}test_a_list_that_no_log_can_hold_is_written_whole_once",
    ),
)
