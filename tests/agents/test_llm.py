"""Which model answers, and the server of the embedded one."""

import subprocess
import sys

import httpx
import pytest

from agents.intent import IntentLLM
from agents.llm import choose, make, name_model, name_model_in
from agents.llm_server import free_threads
from agents.loopback import exempt, is_loopback, proxy_for
from agents.persona import EMBEDDED_MODEL
from tests.agents.conftest import ROOT
from unbroken import SettingsInvalid

URL = "http://127.0.0.1:9/v1"


def settings(**given: str) -> dict[str, str]:
    return {"UNBROKEN_LLM_URL": URL, "UNBROKEN_LLM_MODEL": "qwen"} | given


async def test_a_named_model_calls_tools_itself() -> None:
    choice = choose(settings(UNBROKEN_LLM_API_KEY="k"))
    assert (choice.tools, choice.api_key, str(choice)) == ("native", "k", f"qwen at {URL}")
    async with make(choice) as client:
        assert not isinstance(client, IntentLLM)
        assert client.model == "qwen"


@pytest.mark.parametrize(
    "given",
    [settings(UNBROKEN_LLM_TOOLS="intent"), settings(UNBROKEN_LLM_MODEL=EMBEDDED_MODEL)],
)
async def test_a_model_without_tool_calls_is_wrapped(given: dict[str, str]) -> None:
    async with make(choose(given)) as client:
        assert isinstance(client, IntentLLM)


def test_the_embedded_model_says_that_it_is_weak() -> None:
    assert "embedded, weak" in str(choose(settings(UNBROKEN_LLM_MODEL=EMBEDDED_MODEL)))


@pytest.mark.parametrize(
    "given",
    [{}, {"UNBROKEN_LLM_URL": URL}, settings(UNBROKEN_LLM_TOOLS="magic")],
)
def test_a_start_that_cannot_succeed_says_why(given: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="UNBROKEN_LLM"):
        choose(given)


async def test_the_local_server_answers_and_names_its_model(llm_url: str) -> None:
    environ = {"UNBROKEN_LLM_URL": llm_url}
    await name_model_in(environ)
    assert choose(environ).is_embedded
    async with httpx.AsyncClient(trust_env=False) as client:
        health = await client.get(llm_url.removesuffix("/v1") + "/health")
    assert health.json() == {"status": "ok"}


async def test_a_server_that_names_no_model_is_an_error_in_time() -> None:
    with pytest.raises(SettingsInvalid, match="names no model"):
        await name_model(URL, api_key=None, proxy=None, within_s=0.3)


def test_a_wrong_port_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "agents.llm_server", "--port", "x"], cwd=ROOT, check=False,
        capture_output=True,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stdout == b""


@pytest.mark.parametrize(
    ("cores", "load", "threads"),
    [(1, 0, 1), (2, 0, 1), (2, 9, 1), (4, 0, 3), (4, 1.5, 2), (4, 99, 1), (8, 3.0, 5)],
)
def test_threads_are_the_free_cores(cores: int, load: float, threads: int) -> None:
    assert free_threads(cores=cores, load=load) == threads


def test_own_hosts_are_exempt_from_proxies_once() -> None:
    environ = {"NO_PROXY": "example.org", "HTTP_PROXY": "http://proxy"}
    exempt(environ)
    exempt(environ)
    assert environ["NO_PROXY"] == "example.org,127.0.0.1,localhost,::1"
    assert environ["no_proxy"] == "127.0.0.1,localhost,::1"
    assert environ["HTTP_PROXY"] == "http://proxy"


def test_beside_a_local_livekit_only_the_model_is_asked_through_the_proxy() -> None:
    environ = {"LIVEKIT_URL": "ws://127.0.0.1:7880", "http_proxy": "http://proxy"}
    exempt(environ)
    assert "http_proxy" not in environ
    remote = choose(settings(**environ, UNBROKEN_LLM_URL="https://example.org/v1"))
    assert remote.proxy == "http://proxy"
    assert choose(settings(**environ)).proxy is None


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("ws://127.0.0.1:7880", True), ("http://localhost/x", True), ("ws://[::1]:1", True),
        ("wss://example.org", False), ("127.0.0.1", False), ("http://[bad", False), ("", False),
    ],
)  # fmt: skip
def test_which_urls_stay_on_this_machine(url: str, ours: bool) -> None:
    assert is_loopback(url) is ours
    proxied = proxy_for(url, {"HTTPS_PROXY": "http://proxy"})
    assert proxied == (None if ours else "http://proxy")
