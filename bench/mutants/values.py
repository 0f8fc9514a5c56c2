"""Mutants of userdata and agents' own attributes: how they are written, and put back."""

from bench.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        name="a field is set by the application's own code",
        file="typed/records.py",
        old='cannot be set."""\n        object.__setattr__(value, name, part)',
        new='cannot be set."""\n        setattr(value, name, part)',
        promise="No code of a record is run to put it back.",
        test="core/test_typed.py::test_no_code_of_a_record_is_run_to_write_it_or_to_put_it_back",
    ),
    Mutant(
        name="a field of another type is put back",
        file="typed/decode.py",
        old="is_checked = printed != hints.print_of(record.kind)",
        new="is_checked = False",
        promise="Where a class has changed, what does not fit its annotation costs that field.",
        test="core/test_typed.py::test_a_field_that_is_gone_or_of_another_type_costs_itself",
    ),
    Mutant(
        name="a live object is written as its words",
        file="typed/encode.py",
        old='return {"$live": name_of(kind)}',
        new="return str(value)",
        promise="A live object is named, never written.",
        test="core/test_typed.py::test_a_live_object_stays_and_is_named_never_written",
    ),
    Mutant(
        name="a module is imported by a name in the log",
        file="typed/names.py",
        old="_member(sys.modules.get(there), path[at:])",
        new="_member(__import__(there), path[at:])",
        promise="Nothing is imported by a name that is read.",
        test="core/test_typed.py::test_a_class_that_nobody_has_loaded_is_never_imported",
    ),
    Mutant(
        name="fields that share no name are written in one piece",
        file="log/changes.py",
        old="if are_dicts and (not at or before.keys() & now.keys()):",
        new="if are_dicts and before.keys() & now.keys():",
        promise="A field that no entry can hold costs itself.",
        test="livekit/test_recorder.py::test_several_large_fields_are_written_each_alone",
    ),
    Mutant(
        name="state that is too large is called safe",
        file="live/live.py",
        old="return upto is not None or not self._unkept",
        new="return True",
        promise="durable is never True while a field, as it is, is in no entry.",
        test="livekit/test_recorder.py::test_what_no_entry_can_hold_is_not_safe_until_one_can",
    ),
    Mutant(
        name="changes go on behind one that was lost",
        file="livekit/state/recorder.py",
        old="return any(map(self._live.is_lost, self._written))",
        new="return False",
        promise="Where an entry of userdata was lost, all of it is written anew.",
        test="livekit/test_recorder.py::test_what_was_lost_is_written_anew",
    ),
    Mutant(
        name="the successor's empty value takes the place of what it could not put back",
        file="livekit/state/kept.py",
        old="        for place in self._places:\n            now = _with(",
        new="        for place in ():\n            now = _with(",
        promise="What could not be put back stays in the log for a version that can.",
        test="livekit/test_userdata.py"
        "::test_a_field_that_is_gone_or_another_costs_itself_and_stays_in_the_log",
    ),
    Mutant(
        name="what was kept hides what the application sets anew",
        file="livekit/state/kept.py",
        old="self._places = [place for place in self._places if _is_as_it_began(now, place)]",
        new="pass",
        promise="What the application sets takes the place of what was kept.",
        test="livekit/test_userdata.py"
        "::test_what_the_application_sets_anew_takes_the_place_of_what_was_kept",
    ),
    Mutant(
        name="factories run before userdata is back",
        file="livekit/restore/restore.py",
        old="self._put_back_userdata(session, self._making.held)\n",
        new="pass\n",
        promise="Factories see userdata.",
        test="livekit/test_userdata.py"
        "::test_factories_see_userdata_and_the_attributes_of_agents_that_are_there",
    ),
    Mutant(
        name="an agent that userdata holds is not the session's",
        file="livekit/restore/making.py",
        old="            self._take(key, there)\n",
        new="            raise NotMade(key)\n",
        promise="Agents held in userdata come back as the agents of this session.",
        test="livekit/test_userdata.py"
        "::test_agents_held_in_userdata_come_back_as_the_agents_of_this_session",
    ),
    Mutant(
        name="what LiveKit sets on an agent is kept",
        file="livekit/state/attributes.py",
        old="if n not in livekits()})",
        new="})",
        promise="Only what an agent's own class sets on it is kept.",
        test="livekit/test_attributes.py::test_nothing_of_livekits_own_is_kept",
    ),
    Mutant(
        name="a class cannot leave its attributes out",
        file="typed/records.py",
        old="        if said is True:\n",
        new="        if False:\n",
        promise="What a class calls not durable is not in the log.",
        test="livekit/test_attributes.py::test_a_class_says_what_is_not_to_be_kept",
    ),
    Mutant(
        name="equal values in two places become one object",
        file="typed/decode.py",
        old="        if not isinstance(old, CHANGEABLE):\n",
        new="        if False:\n",
        promise="What comes back is changed in its own place only.",
        test="core/test_typed.py::test_what_is_equal_in_two_places_is_not_shared",
    ),
)
