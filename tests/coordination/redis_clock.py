"""The clock of a Redis in tests: it is not put forward, what was noted before is put back."""

import time

import redis

from unbroken.coordination.redis_windows import PREFIX


class RedisClock:
    def __init__(self, client: redis.Redis | redis.RedisCluster) -> None:
        self.client, self._ahead_us = client, 0

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self._ahead_us

    def advance(self, seconds: float) -> None:
        """As if so much time had gone by."""
        self._ahead_us += int(seconds * 1_000_000)
        for key in self.keys():
            left_ms = self.client.pttl(key) - int(seconds * 1_000)
            self._move(key, -int(seconds * 1_000_000), left_ms)

    def step(self, seconds: float) -> None:
        """As if the clock were set; no time goes by."""
        for key in self.keys():
            self._move(key, -int(seconds * 1_000_000), self.client.pttl(key))

    def keys(self) -> list[str]:
        return list(self.client.scan_iter(match=f"{PREFIX}:*"))

    def _move(self, key: str, by_us: int, left_ms: int) -> None:
        times = [int(at) + by_us for at in self.client.lrange(key, 0, -1)]
        self.client.delete(key)
        if times and left_ms > 0:
            self.client.rpush(key, *times)
            self.client.pexpire(key, left_ms)
