"""The one place where an error becomes an HTTP answer: problem+json with a stable `code`."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unbroken.errors import (
    CallTaken,
    InvalidInput,
    NotFound,
    NotFree,
    TooLarge,
    UnbrokenError,
)

CODE_BY_STATUS = {  # of what the framework refuses, not we
    404: NotFound.code,
    405: "method_not_allowed",
    408: "timeout",
    413: TooLarge.code,
    415: "unsupported_media_type",
    503: "busy",
}

AGAIN = {"Retry-After": "1"}  # seconds

log = structlog.get_logger()


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, str | bool | float] | None = None,
) -> JSONResponse:
    """`status` as problem+json (RFC 9457); `more` are members of its own."""
    body = {
        "type": f"urn:unbroken:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        **(more or {}),
    }
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    app.add_exception_handler(UnbrokenError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(error: UnbrokenError | HTTPException) -> JSONResponse:
    if isinstance(error, HTTPException):
        code = CODE_BY_STATUS.get(error.status_code, InvalidInput.code)
        return problem(error.status_code, code, str(error.detail), headers=error.headers)
    more: dict[str, str | bool | float] = {}
    if isinstance(error, CallTaken) and error.session_id:
        more = {"session_id": str(error.session_id), "is_over": error.is_over}
    headers = AGAIN if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if isinstance(error, NotFree):
        headers = {"Retry-After": str(max(1, ceil(error.retry_s)))}
        more = {"retry_s": error.retry_s}
    return problem(error.status, error.code, str(error), headers=headers, more=more)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, UnbrokenError)  # noqa: S101 - how the handler is registered
    return answer(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - how it is registered
    # Where and why, never what was sent: it may be private.
    found = "; ".join(
        f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()[:5]
    )
    return problem(InvalidInput.status, InvalidInput.code, found)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - how the handler is registered
    return answer(error)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, error=type(error).__name__)
    return problem(UnbrokenError.status, UnbrokenError.code, "an unexpected error")
