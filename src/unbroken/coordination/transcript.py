"""What was said in a conversation: the lines of all its sessions, in the one order in which they
were heard."""

from typing import Protocol
from uuid import UUID

import msgspec

from unbroken.archive.http import ANSWERS, part
from unbroken.coordination.remote import Remote

LINES_MAX = 500  # of one request
ANSWER_BYTES_MAX = 64 << 20


class HeardLine(msgspec.Struct, frozen=True):
    """A line of the transcript. `agent` is the role of the agent that said it, or heard it."""

    id: str
    role: str  # user or assistant
    content: str
    session_id: UUID
    speaker: str | None = None  # the identity of the person who said it
    interrupted: bool = False
    agent: str = ""


class Transcript(Protocol):
    async def lines(self, conversation_id: str, limit: int) -> list[HeardLine]:
        """The last ones, oldest first. Raises ArchiveUnavailable, NotFound."""


class _HeardLines(msgspec.Struct):
    messages: list[HeardLine]


class _Session(msgspec.Struct):
    id: UUID
    role: str


class _Call(msgspec.Struct):
    sessions: list[_Session]


class _Conversation(msgspec.Struct):
    call_list: list[_Call]


class RemoteTranscript(Remote):
    """That of a service. It asks once for the roles of sessions that it does not know."""

    kinds = ANSWERS
    answer_bytes_max = ANSWER_BYTES_MAX
    _roles: dict[UUID, str] | None = None

    async def lines(self, conversation_id: str, limit: int) -> list[HeardLine]:
        path = f"/conversations/{part(conversation_id)}"
        asked = {"limit": max(1, min(limit, LINES_MAX))}
        body = await self._send("GET", f"{path}/messages", params=asked)
        found = self._decoded(path, body, _HeardLines).messages
        roles = self._roles or {}
        if any(line.session_id not in roles for line in found):
            told = self._decoded(path, await self._send("GET", path), _Conversation)
            roles = {one.id: one.role for call in told.call_list for one in call.sessions}
            self._roles = roles
        named = msgspec.structs.replace
        return [named(line, agent=roles.get(line.session_id, "")) for line in found]
