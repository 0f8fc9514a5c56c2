"""/: the console, built into the package folder `console`."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from unbroken.errors import NotFound
from unbroken.service.parts import Given

FOLDER = Path(__file__).parent / "console"
NOT_BUILT = "The console is not built into this package. In a checkout: make console\n"
HEADERS = {"Cache-Control": "no-cache"}
# Vite names these after their content.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
OWN_PAGES = re.compile(r"(conversations(/[^/]+)?/?)?")  # as the console's router has them
CLOUD = ".livekit.cloud"  # a project's first address sends its callers on to others of these

router = APIRouter(include_in_schema=False)


@router.get("/{path:path}", response_class=Response)
async def page(path: str, parts: Given) -> Response:
    """A file of the console, or one of its own pages; what is neither is shown as not found."""
    if path == "api" or path.startswith("api/"):
        raise NotFound(f"no /{path}")
    if (file := _file(path)) is not None:
        return FileResponse(file, headers=ASSET_HEADERS if path[:7] == "assets/" else HEADERS)
    index = FOLDER / "index.html"
    if not index.is_file():
        return PlainTextResponse(NOT_BUILT, status_code=404)
    policy = content_policy(parts.settings.browser_livekit_url)
    status = 200 if OWN_PAGES.fullmatch(path) else 404
    return FileResponse(index, status, headers=HEADERS | {"Content-Security-Policy": policy})


def content_policy(livekit_url: str) -> str:
    """The page loads what is ours, and speaks to us and to LiveKit."""
    host = urlsplit(livekit_url).netloc
    if host.endswith(CLOUD):
        host = f"*{CLOUD}"
    livekit = " ".join(f"{scheme}://{host}" for scheme in ("ws", "wss", "http", "https"))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {livekit}; "
        "img-src 'self' data:; media-src 'self' blob: data:; font-src 'self'; worker-src 'self' "
        "blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


def _file(path: str) -> Path | None:
    try:
        file = (FOLDER / path).resolve()
        return file if file.is_relative_to(FOLDER.resolve()) and file.is_file() else None
    except (OSError, ValueError):
        return None  # a name that no file system takes
