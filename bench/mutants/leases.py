"""Mutants of locks, slots and windows: never one too many, nobody forgotten, no old fence."""

from bench.mutants.mutant import Mutant

CONTRACT = "stores/test_leases.py::TestSqliteLeases::"
WAITING = "coordination/test_waiting.py::"
HOLDING = "coordination/test_holding.py::"
IN_REDIS = "coordination/test_redis_windows.py::"

MUTANTS = (
    Mutant(
        name="one more than the limit",
        file="store/sql/common/leases.sql",
        old="l.pool = :pool) < :limit",
        new="l.pool = :pool) <= :limit",
        promise="Never more of a pool are held at once than its limit.",
        test=CONTRACT + "test_there_are_as_many_slots_as_the_limit",
    ),
    Mutant(
        name="a fence is the time alone",
        file="store/sql/common/leases.sql",
        old="case when f.fence >= :now then f.fence + 1 else :now end",
        new="case when f.fence >= 0 then :now else :now end",
        promise="Each grant has a larger fence, whatever the clock does.",
        test="stores/test_clock.py::test_fences_grow_whatever_the_clock_does",
    ),
    Mutant(
        name="a slot ends with its term",
        file="store/leases.py",
        old="    is_own = _is_handed_on(tx, ask)\n",
        new="    is_own = False\n",
        promise="A call that goes on keeps its slot.",
        test=CONTRACT + "test_a_later_term_has_the_slot_of_the_one_before",
    ),
    Mutant(
        name="a term that is over is granted something",
        file="store/leases.py",
        old='if is_over or row["term"] != session.term:',
        new="if is_over:",
        promise="A deposed agent gets no lock.",
        test=CONTRACT + "test_a_term_that_is_over_is_granted_nothing",
    ),
    Mutant(
        name="a window counts one more",
        file="store/sql/common/leases.sql",
        old="a.n = last.n + 1 - :limit",
        new="a.n = last.n - :limit",
        promise="No stretch of time has more than the limit.",
        test=CONTRACT + "test_a_window_has_its_limit_and_no_more",
    ),
    Mutant(
        name="a window in Redis counts one more",
        file="coordination/redis_windows.py",
        old="local before = redis.call('LINDEX', key, -limit)",
        new="local before = redis.call('LINDEX', key, -limit - 1)",
        promise="No stretch of time has more than the limit.",
        test=IN_REDIS + "TestRedisWindows::test_a_window_has_its_limit_and_no_more",
    ),
    Mutant(
        name="a window in Redis is closed by a clock that was set back",
        file="coordination/redis_windows.py",
        old="if newest > now then",
        new="if newest < 0 then",
        promise="A clock that was set back closes no window.",
        test=IN_REDIS + "test_a_clock_that_was_set_back_closes_no_window",
    ),
    Mutant(
        name="all ask a Redis that is away",
        file="coordination/redis_windows.py",
        old="(not self._is_tried and self._pause",
        new="(self._pause",
        promise="An outage costs one request at a time.",
        test="coordination/test_redis_windows_faults.py::test_while_it_is_away_one_at_a_time_asks",
    ),
    Mutant(
        name="an old fence writes",
        file="store/state.py",
        old="            _check_fence(tx, fence)\n",
        new="",
        promise="Who has lost the lock changes nothing that it guards.",
        test="stores/test_state.py::TestSqliteState::test_who_lost_the_lock_changes_nothing",
    ),
    Mutant(
        name="a newcomer goes past the line",
        file="coordination/waited_leases.py",
        old="only_own=is_waited_for",
        new="only_own=False",
        promise="First come, first served.",
        test=WAITING + "test_nobody_goes_past_those_who_wait",
    ),
    Mutant(
        name="a release wakes nobody",
        file="coordination/waited_leases.py",
        old="            self.lines.tell(pool)\n",
        new="            pass\n",
        promise="Who waits is woken.",
        test=WAITING + "test_who_is_released_for_is_woken_in_the_order_of_the_line",
    ),
    Mutant(
        name="who is cancelled keeps what was granted",
        file="coordination/waited_leases.py",
        old="            if not isinstance(await asked, Refused):\n",
        new="            if isinstance(await asked, Refused):\n",
        promise="Who has gone holds nothing.",
        test=WAITING + "test_who_is_cancelled_while_it_is_granted_has_nothing",
    ),
    Mutant(
        name="a lost lock cancels nothing",
        file="coordination/holding.py",
        old="            self._task.cancel()\n",
        new="            pass\n",
        promise="What is done within a lock ends when it is lost.",
        test=HOLDING + "test_what_is_done_within_a_lock_ends_when_it_is_lost",
    ),
    Mutant(
        name="a lock lasts until somebody says no",
        file="coordination/holding.py",
        old="call_later(left_s, self._lose, None)",
        new="call_later(left_s, self._env.now_us)",
        promise="A lock ends by its holder's own clock, too.",
        test=HOLDING + "test_a_lock_is_lost_when_nobody_can_renew_it_in_time",
    ),
    Mutant(
        name="an effect trusts the clock for its lock",
        file="coordination/holding.py",
        old="            with suppress(ArchiveUnavailable):\n",
        new="            with suppress(Exception):\n",
        promise="An effect under a lock that was granted again is not done.",
        test="livekit/test_effects.py::test_with_an_old_fence_it_is_refused_before_it_runs",
    ),
    Mutant(
        name="an effect asks for no lock",
        file="live/effect.py",
        old="    await _refuse_old_fence(live, effect_, gate)\n",
        new="",
        promise="An effect that names a lock is done by its holder only.",
        test="livekit/test_effects.py::test_without_its_lock_it_is_refused_and_the_model_is_told",
    ),
    Mutant(
        name="who has not the floor is heard",
        file="livekit/speech/voice.py",
        old="        if not self._fence.may_speak():\n",
        new="        if not self._fence.may_speak:\n",
        promise="Of the agents that use the floor only its holder is heard.",
        test="livekit/test_floor.py::"
        "test_who_has_not_the_floor_is_silent_and_nothing_is_logged_as_said",
    ),
    Mutant(
        name="the floor is who comes first's",
        file="coordination/floor_holding.py",
        old="if before.role not in {None, self.role} and before != overdue:",
        new="if before.role not in {None, self.role, before.role} and before != overdue:",
        promise="Nobody comes between who passes the floor and the role it is passed to.",
        test="coordination/test_floor.py::"
        "test_nobody_comes_between_who_passes_it_and_the_next_role",
    ),
)
