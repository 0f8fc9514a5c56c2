"""Query parameters that an operation does not know, or is given twice: refused instead of ignored.

Who filters by a name that nothing filters by would take everybody's conversations for one's.
What is no UTF-8 is refused, too: with each wrong byte replaced, two names would be one.
"""

from collections import Counter
from urllib.parse import unquote

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute


async def refuse_unknown(request: Request) -> None:
    """Raises HTTPException 400."""
    _refuse_unreadable(request)
    known = _known(request.scope.get("route"))
    if unknown := sorted(set(request.query_params) - known):
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise HTTPException(400, f"no such parameter here: {', '.join(unknown)}; {has}")
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise HTTPException(400, f"a parameter is given once: {', '.join(twice)}")


def _refuse_unreadable(request: Request) -> None:
    raw = request.scope.get("raw_path") or b""
    for part in (raw.partition(b"?")[0], request.scope.get("query_string") or b""):
        try:
            unquote(part.decode(), errors="strict")
        except UnicodeDecodeError as error:
            raise HTTPException(400, "the path or its query is no UTF-8") from error


def _known(route: BaseRoute | None) -> set[str]:
    dependant: Dependant | None = getattr(route, "dependant", None)
    return _parameters(dependant) if dependant else set()


def _parameters(dependant: Dependant) -> set[str]:
    """Its own, and those of what it depends on."""
    of_others = (_parameters(one) for one in dependant.dependencies)
    return {one.alias for one in dependant.query_params}.union(*of_others)
