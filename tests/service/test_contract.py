"""The service does what /openapi.json says, in thousands of requests made out of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.conftest import opened
from tests.service.servers import CHECKOUT, livekit_server, service

KEY = "k" * 20
CASES_MIN = 3_000
HANG_S = 900
CONFIG = """\
# 422 to what the contract allows: a cursor of nobody's, an Idempotency-Key of another body, and
# messages of agents, whose form is no JSON schema. 423, 429: it is held already. 304 to whoever
# names the ETag.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 401, 404, 409, 412, 422, 423, 429]
# 413: a text beyond its bound may be beyond the bound of the body, too.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""


@pytest.mark.e2e
@pytest.mark.timeout(HANG_S)
def test_nothing_is_found_in_thousands_of_requests(tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    tester = Path(sys.executable).with_name("schemathesis")
    with (
        livekit_server(tmp_path) as livekit,
        service(tmp_path, livekit, UNBROKEN_API_KEY=KEY, UNBROKEN_DEMO="1") as url,
    ):
        words = [str(tester), "run", f"{url}/openapi.json"]
        words += ["--header", f"Authorization: Bearer {KEY}", "--checks", "all"]
        words += ["--phases", "examples,coverage,fuzzing", "--max-examples", "90", "--seed", "1"]
        words += ["--exclude-path-regex", "/watch$"]  # it has no end
        words += ["--continue-on-failure", "--suppress-health-check", "all", "--no-color"]
        environ = os.environ | {
            "SCHEMATHESIS_HOOKS": "tests.service.contract_hooks",
            "PYTHONPATH": str(CHECKOUT),
        }
        told = subprocess.run(
            words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
    assert told.returncode == 0, told.stdout[-20_000:]
    (cases,) = re.findall(r"(\d+) generated", told.stdout)
    assert int(cases) >= CASES_MIN


async def test_every_operation_says_all_that_it_may_answer(client):
    found = (await client.get("/openapi.json")).json()
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            for status in ("401", "404", "413", "422", "500", "503"):
                assert [*answers[status]["content"]] == ["application/problem+json"]
            assert any(status < "300" for status in answers)
            names = {p["name"] for p in operation.get("parameters", ())}
            if path.startswith("/api/v1/"):
                assert {"key": []} in operation["security"]
                assert ("Idempotency-Key" in names) is (method == "post")
    for path in ("/api/v1/journal", "/api/v1/sessions/take"):
        body = found["paths"][path]["post"]["requestBody"]
        assert [*body["content"]] == ["application/msgpack"]


async def test_a_key_that_is_asked_for_stands_in_the_contract(settings):
    key = type(settings)(api_key=KEY).api_key
    async with opened(settings.model_copy(update={"api_key": key})) as client:
        found = (await client.get("/openapi.json")).json()
    assert found["paths"]["/api/v1/rooms"]["post"]["security"] == [{"key": []}]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/sessions/take", "POST"),
        ("PATCH", "/api/v1/conversations/finalize", "POST"),
        ("DELETE", "/api/v1/conversations/x", "GET, HEAD, PATCH"),
        ("OPTIONS", "/api/v1/rooms", "GET, HEAD, POST"),
        ("GET", "/api/v1/rooms/a/token", "POST"),
        ("POST", "/api/v1/rooms/a%2Ftoken", "DELETE, GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_another_method_is_refused_with_those_that_there_are(client, method, path, allowed):
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
