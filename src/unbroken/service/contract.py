"""The contract: /openapi.json says of every operation what it takes and all that it may answer."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from unbroken.service.conditional import is_conditional
from unbroken.service.idempotency import API, KEY_CHARS_MAX
from unbroken.service.settings import Settings

SCHEME = "key"
PROBLEM = "Problem"
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "session_id": {"type": "string", "format": "uuid"},
        "is_over": {"type": "boolean"},
        "retry_s": {"type": "number"},
    },
}
# What any operation may answer: who asks, what came, what is stored, what is away.
PROBLEMS = {
    "400": "The body cannot be parsed, or a query parameter is none of this operation",
    "401": "No key, a wrong one, or a name or origin that is not ours",
    "404": "There is no such thing",
    "405": "Not this method",
    "408": "The body did not come in time",
    "409": "The state does not allow it",
    "412": "Another version than was expected",
    "413": "Beyond a bound",
    "415": "A body of another kind",
    "422": "Not of the form that it must have",
    "423": "Somebody else holds the lock",
    "429": "No slot is free, or the window is full",
    "500": "What is stored is damaged, or an unexpected error",
    "503": "The store or LiveKit is away, or too much is sent at once",
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again under the same key, it is answered again and not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX},
}
CONDITION = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer: it is sent again only if it has changed.",
    "schema": {"type": "string"},
}
BINARY = {"type": "string", "format": "binary"}


def bytes_in(kind: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself."""
    body = {"required": True, "content": {kind: {"schema": BINARY}}}
    return {"requestBody": body}


def bytes_out(kind: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route whose answer is no JSON of a model."""
    return {status: {"content": {kind: {"schema": BINARY}}}}


def json_out(**properties: Any) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that writes its JSON itself."""
    schema = {"type": "object", "required": [*properties], "properties": properties}
    return {200: {"content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI, settings: Settings) -> None:
    """Make `app` publish the whole contract."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(app, has_key=settings.api_key is not None)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _completed(app: FastAPI, *, has_key: bool) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, routes=app.routes)
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas[PROBLEM] = PROBLEM_SCHEMA
    parts["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
    needed: list[dict[str, list[str]]] = [{SCHEME: []}]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(operation, is_post=method == "post" and path.startswith(API))
            if is_conditional(method, path):
                operation.setdefault("parameters", []).append(CONDITION)
                operation["responses"]["304"] = {"description": "It is what had that ETag"}
            if path.startswith(API):
                operation["security"] = needed if has_key else [{}, *needed]
    return found


def _complete(operation: dict[str, Any], *, is_post: bool) -> None:
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    for status, words in PROBLEMS.items():
        operation["responses"][status] = {"description": words, "content": content}
    if is_post:
        others = [p for p in operation.get("parameters", []) if p["in"] != "header"]
        operation["parameters"] = [*others, IDEMPOTENCY]
