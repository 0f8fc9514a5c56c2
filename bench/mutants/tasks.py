"""Mutants of AgentTasks that are gone into again: no welcome, no question, no answer twice."""

from bench.mutants.mutant import Mutant

TASKS = "livekit/test_tasks.py::"
POINTS = "livekit/test_tasks_at_every_point.py::"
LEFT = "livekit/test_tasks_left.py::"
STATE = "livekit/test_tasks_state.py::"

MUTANTS = (
    Mutant(
        name="a task that had ended is entered again",
        file="livekit/tasks.py",
        old="        if known.status is None:\n",
        new="        if True:\n",
        promise="No completed answer is asked for again.",
        test=f"{TASKS}test_a_tool_whose_task_had_just_ended_goes_on",
    ),
    Mutant(
        name="what code says on its way is said again",
        file="livekit/rerun.py",
        old="fragile.said_already() if _was_said(text) else self.say(text, **given)",
        new="self.say(text, **given)",
        promise="Code that is run again says nothing that was heard.",
        test=f"{TASKS}test_the_task_that_was_running_goes_on_and_its_tool_comes_to_its_end",
    ),
    Mutant(
        name="a task asks again",
        file="livekit/tasks.py",
        old="        if not (is_current and self._again.is_fresh):\n",
        new="        if False:\n",
        promise="A task that had asked does not ask again.",
        test=f"{TASKS}test_the_task_that_was_running_goes_on_and_its_tool_comes_to_its_end",
    ),
    Mutant(
        name="a task that had said nothing stays silent",
        file="livekit/tasks.py",
        old="        if not (is_current and self._again.is_fresh):\n",
        new="        if True:\n",
        promise="A task killed before its first word says it.",
        test=f"{TASKS}test_a_task_that_had_said_nothing_yet_says_its_first_words",
    ),
    Mutant(
        name="what code changes on its way is changed twice",
        file="livekit/tasks.py",
        old="        if self._back and not self.are_settled:\n",
        new="        if False:\n",
        promise="Userdata and attributes are as they were when the task was running.",
        test=f"{TASKS}test_what_code_had_changed_before_is_not_changed_again",
    ),
    Mutant(
        name="another class takes the place of a task",
        file="livekit/tasks.py",
        old="        if type(task).__name__ != known.kind:\n",
        new="        if False:\n",
        promise="Where the code differs one line is said and the agent goes on.",
        test=f"{TASKS}test_where_the_code_differs_one_line_is_said_and_the_agent_goes_on",
    ),
    Mutant(
        name="what may have been done is done again",
        file="again.py",
        old='    if tool.retry == "ask":\n',
        new='    if tool.retry == "never":\n',
        promise="A tool that asks before it repeats is not run again.",
        test=f"{LEFT}test_a_tool_that_may_have_done_something_is_not_run_again",
    ),
    Mutant(
        name="an orderly leaving ends the tasks",
        file="livekit/tasks.py",
        old="        if fragile.is_closing(self._session):\n            return",
        new="        if False:\n            return",
        promise="LiveKit cancels tasks at a close: for the next holder they go on.",
        test=f"{LEFT}test_a_holder_that_leaves_in_order_leaves_its_task_to_the_next",
    ),
    Mutant(
        name="a call that is run again is another wish",
        file="effect.py",
        old="            made = _known_key(live, context, tool.__name__)\n",
        new="            made = None\n",
        promise="The same wish has the same key, in whatever turn it is run again.",
        test=f"{LEFT}test_an_effect_that_is_run_again_has_its_key",
    ),
    Mutant(
        name="a live object is given as a result",
        file="livekit/outcome.py",
        old="    if decoder.problems:\n",
        new="    if False:\n",
        promise="A result that only its process had is named, never made up.",
        test=f"{LEFT}test_a_result_of_that_process_alone_is_named",
    ),
    Mutant(
        name="a tool's outcome goes into the task beside it",
        file="recovery.py",
        old="whose = tool.agent if tool.end and tool.agent else facts.agent",
        new="whose = facts.agent",
        promise="What a tool came to is in its own agent's context.",
        test=f"{LEFT}test_two_tools_of_one_turn_come_to_their_ends",
    ),
    Mutant(
        name="a task that goes on without a word has not begun",
        file="livekit/hooks.py",
        old="isinstance(before, AgentTask) or key in self._silenced",
        new="isinstance(before, AgentTask)",
        promise="A task that had asked does not ask again, however often its holders die.",
        test=f"{POINTS}test_a_task_that_awaits_another_one_is_not_asked_again_behind_a_second_kill",
    ),
    Mutant(
        name="a task that is begun is recorded without a look",
        file="livekit/tasks.py",
        old="        self._keys.look_at_state()\n        key, called_at",
        new="        key, called_at",
        promise="What code changed just before it awaits a task is not undone.",
        test=f"{STATE}test_what_code_changed_just_before_it_awaits_is_not_undone",
    ),
    Mutant(
        name="a task that ends is recorded without a look",
        file="livekit/tasks.py",
        old="        self._keys.look_at_state()\n        value",
        new="        value",
        promise="What a task changed just before its end is not undone.",
        test=f"{STATE}test_what_a_task_changed_just_before_its_end_is_not_undone",
    ),
    Mutant(
        name="code behind its last task finds what it had changed",
        file="livekit/restore.py",
        old="at_task_end.of(field, newest) if self._is_behind",
        new="at_task_end.of(field, newest) if False",
        promise="What code changes behind its last task is changed once.",
        test=f"{STATE}test_what_code_changes_behind_its_last_task_is_not_changed_twice",
    ),
    Mutant(
        name="a later change is kept as the state at a task's end",
        file="attributes.py",
        old="        if self._held is not None and field not in self._held:\n",
        new="        if self._held is not None:\n",
        promise="What code changes behind its last task is changed once.",
        test="core/test_session.py::test_what_userdata_was_at_the_newest_end_of_a_task_stays_known",
    ),
)
