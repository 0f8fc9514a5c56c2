"""Conversations from Redis into the service: each key read, what is new added, all compared."""

import hashlib
from collections.abc import AsyncIterator, Iterable

import msgspec

from unbroken.errors import ArchiveUnavailable, Unauthorized, UnbrokenError
from unbroken.moving.at_service import AtService
from unbroken.moving.kept import differences, found, missing
from unbroken.moving.usual import Unread, UsualConversation, digest
from unbroken.moving.usual_redis import UsualRedis


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one key. `unread` costs itself, `wrong` is what the service does not have as
    it was read. The hashes are over the messages, as read and as the service has them."""

    key: str
    read: int = 0
    added: int = 0
    there: int = 0
    unread: tuple[Unread, ...] = ()
    wrong: tuple[str, ...] = ()
    hash_read: str = ""
    hash_there: str = ""

    def problems(self) -> list[str]:
        return [*map(str, self.unread), *(f"{self.key}: {why}" for why in self.wrong)]


class ImportTotal(msgspec.Struct):
    """Over all keys; one hash over the hashes of each side."""

    conversations: int = 0
    read: int = 0
    added: int = 0
    there: int = 0
    unread: int = 0
    wrong: int = 0
    hash_read: str = ""
    hash_there: str = ""

    def add(self, one: Imported) -> None:
        self.conversations += bool(one.hash_read)
        self.read += one.read
        self.added += one.added
        self.there += one.there
        self.unread += len(one.unread)
        self.wrong += len(one.wrong)
        self.hash_read = _sha256(self.hash_read, one.hash_read)
        self.hash_there = _sha256(self.hash_there, one.hash_there)

    @property
    def is_whole(self) -> bool:
        return not self.unread and not self.wrong and self.hash_read == self.hash_there


async def import_all(
    redis: UsualRedis, service: AtService, keys: Iterable[bytes]
) -> AsyncIterator[Imported]:
    """What became of each key, in their order. One that is gone meanwhile says nothing.

    Raises ArchiveUnavailable and Unauthorized; what was told is done, and a second run adds the
    rest."""
    for key in keys:
        read = await redis.read(key)
        if isinstance(read, Unread):
            yield Imported(key=read.key, unread=(read,))
        elif read is None:
            yield Imported(key="")
        else:
            yield await _import(read, service)


async def _import(read: UsualConversation, service: AtService) -> Imported:
    try:
        return await _added(read, service)
    except (ArchiveUnavailable, Unauthorized):
        raise
    except UnbrokenError as error:
        unread = read.unread
        return Imported(key=read.key, read=len(read.messages), unread=unread, wrong=(str(error),))


async def _added(read: UsualConversation, service: AtService) -> Imported:
    kept = await service.read(read.id)
    new = missing(read, kept)
    if new or not kept.has_about(read):
        await service.add(read, new, kept)
        kept = await service.read(read.id)
    there = found(read, kept)
    return Imported(
        key=read.key,
        read=len(read.messages),
        added=len(new),
        there=len(there),
        unread=read.unread,
        wrong=tuple(differences(read, kept)),
        hash_read=digest(read.messages),
        hash_there=digest(message.said for message in there),
    )


def _sha256(*texts: str) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()
