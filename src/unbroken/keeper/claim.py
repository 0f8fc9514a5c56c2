"""How a journal comes to its session when its holder did not take it, or the store lost it."""

from uuid import UUID

import msgspec

from unbroken import names
from unbroken.archive.port import Taken, TakeRequest
from unbroken.archive.taking import request_of
from unbroken.env import Env
from unbroken.errors import CallTaken, InvalidInput, NotFound, TooLarge, UnbrokenError
from unbroken.journal.frames import Header
from unbroken.pause import Pause

PATIENCE_US = 10_000_000  # a session that is not known may come with an earlier holder's journal
EARLY_US = 10_000_000  # so young, a holder has said little more than a greeting
SLOW_S = 60.0  # what stays refused is offered again so often
NAMES = ("room_name", "room_sid", "role", "agent_name", "agent_identity", "user_id")


class Claim:
    """What is asked for, and how it went. It ends only when the session is known."""

    def __init__(self, env: Env, header: Header) -> None:
        self.granted_term: int | None = None  # this holder had it
        self.granted_base: int | None = None  # behind so many entries
        self.session_id: UUID | None = header.wanted_session_id  # whose it is, as far as known
        self.is_alone = False  # a call of its own: what it asked for will not be had
        self.reason: str | None = None  # why it is not granted
        self.pause = Pause(env, first_s=0.05, most_s=2.0)
        self._slow = Pause(env, first_s=1.0, most_s=SLOW_S)
        self._env, self._header = env, header
        self._refused_us: int | None = None

    def request(self, *, ttl_ms: int) -> TakeRequest:
        asked = request_of(self._header, ttl_ms=ttl_ms)
        asked = msgspec.structs.replace(
            asked,
            granted_term=self.granted_term,
            granted_base=self.granted_base,
            people=asked.people or (),  # whom its holder did not see cannot be asked for any more
            is_begun=True,
        )
        return _alone(asked) if self.is_alone else asked

    def is_blind(self, taken: Taken) -> bool:
        """Whether an agent that just began as a new call was granted one that it has not read: the
        service was slow, and meanwhile another one had been there and died. Its successor is to
        have that one's state. Who began long ago keeps its session: there is more to lose."""
        asked = self._header
        is_new = asked.agent_name is not None and asked.wanted_session_id is None
        age_us = self._env.now_us() - asked.started_at_us
        return is_new and self.granted_term is None and taken.base > 0 and age_us < EARLY_US

    def is_due(self, now_us: int) -> bool:
        return self.pause.is_over(now_us) and self._slow.is_over(now_us)

    def is_patient(self, now_us: int) -> bool:
        """Whether it still waits for what an earlier holder may have to ship."""
        return self._refused_us is None or now_us - self._refused_us < PATIENCE_US

    def refuse(self, error: UnbrokenError) -> None:
        """The store answered, and will not grant this."""
        now_us = self._env.boot_us()
        self._refused_us = self._refused_us or now_us
        self.reason = f"its session is not granted: {error}"
        match error:
            case CallTaken():
                self.reason = "another holder has its session"
                self._slow.fail()
            case TooLarge():  # a proxy's word, not the store's
                self.pause.fail()
            case NotFound() | InvalidInput() if self.is_alone:
                self._slow.fail(least_s=SLOW_S)
            case NotFound() | InvalidInput():
                self.is_alone = self._is_unfit(error) or not self.is_patient(now_us)
                self.pause.fail()

    def forget(self, session_id: UUID, term: int, base: int) -> None:
        """The store knows nothing of the session that this holder had."""
        self.session_id = session_id
        self.granted_term, self.granted_base = (term, base) if term else (None, None)
        self.is_alone, self.reason, self._refused_us = False, None, None
        self.pause.fail()  # a store that forgets what it grants is not asked in a tight loop

    def _is_unfit(self, error: UnbrokenError) -> bool:
        """Refused for its names: others would be taken, but they mean another call."""
        asked = request_of(self._header)
        return isinstance(error, InvalidInput) and _fit(asked) != asked


def _alone(asked: TakeRequest) -> TakeRequest:
    return msgspec.structs.replace(_fit(asked), session_id=None)


def _fit(asked: TakeRequest) -> TakeRequest:
    """With names that a store takes, as near to those that were said as can be."""
    said = {field: getattr(asked, field) for field in NAMES}
    fit = {field: names.fit(name) for field, name in said.items() if name is not None}
    return msgspec.structs.replace(asked, **fit)
