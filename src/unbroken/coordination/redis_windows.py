"""Windows that are counted in Redis or Valkey, for who has one, and else in the store.

The script is ours and not a library's because none keeps what `coordination.rate` promises:
the moving window of `limits` goes by the clock of who asks and by whole seconds, and GCRA as in
`throttled-py` lets up to twice the limit through in one stretch.
"""

import asyncio
import logging
from hashlib import sha1
from urllib.parse import quote

from redis.exceptions import NoScriptError

from unbroken.coordination.coordinator import Windows
from unbroken.coordination.lease import Refused
from unbroken.coordination.rate import Window
from unbroken.env import Env
from unbroken.pause import Pause
from unbroken.redis_client import Client, client_at

log = logging.getLogger(__name__)

# Redis answers within a millisecond. TCP sends a packet that was lost again after 200 ms: that is
# no outage yet, and what waits longer than this a caller hears.
ANSWER_S = 0.25
LATE_S = 0.02  # for an answer that has come while this process did something else
STEP_S = 2 * ANSWER_S  # whatever nobody waits for any more ends by itself
FIRST_PAUSE_S, MOST_PAUSE_S = 1.0, 15.0  # without asking it, after it was away
ASKED_AT_ONCE = 32  # by one process, each on a connection of its own

# A list of when the last ones were admitted, at most `limit` of them, by the server's clock.
SCRIPT = """
local key, per, limit = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local newest = tonumber(redis.call('LINDEX', key, -1) or now)
if newest > now then -- the clock was set back, or it is another server's
  local all, set_back = redis.call('LRANGE', key, 0, -1), newest - now
  redis.call('DEL', key)
  for _, at in ipairs(all) do
    redis.call('RPUSH', key, string.format('%.0f', at - set_back))
  end
  redis.call('PEXPIRE', key, math.ceil(per / 1000) + 1000)
end
local before = redis.call('LINDEX', key, -limit)
if before and before + per > now then
  return before + per - now
end
redis.call('RPUSH', key, string.format('%.0f', now))
redis.call('LTRIM', key, -limit, -1)
redis.call('PEXPIRE', key, math.ceil(per / 1000) + 1000)
return 0
"""
SCRIPT_SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
PREFIX = "unbroken"


class RedisWindows:
    """One Redis. `whose`: windows of others in it are others.

    Counting is one script, so of many at once none is beyond the limit. A window is one key,
    `unbroken:{…}:rate`, which expires a second behind it. What is asked for without an answer may
    have been counted. Raises what redis-py raises."""

    def __init__(self, client: Client, whose: str) -> None:
        self._client, self._whose = client, whose

    async def admit(self, window: Window) -> Refused | None:
        key = self.key(window)
        await self._client.initialize()  # before a cluster's map is known any node would be asked
        try:
            left_us = await self._client.evalsha(SCRIPT_SHA, 1, key, window.per_us, window.limit)
        except NoScriptError:  # it is new there, or was restarted
            left_us = await self._client.eval(SCRIPT, 1, key, window.per_us, window.limit)
        return Refused(left_us / 1_000_000) if left_us else None

    def key(self, window: Window) -> str:
        """In one slot of a cluster, whatever the name."""
        return f"{PREFIX}:{{{quote(f'{self._whose} {window.text}', safe='')}}}:rate"

    async def aclose(self) -> None:
        await self._client.aclose()


class FailingOver:
    """In Redis while it answers, and else in the store: no window waits for it longer than
    ANSWER_S.

    The two do not know of each other. So in a stretch in which Redis was lost or came back there
    may be one more `limit` than it allows, and one more for each time that Redis forgot what it
    had (`docs/design/coordination.md`, 4).
    """

    def __init__(self, redis: RedisWindows, store: Windows, env: Env) -> None:
        self._redis, self._store, self._env = redis, store, env
        self._pause = Pause(env, first_s=FIRST_PAUSE_S, most_s=MOST_PAUSE_S)
        self._room = asyncio.Semaphore(ASKED_AT_ONCE)
        self._is_tried = False  # by one, while it is away
        self._asked: set[asyncio.Future[Refused | None]] = set()

    @classmethod
    def at(cls, url: str, whose: str, store: Windows, env: Env) -> "FailingOver":
        """Nothing is reached yet. Raises SettingsInvalid."""
        return cls(RedisWindows(client_at(url, answer_s=STEP_S), whose), store, env)

    async def admit(self, window: Window) -> Refused | None:
        async with self._room:
            if self._may_ask():
                try:
                    return await self._in_time(window)
                # Whatever it is: of a cluster that changes redis-py raises errors of its own
                # making, too, as it closes connections under others that use them.
                except Exception as error:  # noqa: BLE001
                    self._lose(error)
        return await self._store.admit(window)

    async def aclose(self) -> None:
        if self._asked:
            await asyncio.wait(self._asked, timeout=STEP_S)
        await self._redis.aclose()

    def _may_ask(self) -> bool:
        is_away = self._pause.failures > 0
        return not is_away or (not self._is_tried and self._pause.is_over(self._env.boot_us()))

    async def _in_time(self, window: Window) -> Refused | None:
        """Not cancelled, which would leave a connection half open. Raises TimeoutError."""
        if not self._pause.failures:
            return await self._answer(window)
        self._is_tried = True
        try:
            answer = await self._answer(window)
        finally:
            self._is_tried = False
        log.warning("Redis is back, windows are counted there")
        self._pause.clear()
        return answer

    async def _answer(self, window: Window) -> Refused | None:
        asked = asyncio.ensure_future(self._redis.admit(window))
        self._asked.add(asked)
        asked.add_done_callback(self._forget)
        for within_s in (ANSWER_S, LATE_S):
            await asyncio.wait([asked], timeout=within_s)
        if not asked.done():
            raise TimeoutError(f"no answer within {ANSWER_S:g} s")
        return asked.result()

    def _forget(self, asked: "asyncio.Future[Refused | None]") -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # whoever waited has gone to the store

    def _lose(self, error: Exception) -> None:
        """By the kind of the error only: what a server says may repeat what it was told."""
        if not self._pause.failures:
            kind = type(error).__name__
            log.warning("Redis is away, windows are counted in the store: %s", kind)
        if self._pause.is_over(self._env.boot_us()):  # others have asked beside this one
            self._pause.fail()
