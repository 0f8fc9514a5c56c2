"""Mutants of who is over and who goes on: hang-ups, strangers, and the last word."""

from bench.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        name="whoever comes is given the call",
        file="store/going.py",
        old="goes_on = have_met(known, here) if here else is_its_own",
        new="goes_on = True",
        promise="A call goes on for its own people.",
        test="stores/test_sqlite.py::TestSqliteRooms::test_a_call_goes_on_for_its_own_people_only",
    ),
    Mutant(
        name="our own word in a room names a conversation",
        file="store/going.py",
        old="return not is_own_word(tx, *room, request.conversation_id)",
        new="return True",
        promise="What we wrote into a room's metadata names nothing for a stranger.",
        test="stores/test_sqlite.py::TestSqliteRooms::test_what_we_wrote_into_the_room_is_nobodys_word",
    ),
    Mutant(
        name="everybody may say to be a telephone",
        file="people.py",
        old="attributes.get(PHONE) or None if is_phone else None",
        new="attributes.get(PHONE)",
        promise="A number counts for telephones only.",
        test="stores/test_sqlite.py::TestSqliteRooms::test_a_number_that_a_browser_wrote_is_nobodys",
    ),
    Mutant(
        name="who died behind a hang-up is replaced",
        file="store/appending.py",
        old="    if over is None:",
        new="    if over is None or True:",
        promise="Nobody comes back for an agent that hung up.",
        test="stores/test_sqlite.py::TestSqliteRooms::test_behind_a_hang_up_everything_is_new_for_her_too",
    ),
    Mutant(
        name="a successor is given what was hung up",
        file="store/sql/sqlite/sessions.sql",
        old="(term < :granted or ending is null",
        new="(true",
        promise="A session whose agent hung up is nobody's.",
        test="stores/test_sqlite.py::TestSqliteRooms::test_who_names_a_session_that_was_hung_up_is_not_given_it",
    ),
    Mutant(
        name="strangers are sent the successor",
        file="service/watch/failover.py",
        old=" and await self._store.watch.whose(orphan.call, people) is not False",
        new="",
        promise="A successor is sent only where people of its call are.",
        test="service/test_others.py::test_others_in_the_room_get_an_agent_for_a_call_of_their_own",
    ),
    Mutant(
        name="a living agent welcomes everybody",
        file="livekit/callers.py",
        old="return not known or have_met(known, [rooms.person(who)]) or self._has_company(known)",
        new="return True",
        promise="A stranger in the room of somebody who left is given nothing of the call.",
        test="livekit/test_callers.py::"
        "test_who_takes_the_room_of_somebody_who_left_gets_an_agent_of_their_own",
    ),
    Mutant(
        name="a clean-up is a hang-up",
        file="livekit/hanging_up.py",
        old="if self._is_sure or reason in self._asked:",
        new="if True:",
        promise="A worker that is stopped hangs up on nobody.",
        test="livekit/test_hanging_up.py::"
        "test_what_the_application_puts_away_when_it_is_stopped_is_no_hang_up",
    ),
    Mutant(
        name="a cancelled task hangs up",
        file="livekit/guard.py",
        old="return task is not None and task.cancelling() > 0",
        new="return False",
        promise="A task that was cancelled puts away what it had.",
        test="livekit/test_hanging_up.py::"
        "test_an_entrypoint_that_is_cancelled_puts_away_what_it_has",
    ),
    Mutant(
        name="the last word comes first",
        file="livekit/last_words.py",
        old="    _, late = await asyncio.wait(running, timeout=within_s)",
        new="    late = [t for t in running if within_s < 0]",
        promise="What shutdown callbacks write is in the log.",
        test="livekit/test_hanging_up.py::test_what_shutdown_callbacks_write_is_in_the_log",
    ),
    Mutant(
        name="a round looks at one page",
        file="service/watch/rounds.py",
        old="        after = page[-1].session_id",
        new="        return",
        promise="However many hosts are lost, all their sessions are judged.",
        test="service/test_rounds.py"
        "::test_of_more_than_a_page_of_lost_hosts_the_last_one_is_judged",
    ),
    Mutant(
        name="every service has every round",
        file="store/sql/postgres/watch.sql",
        old="where round_due_at <= :now - :late for update skip locked",
        new="where :late is not null",
        promise="Of all services one has a round.",
        test="service/test_replica_watch.py::test_a_round_is_had_by_one_of_all_watchers",
    ),
    Mutant(
        name="LiveKit's count is believed",
        file="service/watch/rounds.py",
        old="found |= {w.session_id: w for w in turn if w.call.room_name in rooms}",
        new="found |= {}",
        promise="Who comes back at once is noticed before LiveKit has counted.",
        test="service/test_rounds.py::test_who_is_back_before_livekit_has_counted_is_noticed",
    ),
)
