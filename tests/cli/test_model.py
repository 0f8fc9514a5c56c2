"""Who answers in the demo, and which model server of this machine is offered and never used."""

import json
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.agents.conftest import ROOT
from unbroken.cli import model, parts
from unbroken.cli.model import Model
from unbroken.cli.refusal import Refusal


@asynccontextmanager
async def server(answer: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """A server where Ollama would be; yields what it was asked."""
    asked: list[str] = []

    async def models(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return web.Response(body=answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", models)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setattr(model, "LOCAL_SERVERS", {port: "Ollama", 1: "nobody"})
    try:
        yield asked
    finally:
        await runner.cleanup()


def listed(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


async def test_a_model_server_is_offered_and_asked_for_nothing_but_its_models(monkeypatch):
    async with server(listed("llama3.2", "qwen"), monkeypatch) as asked:
        told = await model.offer(except_port=8000)
    assert told
    assert told.startswith("Ollama with llama3.2 is on this machine, too; UNBROKEN_LLM_URL=http://")
    assert asked == ["GET /v1/models"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"data": []}', b'{"data": [7]}', listed("a\nb"), b"\xff\xfe"],
)
async def test_what_is_no_model_server_is_not_offered(answer, monkeypatch):
    async with server(answer, monkeypatch):
        assert await model.offer(except_port=8000) is None


async def test_our_own_port_is_not_asked(monkeypatch):
    async with server(listed("x"), monkeypatch) as asked:
        own = next(iter(model.LOCAL_SERVERS))
        assert await model.offer(except_port=own) is None
    assert asked == []


@pytest.mark.parametrize(
    ("asked", "environ", "chosen"),
    [
        (None, {}, Model.WRITTEN),
        (None, {"UNBROKEN_LLM_URL": "http://x/v1"}, None),
        (Model.WRITTEN, {"UNBROKEN_LLM_URL": "http://x/v1"}, Model.WRITTEN),
        (Model.SMOLLM2, {}, Model.SMOLLM2),
    ],
)
def test_who_answers(asked, environ, chosen):
    assert model.chosen(asked, environ) is chosen
    assert model.line(chosen, environ).endswith(".")


def test_a_model_that_is_not_installed_is_one_sentence(monkeypatch):
    missing: Callable[[str], None] = lambda _name: None  # noqa: E731
    monkeypatch.setattr(model.importlib.util, "find_spec", missing)
    with pytest.raises(Refusal, match=r"unbroken\[smollm2\]"):
        model.chosen(Model.SMOLLM2, {})


def test_the_assistant_is_found_in_the_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "site" / "unbroken"
    worker = package / "demo" / "agents" / "worker.py"
    worker.parent.mkdir(parents=True)
    worker.touch()
    monkeypatch.setattr(parts.unbroken, "__file__", str(package / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert parts.home_of("agents.worker") == str(package / "demo")


def test_the_wheel_takes_the_assistant_along():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    assert {"src/unbroken", "agents"} == set(wheel["only-include"])
    assert wheel["sources"]["agents"] == "unbroken/demo/agents"
