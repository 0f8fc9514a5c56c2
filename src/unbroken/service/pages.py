"""/: the console, built into the package folder `console`."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from unbroken.errors import NotFound

FOLDER = Path(__file__).parent / "console"
NOT_BUILT = "The console is not built into this package. In a checkout: make console\n"
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
# Vite names these after their content.
ASSET_HEADERS = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False)


@router.get("/{path:path}", response_class=Response)
async def page(path: str) -> Response:
    """A file of the console; any other path is one of its own pages."""
    if path == "api" or path.startswith("api/"):
        raise NotFound(f"no /{path}")
    if (file := _file(path)) is not None:
        return FileResponse(file, headers=ASSET_HEADERS if path[:7] == "assets/" else HEADERS)
    index = FOLDER / "index.html"
    if not index.is_file():
        return PlainTextResponse(NOT_BUILT, status_code=404)
    return FileResponse(index, headers=HEADERS)


def _file(path: str) -> Path | None:
    try:
        file = (FOLDER / path).resolve()
        return file if file.is_relative_to(FOLDER.resolve()) and file.is_file() else None
    except (OSError, ValueError):
        return None  # a name that no file system takes
