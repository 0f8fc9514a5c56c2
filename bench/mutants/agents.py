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
    Mutant(
        name="a key of an instance that is gone is given again",
        file="livekit/state/keys.py",
        old="n = self._newest.get(name, 0) + 1",
        new="n = sum(k.partition(NTH)[0] == name for k in self.values()) + 1",
        promise="No two instances of a class ever have one key.",
        test="livekit/test_agents_again.py::test_keys_are_of_instances_whatever_their_equality_is",
    ),
    Mutant(
        name="a second instance has no factory",
        file="livekit/state/factories.py",
        old="for name in (key, made.type, name_in(key)):",
        new="for name in (key, key):",
        promise="The n-th instance of a class is made by the class's factory.",
        test="livekit/test_agents_again.py::test_the_nth_instance_of_a_class_is_current_again",
    ),
    Mutant(
        name="two classes of one name are one",
        file="livekit/state/factories.py",
        old="for name in (key, made.type, name_in(key)):",
        new="for name in (key, name_in(key)):",
        promise="An agent is made by its own class, also where another one has its name.",
        test="livekit/test_agents_again.py::test_classes_of_one_name_are_told_apart",
    ),
    Mutant(
        name="a class that can never be made is taken",
        file="livekit/state/factories.py",
        old="            if may_refuse:\n",
        new="            if False:\n",
        promise="A developer learns at the first start what no successor could make.",
        test="livekit/test_agents_again.py"
        "::test_a_class_that_can_never_be_made_is_refused_at_the_start",
    ),
    Mutant(
        name="an argument that is a client is written down",
        file="livekit/state/arguments.py",
        old="return LOST if _is_live(encoded) else encoded",
        new="return encoded",
        promise="What belongs to its process is named, and never given again as something else.",
        test="livekit/test_agents_again.py::test_a_function_is_offered_what_was_recorded",
    ),
    Mutant(
        name="the prompt of the old version counts",
        file="livekit/state/instructions.py",
        old='        return "those of this version"',
        new="        return None",
        promise="The report says whose prompt the agent has.",
        test="livekit/test_prompts.py::test_a_new_versions_prompt_counts_and_the_report_says_so",
    ),
    Mutant(
        name="instructions are compared by their form",
        file="livekit/state/instructions.py",
        old="    *lasting, dynamic = rendered(now)\n    *then, dynamic_then = rendered(first)\n",
        new='    lasting, then, dynamic, dynamic_then = now, first, "", ""\n',
        promise="Text and LiveKit's object are the same where models are told the same.",
        test="livekit/test_prompts.py::test_a_new_versions_prompt_counts_and_the_report_says_so",
    ),
    Mutant(
        name="a new version's prompt is never exact again",
        file="livekit/restore/restore.py",
        old="                self._as_left.add(field)",
        new="                pass",
        promise="Exact is what the last holder had, whatever came before.",
        test="livekit/test_prompts.py::test_a_prompt_is_compared_with_the_last_holders",
    ),
    Mutant(
        name="a switch waits for the next turn",
        file="livekit/state/options.py",
        old="        switch(*args, **kwargs)\n        changed()\n",
        new="        switch(*args, **kwargs)\n",
        promise="What is switched between two turns is in the log at once.",
        test="livekit/test_options.py::test_a_switch_is_in_the_log_at_once",
    ),
    Mutant(
        name="credentials are settings",
        file="livekit/state/models.py",
        old=" and not SECRET.search(p.name)",
        new="",
        promise="No credentials are in the log.",
        test="livekit/test_options.py"
        "::test_settings_of_models_are_told_to_the_new_ones_and_only_what_was_changed",
    ),
    Mutant(
        name="who stood in keeps the caller's place",
        file="livekit/listening.py",
        old="if now.stand_in or self._is_deaf():",
        new="if self._is_deaf():",
        promise="A caller who comes back under her identity has the agent's ear again.",
        test="livekit/test_listening.py"
        "::test_a_caller_who_comes_back_under_her_identity_has_the_agents_ear_again",
    ),
    Mutant(
        name="anybody stands in for whom the application named",
        file="livekit/listening.py",
        old="is_named = self._is_named or now.is_named or now.identity is None",
        new="is_named = now.identity is None",
        promise="Where the application named somebody the agent listens to nobody else.",
        test="livekit/test_listening.py::test_nobody_stands_in_for_whom_the_application_named",
    ),
    Mutant(
        name="the first whom LiveKit sees is the caller",
        file="livekit/listening.py",
        old="if self._before.is_named or not self._is_named:",
        new="if False:",
        promise="The successor listens to whom the last holder listened to.",
        test="livekit/test_listening.py::test_who_was_there_first_is_listened_to_again",
    ),
)
