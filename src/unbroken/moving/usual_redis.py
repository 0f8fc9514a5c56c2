"""The usual conversations of one Redis, with plain commands: SCAN, TYPE, STRLEN, GET, MEMORY
USAGE, LRANGE; and to write them WATCH, MULTI, SET, DEL, RPUSH, EXEC.

What is read is bounded: a key is measured before it is asked for.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from redis.exceptions import RedisError, ResponseError, WatchError

from unbroken.errors import ArchiveUnavailable, Conflict, InvalidInput
from unbroken.moving import usual
from unbroken.moving.usual import Unread, UsualConversation
from unbroken.redis_client import client_at

ANSWER_S = 10.0  # KEY_BYTES_MAX take a second on a slow line
SCAN_COUNT = 500
KEYS_MAX = 1_000_000  # their names are held: about 100 MB
KEY_BYTES_MAX = 16 << 20  # decoded some ten times as much; a call of a whole day has less
LINES_AT_ONCE = 500
NAME_CHARS_MAX = 200  # of a key that is told


class UsualRedis:
    """Use `async with`. Raises ArchiveUnavailable where Redis does not answer or refuses, and
    SettingsInvalid for a URL that is none. No error has the URL: it may hold a password."""

    def __init__(self, url: str) -> None:
        self._redis: Any = client_at(url, answer_s=ANSWER_S)

    async def __aenter__(self) -> Self:
        await self._ask(self._redis.ping())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def keys(self) -> list[bytes]:
        """Those of conversations, each once, in order: texts before lists of one name. Raises
        InvalidInput for more than KEYS_MAX."""
        found: set[bytes] = set()
        scan = self._redis.scan_iter(match=f"{usual.PREFIX}*", count=SCAN_COUNT)
        async for key in self._each(scan):
            found.add(key)
            if len(found) > KEYS_MAX:
                raise InvalidInput(f"there are more than {KEYS_MAX} conversations")
        return sorted(found, key=lambda key: (key.endswith(usual.HISTORY.encode()), key))

    async def read(self, key: bytes) -> UsualConversation | Unread | None:
        """None: it is gone."""
        try:
            return await self._read(key, _text(key))
        except InvalidInput as error:
            return Unread(shown(key), str(error))

    async def _read(self, key: bytes, name: str) -> UsualConversation | None:
        match await self._ask(self._redis.type(key)):
            case b"none":
                return None
            case b"string":
                data = await self._string(key)
                return None if data is None else usual.read_room(name, data)
            case b"list":
                if not name.endswith(usual.HISTORY):
                    raise InvalidInput("it is a list: only a history is one")
                return usual.read_history(name, await self._list(key))
            case kind:
                raise InvalidInput(f"it is a {kind.decode(errors='replace')}")

    async def write(
        self, wanted: UsualConversation, may_replace: Callable[[UsualConversation], bool]
    ) -> bool:
        """Its key is as `wanted`, without an expiry; False if it was before. Raises Conflict, and
        changes nothing, where another program has the key: what is there and cannot be read, or
        `may_replace` says no to, or is changed in this moment."""
        async with self._redis.pipeline(transaction=True) as pipe:
            await self._ask(pipe.watch(wanted.key))
            there = await self.read(wanted.key.encode())
            if isinstance(there, Unread):
                raise Conflict(f"it holds something else: {there.why}")
            if there is not None and there.says_the_same(wanted):
                return False
            if there is not None and (there.unread or not may_replace(there)):
                raise Conflict("it has what the service does not have")
            pipe.multi()
            _put(pipe, wanted)
            try:
                await self._ask(pipe.execute())
            except WatchError:
                raise Conflict("it is changed in this moment: run it again") from None
        return True

    async def _string(self, key: bytes) -> bytes | None:
        _check_size(await self._ask(self._redis.strlen(key)))
        data: bytes | None = await self._ask(self._redis.get(key))
        return data

    async def _list(self, key: bytes) -> list[bytes]:
        _check_size(await self._ask(self._redis.memory_usage(key, samples=0)) or 0)
        lines: list[bytes] = []
        while True:
            first = len(lines)
            part = self._redis.lrange(key, first, first + LINES_AT_ONCE - 1)
            lines += (found := await self._ask(part))
            if len(found) < LINES_AT_ONCE:
                return lines

    async def _each(self, scan: Any) -> AsyncIterator[bytes]:
        try:
            async for key in scan:
                yield key
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from None

    async def _ask(self, answer: Any) -> Any:
        try:
            return await answer
        except WatchError:
            raise
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise InvalidInput("it is something else by now") from None
            raise _away(error) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from None


def _put(pipe: Any, wanted: UsualConversation) -> None:
    if wanted.about is not None:
        pipe.set(wanted.key, usual.write_room(wanted.about, wanted.messages))
        return
    pipe.delete(wanted.key)
    for first in range(0, len(wanted.messages), LINES_AT_ONCE):
        lines = wanted.messages[first : first + LINES_AT_ONCE]
        pipe.rpush(wanted.key, *map(usual.write_line, lines))


def shown(key: bytes) -> str:
    """For people: no key of a stranger's breaks a line."""
    text = repr(key.decode(errors="backslashreplace"))[1:-1]
    return text if len(text) <= NAME_CHARS_MAX else f"{text[:NAME_CHARS_MAX]}…"


def _text(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise InvalidInput("its name is no UTF-8") from None


def _check_size(size_bytes: int) -> None:
    if size_bytes > KEY_BYTES_MAX:
        raise InvalidInput(f"it has {size_bytes} bytes: {KEY_BYTES_MAX} are the most")


def _away(error: Exception) -> ArchiveUnavailable:
    """By its kind only: what a server says may repeat what it was told."""
    return ArchiveUnavailable(f"Redis does not answer, or refuses: {type(error).__name__}")
