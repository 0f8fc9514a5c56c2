"""docker-compose.yml: compose itself reads it, and what it starts makes a call that goes on."""

import asyncio
import hashlib
import os
import re

import httpx
import pytest
from typer.testing import CliRunner

from tests.deploy.installation import Installation, missing, project
from tests.e2e.caller import Caller
from tests.e2e.house import ROOT
from tests.e2e.waiting import until
from tests.redis_server import RedisServer, binary
from unbroken.cli.app import app

STARTED = ("postgres", "livekit", "service-1", "service-2", "proxy", "host", "keeper", "worker")
OURS = ("service-1", "service-2", "keeper", "host", "worker")
HANG_S = 120

pytestmark = pytest.mark.timeout(HANG_S * 4)


@pytest.fixture
def environ(tmp_path):
    """What `unbroken init --s3` has written."""
    if lacks := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacks)
    assert CliRunner().invoke(app, ["init", str(tmp_path), "--s3"]).exit_code == 0
    lines = (tmp_path / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def without_bucket(environ):
    return {k: v for k, v in environ.items() if "S3" not in k and k != "UNBROKEN_BLOBS"}


def test_each_secret_is_asked_for_and_none_is_in_the_file(environ):
    assert project(environ)
    for name in ("UNBROKEN_API_KEY", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "POSTGRES_PASSWORD"):
        for without in (None, ""):
            given = environ | {name: without or ""} if without == "" else dict(environ)
            if without is None:
                del given[name]
            with pytest.raises(ValueError, match=f"required variable {name} is missing"):
                project(given)


def test_what_is_ours_runs_without_rights(environ):
    containers = project(environ)["services"]
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    for name in OURS:
        container = containers[name]
        assert container["read_only"]
        assert container["cap_drop"] == ["ALL"]
        assert container["restart"] == "unless-stopped"
        stage = stage_of(dockerfile, container["build"]["target"])
        assert re.findall(r"^USER (\w+)", stage, re.MULTILINE)[-1] == "unbroken"
    for name in ("worker", "keeper"):  # the keeper ends the agents of its host by their pids
        assert containers[name]["pid"] == "service:host"
        assert [v["source"] for v in containers[name]["volumes"]] == ["spool"]


def test_a_redis_is_only_there_where_it_is_asked_for(environ, tmp_path):
    containers = project(environ)["services"]
    assert containers["redis"]["profiles"] == ["redis"]
    assert not any("redis" in (c.get("depends_on") or {}) for c in containers.values())
    those = ("worker", "service-1", "service-2")
    assert {containers[name]["environment"]["UNBROKEN_REDIS"] for name in those} == {""}
    asked = {"UNBROKEN_REDIS": "redis://redis:6379/0"}
    containers = project(environ | asked)["services"]
    named = {containers[name]["environment"]["UNBROKEN_REDIS"] for name in those}
    assert named == {"redis://redis:6379/0"}
    assert "ports" not in containers["redis"]  # for the others only
    assert containers["redis"]["cap_drop"] == ["ALL"]
    _, *options = containers["redis"]["command"]
    with RedisServer(tmp_path, binary(), options).running() as server, server.client() as client:
        assert client.config_get("save")["save"] == ""
        assert client.config_get("maxmemory")["maxmemory"] == str(256 << 20)


def stage_of(dockerfile, target):
    """The lines of a stage behind those of the stages that it is built on."""
    stages = re.split(r"(?m)^FROM ", dockerfile)
    (stage,) = (s for s in stages if re.match(rf"\S+ AS {target}\n", s))
    base = stage.split(maxsplit=1)[0]
    return (stage_of(dockerfile, base) if f" AS {base}\n" in dockerfile else "") + stage


def test_what_the_images_copy_is_in_the_checkout_and_not_ignored():
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copies = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", dockerfile)
    assert copies
    for source in " ".join(copies).split():
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in ignored, source


async def test_files_may_be_kept_in_a_bucket_of_its_own(tmp_path, environ):
    with Installation(tmp_path, environ) as installation:
        for name in ("postgres", "s3", "service-1"):
            await asyncio.to_thread(installation.start, name)
        await until(lambda: installation.is_healthy("service-1"), within_s=HANG_S)
        headers = {"Authorization": f"Bearer {environ['UNBROKEN_API_KEY']}"}
        url = f"{installation.url('service-1', 8000)}/api/v1/blobs"
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            name = hashlib.sha256(b"kept").hexdigest()
            answer = await client.put(f"{url}/{name}", content=b"kept")
            assert answer.is_success, answer.text
        bucket = tmp_path / "volumes" / "objects" / "unbroken"
        assert [p.read_bytes() for p in bucket.rglob("*") if name in p.name] == [b"kept"]


@pytest.mark.e2e
async def test_a_call_goes_on_when_the_worker_and_a_service_are_killed(tmp_path, environ, voice):
    with Installation(tmp_path, without_bucket(environ)) as installation:
        await started(installation)
        url = installation.url("proxy", 8000)
        headers = {"Authorization": f"Bearer {environ['UNBROKEN_API_KEY']}"}
        async with httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers=headers, timeout=HANG_S, trust_env=False
        ) as client:
            room = (await client.post("/rooms", json={"name": "installed"})).json()
            livekit = installation.url("livekit", 7880).replace("http", "ws")
            async with Caller.join(livekit, room["token"], voice) as caller:
                await caller.hear(after=caller.joined)
                first = set(caller.room.remote_participants)
                installation.kill("worker")
                installation.kill("service-1")
                installation.start("worker")  # as its restart policy says
                await until(lambda: listening(caller, but=first), within_s=HANG_S)
                asked = await caller.say("Are you still there?")
                await caller.hear(after=asked, within_s=HANG_S)
                said = await messages(client, room)
        assert [line["role"] for line in said] == ["assistant", "user", "assistant"], said
        assert "still there" in said[1]["content"].lower()
        assert installation.processes["keeper"].poll() is None


def listening(caller, *, but):
    """Whether somebody else than those listens."""
    here = caller.room.remote_participants.items()
    return any(
        p.attributes.get("lk.agent.state") == "listening" for who, p in here if who not in but
    )


async def messages(client, room):
    """What was said, once the answer behind the kill is stored."""

    async def found():
        path = f"/conversations/{room['conversation_id']}/messages"
        said = (await client.get(path)).json()["messages"]
        return said if len(said) >= 3 else None

    while not (said := await found()):
        await asyncio.sleep(0.2)
    return said


async def started(installation):
    """All parts, in the order of what they wait for."""
    for name in STARTED:
        await asyncio.to_thread(installation.start, name)
        if "healthcheck" in installation.containers[name] and name != "postgres":
            await until(lambda n=name: installation.is_healthy(n), within_s=HANG_S)
    ready = "registered worker"
    await until(lambda: ready in installation.log("worker"), within_s=HANG_S)
