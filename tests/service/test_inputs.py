"""What is given is kept as it is, or refused: never kept as something else."""

import json
from uuid import uuid4

import pytest

from tests.service.test_conversations import API

JSON = {"content-type": "application/json"}
NUL, LONE = "a\0b", "a\ud800b"
SAID = {"room_name": "lobby", "user_message": "hello"}
CAME = {"room_name": "lobby", "identity": "ann"}
WRONG = {"error_type": "ValueError", "message": "it broke"}
BEYOND = [float("nan"), 1 << 64, LONE, {LONE: 1}]
# What no JSON of 64-bit numbers can say, behind a name that an application gives it.
NOT_PLAIN = [f'{{"known": {json.dumps(value)}}}' for value in BEYOND]
NOT_PLAIN.append('{"known": %s}' % ("[" * 300 + "]" * 300))


async def send(client, path, body, method="POST"):
    return await client.request(method, f"{API}{path}", content=json.dumps(body), headers=JSON)


def is_refused(answer):
    return (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("text", [NUL, LONE])
@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/conversations/save-turn", SAID, "user_message"),
        ("/conversations/save-turn", SAID, "assistant_message"),
        ("/analytics/log-error", WRONG, "message"),
        ("/analytics/log-error", WRONG, "stack_trace"),
        ("/analytics/participant-connected", CAME, "metadata"),
    ],
)
async def test_a_text_that_no_column_holds_is_refused(client, path, body, key, text):
    assert is_refused(await send(client, path, body | {key: text}))
    assert (await client.get(f"{API}/conversations")).json()["conversations"] == []
    assert (await client.get(f"{API}/analytics/errors")).json()["errors"] == []


@pytest.mark.parametrize("text", [NUL, LONE])
async def test_a_title_that_no_column_holds_changes_nothing(client, text):
    saved = (await send(client, "/conversations/save-turn", SAID)).json()
    path = f"/conversations/{saved['conversation_id']}"
    assert is_refused(await send(client, path, {"title": text}, "PATCH"))
    assert (await client.get(f"{API}{path}")).json()["title"] == "hello"


@pytest.mark.parametrize("query", ["/conversations?q=a%00b", "/state/room/lobby?prefix=%00"])
async def test_a_question_that_nothing_answers_is_refused(client, query):
    assert is_refused(await client.get(f"{API}{query}"))


@pytest.mark.parametrize("facts", NOT_PLAIN)
async def test_facts_that_could_not_be_kept_as_they_are_are_refused(client, facts):
    known = json.loads(facts)
    assert (await send(client, "/conversations/save-turn", SAID)).status_code == 201
    for path, body in (
        ("/conversations/save-turn", SAID | {"metadata": known}),
        ("/analytics/participant-connected", CAME | {"metadata": known}),
        ("/analytics/participant-disconnected", CAME | {"metadata": known}),
        ("/sessions/save", {"room_name": "lobby"} | known),
        ("/conversations/finalize", {"room_name": "lobby"} | known),
    ):
        assert is_refused(await send(client, path, body)), path


async def test_facts_are_kept_as_they_are(client):
    known = {"n": (1 << 63) - 1, "x": 1.5, "none": None, "deep": [[{"nul": NUL}]]}
    for path, body in (
        ("/conversations/save-turn", SAID | {"metadata": known}),
        ("/analytics/participant-connected", CAME | {"metadata": known}),
        ("/sessions/save", {"room_name": "lobby"} | known),
    ):
        assert (await send(client, path, body)).status_code < 300, path


@pytest.mark.parametrize("part", ['filename="a\0b"', 'filename="a"\r\nContent-Type: a/\0'])
async def test_a_file_whose_name_no_column_holds_is_refused(client, part):
    body = f'--b\r\nContent-Disposition: form-data; name="file"; {part}\r\n\r\nx\r\n--b--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert is_refused(await client.post(f"{API}/files/upload", content=body, headers=kind))


# Numbers of a query are written in digits: what else Python takes for a whole number is none.

OTHERS = {"holder": str(uuid4()), "chain": "0" * 64, "after": "1", "lock": "menu", "fence": "1"}


async def whole_numbers(client):
    """Of each operation that takes one in its query: method, a path of it, and their names."""
    for path, operations in (await client.get("/openapi.json")).json()["paths"].items():
        for method, operation in operations.items():
            queries = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
            kinds = {p["name"]: json.dumps(p["schema"]) for p in queries}
            if numbers := [name for name, kind in kinds.items() if '"integer"' in kind]:
                filled = path.replace("{scope}", "room").replace("{", "").replace("}", "")
                filled = filled.replace("conversation_id", str(uuid4()))
                filled = filled.replace("session_id", str(uuid4()))
                given = {name: OTHERS[name] for name in kinds.keys() & OTHERS.keys()}
                yield method, filled, given, numbers


@pytest.mark.parametrize(
    "text", ["1_0", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "\u0661", "\uff11", "-1"]
)
async def test_a_number_that_is_not_digits_only_is_refused(client, text):
    asked = [one async for one in whole_numbers(client)]
    assert len(asked) > 9
    for method, path, given, numbers in asked:
        for name in numbers:
            answer = await client.request(method, path, params=given | {name: text})
            assert is_refused(answer), (method, path, name)
            assert f"query.{name}" in answer.json()["detail"]


async def test_digits_are_a_number(client):
    for path in ("/conversations?limit=10", "/conversations?limit=010", "/state/room/r?limit=1000"):
        assert (await client.get(f"{API}{path}")).status_code == 200


LEASE = {"id": str(uuid4()), "kind": "slot", "name": "menu", "ttl_s": 5}


@pytest.mark.parametrize("number", ["1", "1_0", "1.0", True])
@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/leases", LEASE, "ttl_s"),
        ("/leases", LEASE, "limit"),
        ("/leases", LEASE, "wait_s"),
        ("/leases", LEASE | {"session_id": str(uuid4())}, "term"),
        ("/limits/admit", {"name": "sms", "limit": 5, "per_s": 1}, "limit"),
        ("/limits/admit", {"name": "sms", "limit": 5, "per_s": 1}, "per_s"),
        ("/state/room/lobby/guests", {}, "by"),
    ],
)
async def test_a_number_of_a_body_is_a_number(client, path, body, key, number):
    answer = await send(client, path, body | {key: number})
    assert is_refused(answer)
    assert f"body.{key}" in answer.json()["detail"]


async def test_the_contract_says_the_bounds_of_what_is_checked(client):
    told = (await client.get("/openapi.json")).json()
    title = told["components"]["schemas"]["RenamingIn"]["properties"]["title"]
    assert (title["minLength"], title["maxLength"]) == (1, 80)
    asked = told["paths"][f"{API}/conversations"]["get"]["parameters"]
    schemas = {p["name"]: p["schema"] for p in asked}
    assert (schemas["limit"]["minimum"], schemas["limit"]["maximum"]) == (1, 1_000)
    assert schemas["q"]["anyOf"][0]["maxLength"] == 500
