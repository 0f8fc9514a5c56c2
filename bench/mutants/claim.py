"""Mutants of the claim: what is captured, digested, put back, and what the report calls exact."""

from bench.mutants.mutant import Mutant

ROUND_TRIP = (
    "sessions/test_round_trip.py"
    "::test_what_a_report_calls_exact_is_as_it_was_and_what_is_not_it_names"
)

MUTANTS = (
    Mutant(
        name="what is not equal is exact",
        file="recovery/report.py",
        old="        if is_equal and doubt is None:\n",
        new="        if doubt is None:\n",
        promise="`exact` is what was compared and is equal.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="what was judged as it was put back is not looked at",
        file="recovery/report.py",
        old="is_equal = judged[name] is None if name in judged else live.get(name) == wanted",
        new="is_equal = name in judged or live.get(name) == wanted",
        promise="Userdata and attributes that differ are named.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="a digest is of the order of keys",
        file="log/digest.py",
        old='_ENCODER = msgspec.json.Encoder(order="sorted")',
        new="_ENCODER = msgspec.json.Encoder()",
        promise="Two values are equal if their digests are.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="a list's digest is not cut where the list is",
        file="log/digest.py",
        old="        del self._states[keep * SIZE_BYTES :]\n",
        new="        pass\n",
        promise="The digest of a list is that of what stands in it now.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="an edit of an item leaves the digests of its lists",
        file="log/session.py",
        old="                chain.cut(ids.index(item_id))\n",
        new="                pass\n",
        promise="An item that was edited changes the digest of each list that it is in.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="an item that the history lost is gone from contexts, too",
        file="log/session.py",
        old="if not any(item_id in context.ids for context in self.contexts.values())",
        new="if True",
        promise="What is removed of the history stays in the contexts that have it.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="a context refers to an item of the history that is another",
        file="live/mirror.py",
        old="return item.id if self._session.items.get(item.id) == encoded else encoded",
        new="return item.id if item.id in self._session.items else encoded",
        promise="An item that is another in the context than in the history comes back so.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="another order is no change",
        file="live/mirror.py",
        old="    if [i for i in before if i in stayed] != [i for i in now if i in stayed]:\n",
        new="    if False:\n",
        promise="A history in another order is recorded as it changes.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="what is removed of the history stays in the log",
        file="live/mirror.py",
        old="            yield ItemsRemoved(tuple(gone))\n",
        new="            pass\n",
        promise="What is removed of the history is recorded as it changes.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="a context has items of its own where the history has the same",
        file="livekit/state/contexts.py",
        old="there[i.id] if there.get(i.id) == i else i",
        new="i",
        promise="History and context hold the very same item, as LiveKit has it.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="calls of tools that the agent has not are left out of its context",
        file="livekit/state/contexts.py",
        old="exclude_invalid_function_calls=False",
        new="exclude_invalid_function_calls=True",
        promise="A context comes back with each of its items.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="an emptied prompt is none",
        file="livekit/restore/restore.py",
        old="        if field in self.session.options:\n",
        new="        if self.session.options.get(field):\n",
        promise="Instructions that a call took away stay away.",
        test="livekit/test_prompts.py::test_a_prompt_that_the_running_call_took_away_stays_away",
    ),
    Mutant(
        name="a removed key comes back",
        file="livekit/state/objects.py",
        old="    for name in saved.gone - BESIDE:\n        target.pop(",
        new="    for name in ():\n        target.pop(",
        promise="What was removed of userdata and attributes is not there again.",
        test="livekit/test_userdata.py"
        "::test_a_key_that_was_removed_is_removed_and_one_of_a_new_version_stays",
    ),
    Mutant(
        name="a tool that was taken away is there again",
        file="livekit/state/tools.py",
        old="    removed = set(began) - set(last)\n",
        new="    removed = set[str]()\n",
        promise="Tools that a call took away stay away.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="options of an agent that handed over are not looked at again",
        file="livekit/hooks.py",
        old="        self.claims.scan_options(seen)\n",
        new="        self.claims.scan_options({self._keys[current]: current})\n",
        promise="What is changed right before a hand-over is recorded.",
        test=ROUND_TRIP,
    ),
    Mutant(
        name="a session is kept by its tasks",
        file="livekit/tasks.py",
        old="_by_session[session] = ref(self)",
        new="_by_session[session] = lambda: self",
        promise="Nothing keeps a session that is over.",
        test="livekit/test_fragile_tasks.py::test_a_session_that_is_over_is_held_by_nothing",
    ),
)
