"""/api/v1/users"""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel

from unbroken.service import shapes
from unbroken.service.inputs import Facts, Name
from unbroken.service.parts import Given
from unbroken.store.records import User
from unbroken.store.text import as_json

router = APIRouter(prefix="/api/v1/users", tags=["users"])

CONVERSATIONS_MAX = 10

Identity = Annotated[Name, Path()]


class PastConversationOut(BaseModel):
    id: UUID
    title: str | None
    last_at: str


class UserContextBody(BaseModel):
    """`known` False: no room and no application has named this user yet."""

    identity: str
    known: bool
    name: str | None
    context: dict[str, Any]
    conversations: list[PastConversationOut]


@router.get("/{identity:path}/context")
async def get_context(identity: Identity, parts: Given) -> UserContextBody:
    """What applications keep for a user across rooms, and the user's last conversations."""
    user = await parts.store.users.get(identity)
    past = await parts.store.conversations.list_of_user(identity, limit=CONVERSATIONS_MAX)
    return UserContextBody(
        identity=identity,
        known=user is not None or bool(past),
        name=user.name if user else None,
        context=json.loads(user.context) if user and user.context else {},
        conversations=[
            PastConversationOut(id=name, title=title, last_at=shapes.iso(at))
            for name, title, at in past
        ],
    )


@router.put("/{identity:path}/context")
async def put_context(
    identity: Identity, parts: Given, context: Annotated[Facts, Body()]
) -> UserContextBody:
    """Replace it. What could not be kept as it is, is refused."""
    kept = as_json(context).encode()
    await parts.store.users.put(User(id=identity, name=None, context=kept))
    return await get_context(identity, parts)
