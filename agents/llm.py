"""The choice of another brain than the written one: any OpenAI-compatible server, hosted or here.

UNBROKEN_LLM_URL       its base URL, for the embedded model what `python -m agents.llm_server` said
UNBROKEN_LLM_MODEL     which of its models; without it the first one that it names
UNBROKEN_LLM_API_KEY   if it wants one
UNBROKEN_LLM_TOOLS     "native" or "intent", for models that cannot call tools; only the embedded
                       model is known to be one
"""

import asyncio
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import httpx2
from livekit.agents import llm
from livekit.plugins import openai
from openai import AsyncOpenAI

from agents.intent import IntentLLM
from agents.loopback import proxy_for
from agents.persona import EMBEDDED_MODEL, READ_S
from unbroken import SettingsInvalid

EMBEDDED_TOKENS_MAX = 60  # a weak model wanders after a sentence or two
CONNECT_S = 5.0
NAMED_WITHIN_S = 60.0  # a server that starts together with us loads its weights first

Tools = Literal["native", "intent"]

__all__ = ["IntentLLM", "ModelChoice", "choose", "make", "name_model", "name_model_in"]


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model answers, where, and who turns its words into tool calls."""

    url: str
    model: str
    api_key: str
    tools: Tools
    proxy: str | None = None

    @property
    def is_embedded(self) -> bool:
        return self.model == EMBEDDED_MODEL

    def __str__(self) -> str:
        if self.is_embedded:
            return "SmolLM2-135M (embedded, weak: proves the pipeline)"
        return f"{self.model} at {self.url}"


def choose(environ: Mapping[str, str]) -> ModelChoice:
    """Raises SettingsInvalid if no server or model is named, or tools cannot be called that way."""
    if not (url := environ.get("UNBROKEN_LLM_URL")):
        raise SettingsInvalid(
            "no language model: run `python -m agents.llm_server` and set UNBROKEN_LLM_URL to the "
            "address it prints, or to any other OpenAI-compatible server"
        )
    if not (model := environ.get("UNBROKEN_LLM_MODEL")):
        raise SettingsInvalid(f"UNBROKEN_LLM_MODEL does not say which model of {url} answers")
    key = environ.get("UNBROKEN_LLM_API_KEY") or "none"  # the client wants one, local servers not
    return ModelChoice(
        url=url,
        model=model,
        api_key=key,
        tools=_tools(environ, model),
        proxy=proxy_for(url, environ),
    )


def _tools(environ: Mapping[str, str], model: str) -> Tools:
    match environ.get("UNBROKEN_LLM_TOOLS"):
        case None | "":
            return "intent" if model == EMBEDDED_MODEL else "native"
        case "native":
            return "native"
        case "intent":
            return "intent"
        case other:
            raise SettingsInvalid(f"UNBROKEN_LLM_TOOLS is native or intent, not {other!r}")


def make(choice: ModelChoice) -> llm.LLM[Any]:
    """A client of the chosen model; nothing is asked yet."""
    options: dict[str, Any] = {}
    if choice.is_embedded:
        options = {"temperature": 0.0, "max_completion_tokens": EMBEDDED_TOKENS_MAX}
    client = openai.LLM(model=choice.model, client=_client(choice), **options)
    return IntentLLM(client) if choice.tools == "intent" else client


def _client(choice: ModelChoice) -> AsyncOpenAI:
    http = httpx2.AsyncClient(
        timeout=httpx2.Timeout(READ_S, connect=CONNECT_S), proxy=choice.proxy, trust_env=False
    )
    return AsyncOpenAI(base_url=choice.url, api_key=choice.api_key, max_retries=0, http_client=http)


async def name_model(
    url: str, *, api_key: str | None, proxy: str | None, within_s: float = NAMED_WITHIN_S
) -> str:
    """The first model that the server at `url` has, asked again until it answers.

    Raises SettingsInvalid if it names none in `within_s`.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    async with httpx.AsyncClient(headers=headers, proxy=proxy, trust_env=False) as client:
        while True:
            try:
                answer = await client.get(f"{url.rstrip('/')}/models")
                return str(answer.raise_for_status().json()["data"][0]["id"])
            except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                if loop.time() >= until:
                    raise SettingsInvalid(f"{url} names no model: {error!r}") from error
            await asyncio.sleep(0.2)


async def name_model_in(environ: MutableMapping[str, str]) -> None:
    """Set UNBROKEN_LLM_MODEL where only the server's URL is known, for the processes to come."""
    url = environ.get("UNBROKEN_LLM_URL")
    if url and not environ.get("UNBROKEN_LLM_MODEL"):
        key = environ.get("UNBROKEN_LLM_API_KEY")
        proxy = proxy_for(url, environ)
        environ["UNBROKEN_LLM_MODEL"] = await name_model(url, api_key=key, proxy=proxy)
