"""/api/v1/blobs/{sha256}"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from unbroken.blobs import BLOB_BYTES_MAX
from unbroken.service import contract, stored, wire
from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/blobs", tags=["agents"])

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.put(
    "/{sha256}", status_code=204, openapi_extra=contract.bytes_in("application/octet-stream")
)
async def put_blob(sha256: Sha256, request: Request, parts: Given) -> None:
    """Keep a part that is too large for an entry under its hash; again is no change."""
    content = await wire.content(request, bytes_max=BLOB_BYTES_MAX)
    await parts.store.archive.put_blob(bytes.fromhex(sha256), content)


@router.get(
    "/{sha256}",
    response_class=Response,
    responses=contract.bytes_out("application/octet-stream"),
)
async def get_blob(sha256: Sha256, parts: Given) -> Response:
    """The bytes of that hash; 404 if there are none."""
    content = await stored.content(parts.blobs, bytes.fromhex(sha256), f"blob {sha256}")
    return Response(content, media_type="application/octet-stream")
