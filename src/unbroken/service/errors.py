"""The one place where an error becomes an HTTP answer: problem+json with a stable `code`."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unbroken.errors import CallTaken, UnbrokenError

STATUS_BY_CODE = {
    "archive_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "room_server_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "level_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "effect_unknown": HTTPStatus.CONFLICT,
    "call_taken": HTTPStatus.CONFLICT,
    "people_unknown": HTTPStatus.CONFLICT,
    "state_refused": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not_found": HTTPStatus.NOT_FOUND,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "corrupt": HTTPStatus.INTERNAL_SERVER_ERROR,
    "journal_unwritable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "journal_unreadable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "settings_invalid": HTTPStatus.INTERNAL_SERVER_ERROR,
}
CODE_BY_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    503: "busy",
}

log = structlog.get_logger()


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, str | bool] | None = None,
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
        code = CODE_BY_STATUS.get(error.status_code, "invalid_input")
        return problem(error.status_code, code, str(error.detail), headers=error.headers)
    status = STATUS_BY_CODE.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    more: dict[str, str | bool] = {}
    if isinstance(error, CallTaken) and error.session_id:
        more = {"session_id": str(error.session_id), "is_over": error.is_over}
    return problem(status, error.code, str(error), more=more)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, UnbrokenError)  # noqa: S101 - how the handler is registered
    return answer(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - how it is registered
    # Where and why, never what was sent: it may be private.
    found = "; ".join(
        f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()[:5]
    )
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", found)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - how the handler is registered
    return answer(error)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, error=type(error).__name__)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an unexpected error")
