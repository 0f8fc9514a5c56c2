"""A payment card stands in the log only where LiveKit's own history has it, and is not asked for
twice."""

import json
from typing import Any

import pytest
from livekit.agents import Agent, RunContext, function_tool
from livekit.agents.beta.workflows import GetCreditCardTask
from livekit.agents.beta.workflows.credit_card import GetCardNumberTask

from tests.livekit.awaiting import Holder
from unbroken.livekit.state import arguments

NUMBER, CODE, EXPIRES = "4242424242424242", "737", "11/39"
RULES = [
    ("pay", {"tool": "pay", "arguments": {}}),
    ("^card", {"tool": "update_card_number", "arguments": {"card_number": "4242 4242 4242 4242"}}),
    ("^again", {"tool": "confirm_card_number", "arguments": {"repeated_card_number": NUMBER}}),
    ("^until", {"tool": "update_expiration_date", "arguments": {
        "expiration_month": 11, "expiration_year": 39}}),
    ("^code", {"tool": "update_security_code", "arguments": {"security_code": f" {CODE} "}}),
    ("^i am", {"tool": "update_name", "arguments": {"first_name": "Ann", "last_name": "Lee"}}),
    ("", "Go on."),
]  # fmt: skip
OF_LIVEKIT = {"item", "tool_started", "context"}  # what has items of LiveKit's, and their calls


class Till(Agent):
    """Holds what it was given, too."""

    def __init__(self, kind: Any, *, is_confirmed: bool) -> None:
        super().__init__(instructions="Take payments.")
        self._kind, self._is_confirmed = kind, is_confirmed
        self.paid: Any = None

    not_durable = ("_kind", "_is_confirmed")

    @function_tool
    async def pay(self, context: RunContext) -> str:
        """Pay."""
        self.paid = await self._kind(require_confirmation=self._is_confirmed)
        self.session.userdata["paid"] = [self.paid]
        return f"Paid by a {self.paid.issuer}."


def till(kind: Any = GetCreditCardTask, *, is_confirmed: bool = False) -> Till:
    return Till(kind, is_confirmed=is_confirmed)


async def begun(env: Any, spool: Any, agent: Till, *said: str) -> Holder:
    holder = await Holder(env, spool, RULES, userdata=dict).begin(agent)
    for text in ("pay", *said):
        await holder.hear(text)
    return holder


def kinds_with(holder: Holder, secret: str) -> set[str]:
    return {kind for kind, payload in holder.entries() if secret in payload.decode()}


ANSWERS = ("card", "until", "code", "i am Ann Lee")


@pytest.mark.parametrize("upto", range(1, len(ANSWERS) + 1))
async def test_a_card_is_told_once_and_is_in_no_entry_of_ours(env, spool, upto):
    holder = await begun(env, spool, till(), *ANSWERS[:upto])
    after = await holder.next(till())
    for text in ANSWERS[upto:]:
        await after.hear(text)
    assert after.current == "Till"
    paid: Any = after.session.current_agent.paid
    assert (paid.card_number, paid.security_code, paid.expiration_date) == (NUMBER, CODE, EXPIRES)
    assert (paid.cardholder_name, paid.issuer) == ("Ann Lee", "Visa")
    assert after.session.userdata["paid"] == [paid]
    for secret in (NUMBER, f'"{CODE}"', EXPIRES):
        assert kinds_with(after, secret) <= OF_LIVEKIT
    last = await after.next(till())
    assert last.session.current_agent.paid == paid
    assert last.report["userdata"] == last.report["attributes of Till"] == "exact"


async def test_a_number_that_waits_for_its_confirmation_is_known_behind_a_kill(env, spool):
    agent = till(GetCardNumberTask, is_confirmed=True)
    holder = await begun(env, spool, agent, "card")
    assert kinds_with(holder, NUMBER) <= OF_LIVEKIT
    after = await holder.next(till(GetCardNumberTask, is_confirmed=True))
    assert after.report["tools of GetCardNumberTask"] == "exact"
    await after.hear("again")
    assert after.current == "Till"
    assert after.session.current_agent.paid.card_number == NUMBER


async def test_a_card_that_no_call_told_is_named_and_not_written(env, spool):
    from livekit.agents.beta.workflows.credit_card import GetCardNumberResult  # noqa: PLC0415

    holder = await begun(env, spool, till())
    holder.session.userdata["card"] = GetCardNumberResult(issuer="Visa", card_number=NUMBER)
    holder.hooks.scan()
    assert not kinds_with(holder, NUMBER)
    after = await holder.next(till())
    assert "card" not in after.session.userdata
    assert "no call told it" in after.report["userdata"]


async def test_an_agent_that_is_made_with_a_card_has_lost_it(env, spool):
    from livekit.agents.beta.workflows.credit_card import GetCardNumberResult  # noqa: PLC0415

    class Receipt(Agent):
        def __init__(self, card: Any) -> None:
            super().__init__(instructions="x")

    arguments.watch()
    made = Receipt(GetCardNumberResult(issuer="Visa", card_number=NUMBER))
    entry = arguments.entry_of(made, "Receipt", lambda _: "")
    assert entry.lost == ("card",)
    assert NUMBER not in json.dumps(entry.arguments)
