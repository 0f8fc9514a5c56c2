"""The usual StateManager on Redis, a stand-in written as its users write it: the conversation of
a room is one JSON text, read, changed and written back by each call.

Its second shape is a list, to which a message is appended; it keeps the last hundred messages.
"""

import json
import time
from typing import Any, Self

from redis.asyncio import Redis

LIVE_S = 24 * 3600
HISTORY_S, HISTORY_MAX = 3600, 100


class RedisStateManager:
    """Key `conversation:{room}`, for 24 hours."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, decode_responses=True)

    async def __aenter__(self) -> Self:
        await self._redis.ping()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def create_conversation(
        self, room_name: str, participant_identity: str, messages: list[dict[str, Any]]
    ) -> None:
        """`messages`: what was said before."""
        conversation = {
            "room_name": room_name,
            "participants": [participant_identity],
            "started_at": time.time(),
            "messages": messages,
            "metadata": {},
        }
        await self._save(room_name, conversation)

    async def add_message(
        self, room_name: str, role: str, content: str, metadata: dict[str, Any] | None = None
    ) -> None:
        conversation = await self.get_conversation(room_name)
        conversation["messages"].append(message(role, content, metadata))
        await self._save(room_name, conversation)

    async def get_conversation(self, room_name: str) -> dict[str, Any]:
        return dict(json.loads(await self._redis.get(f"conversation:{room_name}") or "{}"))

    async def set_user_context(self, room_name: str, key: str, value: object) -> None:
        conversation = await self.get_conversation(room_name)
        conversation["metadata"][key] = value
        await self._save(room_name, conversation)

    async def get_user_context(self, room_name: str, key: str) -> Any:
        return (await self.get_conversation(room_name))["metadata"].get(key)

    async def _save(self, room_name: str, conversation: dict[str, Any]) -> None:
        await self._redis.set(f"conversation:{room_name}", json.dumps(conversation), ex=LIVE_S)


class RedisHistory:
    """The second shape: list `conversation:{id}:history`."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, decode_responses=True)

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        await self._redis.ping()
        return self

    async def append_message(self, conversation_id: str, *messages: dict[str, Any]) -> None:
        """In one round trip."""
        key = f"conversation:{conversation_id}:history"
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.rpush(key, *map(json.dumps, messages))
            pipe.ltrim(key, -HISTORY_MAX, -1)
            pipe.expire(key, HISTORY_S)
            await pipe.execute()

    async def set(self, key: str, value: object) -> None:
        """A value in a key of its own: the least that a call over the network costs."""
        await self._redis.set(key, json.dumps(value), ex=HISTORY_S)

    async def get(self, key: str) -> Any:
        return json.loads(await self._redis.get(key) or "null")


def message(role: str, content: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "role": role, "content": content, "metadata": metadata or {}, "timestamp": time.time()
    }  # fmt: skip
