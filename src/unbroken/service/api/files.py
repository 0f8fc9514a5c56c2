"""/api/v1/files"""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel

from unbroken import names
from unbroken.blobs import BLOB_BYTES_MAX, hash_of
from unbroken.errors import TooLarge
from unbroken.service import contract, stored
from unbroken.service.inputs import Name
from unbroken.service.parts import Given
from unbroken.store.records import Upload

router = APIRouter(prefix="/api/v1/files", tags=["files"])
log = structlog.get_logger()

NAME_CHARS_MAX = 256


class UploadedOut(BaseModel):
    id: UUID
    name: str
    content_type: str
    bytes: int
    sha256: str
    conversation_id: UUID | None


@router.post("/upload", status_code=201)
async def upload(
    file: UploadFile,
    parts: Given,
    room_name: Annotated[Name | None, Form()] = None,
    identity: Annotated[Name | None, Form()] = None,
) -> UploadedOut:
    """Keep a file; if it names a room, with that room's call."""
    name, kind = file.filename or "file", file.content_type or "application/octet-stream"
    names.check_text("the file's name", name)
    names.check_text("the file's content type", kind)
    content = await file.read(BLOB_BYTES_MAX + 1)
    if len(content) > BLOB_BYTES_MAX:
        raise TooLarge(f"a file has at most {BLOB_BYTES_MAX} bytes")
    place = await parts.store.rooms.find(room_name) if room_name else None
    kept = Upload(
        id=parts.env.new_id(),
        conversation_id=place.conversation_id if place else None,
        call_id=place.call_id if place else None,
        identity=identity,
        name=name[:NAME_CHARS_MAX],
        content_type=kind[:NAME_CHARS_MAX],
        size_bytes=len(content),
        sha256=await hash_of(content),
    )
    await parts.blobs.put(kept.sha256, content)
    await parts.store.files.put(kept)
    log.info("file kept", file_id=str(kept.id), bytes=kept.size_bytes)
    return UploadedOut(
        id=kept.id,
        name=kept.name,
        content_type=kept.content_type,
        bytes=kept.size_bytes,
        sha256=kept.sha256.hex(),
        conversation_id=kept.conversation_id,
    )


@router.get(
    "/{file_id}",
    response_class=Response,
    responses=contract.bytes_out("application/octet-stream"),
)
async def get_file(file_id: UUID, parts: Given) -> Response:
    """Its bytes, to be saved: never shown as a page of this origin."""
    file = await parts.store.files.get(file_id)
    return Response(
        await stored.content(parts.blobs, file.sha256, f"the content of file {file_id}"),
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
        },
    )
