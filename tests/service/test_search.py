"""GET /conversations?q=: found over HTTP, or refused in words."""

import pytest

from tests.service.test_conversations import API, a_call


async def test_conversations_are_found_by_words(client, archive):
    await a_call(archive)
    found = await client.get(f"{API}/conversations", params={"q": "TABLE"})
    (row,) = found.json()["conversations"]
    pieces = row["found"]["excerpt"]
    assert any(piece["match"] and "table" in piece["text"].lower() for piece in pieces)
    for question in ("nothing-like-it", 'table" OR "x', "?"):
        answer = await client.get(f"{API}/conversations", params={"q": question})
        assert answer.json()["conversations"] == [], question


@pytest.mark.parametrize(("question", "status"), [("", 422), (" ", 400), ("x" * 501, 422)])
async def test_a_question_without_words_or_too_long_is_refused(client, question, status):
    answer = await client.get(f"{API}/conversations", params={"q": question})
    assert answer.status_code == status
