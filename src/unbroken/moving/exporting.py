"""Conversations from the service into Redis, in the usual shapes: the way back."""

from collections.abc import AsyncIterator

import msgspec

from unbroken.errors import Conflict
from unbroken.log.entries import JSON
from unbroken.moving.at_service import AtService
from unbroken.moving.kept import KeptConversation, missing
from unbroken.moving.usual import UsualConversation, history_key, room_key
from unbroken.moving.usual_redis import UsualRedis


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one key. `wrong`: why it is not as the service has it."""

    key: str
    messages: int
    is_new: bool = False  # it was not so before
    wrong: str | None = None


class ExportTotal(msgspec.Struct):
    keys: int = 0
    messages: int = 0
    written: int = 0
    wrong: int = 0

    def add(self, one: Exported) -> None:
        self.keys += 1
        self.messages += one.messages
        self.written += one.is_new
        self.wrong += one.wrong is not None

    @property
    def is_whole(self) -> bool:
        return not self.wrong


async def export_all(redis: UsualRedis, service: AtService) -> AsyncIterator[Exported]:
    """Each conversation, the newest first, whole in each of its keys.

    What was imported goes to the keys from which it came. Any other goes to the key of the room of
    its last call; a key has one conversation, so the older ones of a room go to lists by their
    id. A key is replaced only where the service has all that is in it.
    """
    used: set[str] = set()
    async for conversation_id in service.ids():
        kept = await service.read(conversation_id)
        for wanted in as_usual(kept, used):
            used.add(wanted.key)
            yield await _write(redis, kept, wanted)


def as_usual(kept: KeptConversation, used: set[str]) -> list[UsualConversation]:
    """What Redis is to have of it; nothing, if nothing was said in it."""
    about = dict(kept.about)
    if not about and kept.messages:
        about = {room_key(kept.room): _about(kept)} if kept.room else {history_key(kept.id): None}
    mine = {key: said for key, said in about.items() if key not in used}
    if len(mine) < len(about):
        mine[history_key(kept.id)] = None
    messages = tuple(message.said for message in kept.messages)
    return [
        UsualConversation(key, kept.id, said, messages)
        for key, said in mine.items()
        if messages or said is not None
    ]


def _about(kept: KeptConversation) -> dict[str, JSON]:
    started = None if kept.started_us is None else kept.started_us / 1_000_000
    return {
        "conversation_id": str(kept.id),
        "room_name": kept.room,
        "participants": [kept.user] if kept.user else [],
        "started_at": started,
        "metadata": {},
    }


async def _write(redis: UsualRedis, kept: KeptConversation, wanted: UsualConversation) -> Exported:
    def may_replace(there: UsualConversation) -> bool:
        return there.id == kept.id and not missing(there, kept)

    one = Exported(key=wanted.key, messages=len(wanted.messages))
    try:
        is_new = await redis.write(wanted, may_replace)
    except Conflict as error:
        return msgspec.structs.replace(one, wrong=str(error))
    return msgspec.structs.replace(one, is_new=is_new)
