"""Query parameters that an operation does not know: refused instead of ignored.

Who filters by a name that nothing filters by would take everybody's conversations for one's.
"""

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute


async def refuse_unknown(request: Request) -> None:
    """Raises HTTPException 400."""
    known = _known(request.scope.get("route"))
    if unknown := sorted(set(request.query_params) - known):
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise HTTPException(400, f"no such parameter here: {', '.join(unknown)}; {has}")


def _known(route: BaseRoute | None) -> set[str]:
    dependant: Dependant | None = getattr(route, "dependant", None)
    return _parameters(dependant) if dependant else set()


def _parameters(dependant: Dependant) -> set[str]:
    """Its own, and those of what it depends on."""
    of_others = (_parameters(one) for one in dependant.dependencies)
    return {one.alias for one in dependant.query_params}.union(*of_others)
