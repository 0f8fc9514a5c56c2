"""A call goes on in the middle of the tasks that LiveKit itself offers."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, RunContext, function_tool
from livekit.agents.beta import workflows
from livekit.agents.beta.workflows import dtmf_inputs, warm_transfer
from livekit.agents.beta.workflows.dtmf_inputs import GetDtmfTask

from tests.livekit.awaiting import Holder, words
from tests.livekit.job import Job

RULES = [
    ("sign me up", {"tool": "sign_up", "arguments": {}}),
    ("^ann", {"tool": "update_email_address", "arguments": {"email": "ann@example.com"}}),
    ("^bob", {"tool": "update_email_address", "arguments": {"email": "bob@example.com"}}),
    ("^i am", {"tool": "update_name", "arguments": {"first_name": "Ann"}}),
    ("^born", {"tool": "update_dob", "arguments": {"year": 1990, "month": 2, "day": 3}}),
    ("^call", {"tool": "update_phone_number", "arguments": {"phone_number": "+14155550123"}}),
    ("^live", {"tool": "update_address", "arguments": {
        "street_address": "1 Main St", "unit_number": "", "locality": "Rome", "country": "Italy"}}),
    ("^card", {"tool": "record_card_number", "arguments": {"card_number": "4242424242424242"}}),
    *[("^yes", {"tool": f"confirm_{what}", "arguments": {}})
      for what in ("email_address", "name", "dob", "phone_number", "address")],
    ("", "You said {heard}."),
]  # fmt: skip
TASKS: dict[str, tuple[Any, str, str]] = {
    "an email": (workflows.GetEmailTask, "ann", "ann@example.com"),
    "a name": (workflows.GetNameTask, "i am Ann", "Ann"),
    "a birthday": (workflows.GetDOBTask, "born in 1990", "1990"),
    "a number": (workflows.GetPhoneNumberTask, "call me", "4155550123"),
    "an address": (workflows.GetAddressTask, "live in Rome", "1 Main St"),
}


class Desk(Agent):
    def __init__(self, kind: Any, **given: Any) -> None:
        super().__init__(instructions="Sign people up.")
        self._kind, self._given = kind, given

    not_durable = ("_kind", "_given")

    async def on_enter(self) -> None:
        self.session.say("Welcome.")

    @function_tool
    async def sign_up(self, context: RunContext) -> str:
        """Sign somebody up."""
        return f"Done: {await self._kind(**self._given)}"


def said_in(holder: Holder) -> str:
    return str(words(holder.session.history.items))


@pytest.mark.parametrize("what", TASKS)
async def test_what_was_heard_is_confirmed_to_the_next_holder(env, spool, what):
    kind, answer, heard = TASKS[what]
    given = {"require_confirmation": True}
    holder = await Holder(env, spool, RULES).begin(Desk(kind, **given))
    await holder.hear("sign me up")
    await holder.hear(answer)
    assert holder.current == kind.__name__
    after = await holder.next(Desk(kind, **given))
    assert (after.current, after.said) == (kind.__name__, [])
    assert {"exact"} == {
        why for field, why in after.report.items() if field.startswith(("tools of", "tasks"))
    }
    await after.hear("yes")
    assert after.current == "Desk"
    assert heard in after.said[-1]
    assert "Welcome." not in after.said


async def test_what_is_corrected_behind_a_kill_counts(env, spool):
    given = {"require_confirmation": True}
    holder = await Holder(env, spool, RULES).begin(Desk(workflows.GetEmailTask, **given))
    await holder.hear("sign me up")
    await holder.hear("ann")
    after = await holder.next(Desk(workflows.GetEmailTask, **given))
    await after.hear("bob")
    await after.hear("yes")
    assert "bob@example.com" in after.said[-1]
    assert after.current == "Desk"


@pytest.fixture
def job(monkeypatch):
    """The job in whose room a keypad is listened to."""
    job = Job()
    monkeypatch.setattr(dtmf_inputs, "get_job_context", lambda: job)
    return job


def presses(job: Job, keys: str) -> None:
    for key in keys:
        job.room.emit("sip_dtmf_received", SimpleNamespace(digit=key))


@pytest.mark.parametrize(("before", "behind"), [("12", "34"), ("", "1234"), ("1234", "")])
async def test_keys_that_were_pressed_count_and_those_behind_a_kill_are_heard(
    env, spool, job, before, behind
):
    given = {"num_digits": 4, "dtmf_input_timeout": 4.0}
    holder = await Holder(env, spool, RULES).begin(Desk(GetDtmfTask, **given))
    await holder.hear("sign me up")
    await holder.hear("wait")
    presses(job, before)
    holder.hooks.scan()
    job.room = Job().room  # the one of the next process
    after = await holder.next(Desk(GetDtmfTask, **given))
    assert (after.current, after.said) == ("GetDtmfTask", [])
    presses(job, behind)
    async with asyncio.timeout(30):
        while after.current != "Desk" or not after.said:
            await after.quiet()
    assert "1 2 3 4" in after.said[-1]


async def test_an_on_enter_of_an_applications_own_does_not_run_again(env, spool):
    class Greets(workflows.GetEmailTask):
        entered = 0

        async def on_enter(self) -> None:
            Greets.entered += 1
            await super().on_enter()

    holder = await Holder(env, spool, RULES).begin(Desk(Greets))
    await holder.hear("sign me up")
    await holder.hear("hm")
    after = await holder.next(Desk(Greets))
    assert (after.current, Greets.entered) == ("Greets", 1)


async def test_a_transfer_that_was_cut_dials_again(env, spool, monkeypatch):
    job, dialled = Job(), []
    monkeypatch.setattr(warm_transfer, "get_job_context", lambda: job)

    class Transfer(workflows.WarmTransferTask):
        async def _dial_human_agent(self) -> Any:
            dialled.append(self)
            if len(dialled) == 1:
                await asyncio.Event().wait()  # it rings until its process is killed
            raise RuntimeError("nobody is there")

    given = {"sip_call_to": "+14155550123", "sip_trunk_id": "ST_1", "hold_audio": None}
    holder = await Holder(env, spool, RULES).begin(Desk(Transfer, **given))
    await holder.hear("sign me up")
    assert (holder.current, len(dialled)) == ("Transfer", 1)
    after = await holder.next(Desk(Transfer, **given))
    async with asyncio.timeout(30):
        while after.current != "Desk":
            await after.quiet()
    assert len(dialled) == 2
    assert after.session.output.audio_enabled


async def test_a_transfer_that_is_not_gone_into_again_leaves_the_caller_heard(
    env, spool, monkeypatch
):
    job = Job()
    monkeypatch.setattr(warm_transfer, "get_job_context", lambda: job)

    class Transfer(workflows.WarmTransferTask):
        async def _dial_human_agent(self) -> Any:
            await asyncio.Event().wait()

        def _set_io_enabled(self, enabled: bool) -> None:
            super()._set_io_enabled(enabled)
            for switch in (
                self.session.input.set_audio_enabled,
                self.session.output.set_audio_enabled,
            ):
                switch(enabled)  # as in a room, where there is a microphone and a speaker

    class Other(Agent):
        """What the next version's desk is: it has no such tool."""

    Other.__name__, Other.__qualname__, Other.__module__ = "Desk", "Desk", Desk.__module__
    given = {"sip_call_to": "+14155550123", "sip_trunk_id": "ST_1", "hold_audio": None}
    holder = await Holder(env, spool, RULES).begin(Desk(Transfer, **given))
    await holder.hear("sign me up")
    holder.hooks.scan()
    assert not holder.session.input.audio_enabled
    after = await holder.next(Other(instructions="Sign people up."))
    assert "tasks" in after.report
    assert after.session.input.audio_enabled
    assert after.session.output.audio_enabled
    assert after.session.output.transcription_enabled
