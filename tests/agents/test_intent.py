"""Tools without native tool calls: the gate, the schema, whose words, and hostile model replies."""

import json
from typing import Any

import pytest
from livekit.agents import RunContext, function_tool, llm

from agents.intent import (
    FAILED,
    NONE,
    IntentLLM,
    candidates_for,
    intent_format,
    parse_intent,
    spoken,
)
from agents.tools.notes import keep_note, read_notes
from tests.agents.scripted import ScriptedLLM


@function_tool
async def book_table(context: RunContext, request: str) -> str:
    """Book or reserve a table, make a booking or reservation.

    Args:
        request: What the caller asked for, in their own words.
    """
    return request


TOOLS = [keep_note, read_notes, book_table]


class Inner(ScriptedLLM):
    """Answers with one text, and remembers what it was asked."""

    def __init__(self, reply: str) -> None:
        super().__init__([("", reply)])
        self.asked: list[dict[str, Any]] = []

    def chat(self, *, chat_ctx: llm.ChatContext, **options: Any) -> llm.LLMStream:
        self.asked.append({"messages": chat_ctx, **options})
        options.pop("extra_kwargs", None)
        return super().chat(chat_ctx=chat_ctx, **options)


def context(*messages: tuple[llm.ChatRole, str]) -> llm.ChatContext:
    made = llm.ChatContext.empty()
    made.add_message(role="system", content="Be kind.")
    for role, content in messages:
        made.add_message(role=role, content=content)
    return made


async def answer(inner: Inner, said: llm.ChatContext, **options: Any) -> llm.CollectedResponse:
    return await IntentLLM(inner).chat(chat_ctx=said, tools=TOOLS, **options).collect()


@pytest.mark.parametrize(
    ("said", "names", "decided"),
    [
        ("Please book a table for two on Friday.", ["book_table"], "book_table"),
        ("I would like to make a reservation.", ["book_table", "keep_note"], "book_table"),
        (
            "Make a note that my flight leaves at nine.",
            ["book_table", "keep_note"],
            "keep_note",
        ),
        ("Remember the milk.", ["keep_note"], "keep_note"),
        ("What are my notes?", ["read_notes"], "read_notes"),
        ("Would you read the notes back to me?", ["read_notes"], "read_notes"),
        ("Is the table in the kitchen made of wood?", ["book_table"], None),
        ("What is the capital of France?", [], None),
        ("", [], None),
    ],
)
def test_only_tools_whose_words_were_said_are_candidates(
    said: str, names: list[str], decided: str | None
) -> None:
    candidates, sure = candidates_for(said, TOOLS)
    assert sorted(tool.info.name for tool in candidates) == sorted(names)
    assert (sure.info.name if sure else None) == decided


async def test_a_clear_intent_asks_no_model_and_gets_the_callers_words() -> None:
    inner = Inner("unused")
    said = "Book a table for two on Friday, please."
    reply = await answer(inner, context(("user", said)))
    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [
        ("book_table", {"request": said})
    ]
    assert not reply.text
    assert inner.asked == []


async def test_an_unclear_intent_is_the_models_choice_among_the_candidates() -> None:
    inner = Inner('{"intent": "book_table"}')
    reply = await answer(inner, context(("user", "Is that table by the window made of oak?")))
    assert [call.name for call in reply.tool_calls] == ["book_table"]
    schema = inner.asked[0]["extra_kwargs"]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["intent"]["enum"] == ["book_table", NONE]


@pytest.mark.parametrize(
    "hostile",
    ["", "no json", "[]", '{"intent": 7}', '{"intent": ["book_table"]}', "[" * 100_000,
     '{"intent": "drop_tables"}', "null"],
)  # fmt: skip
def test_what_a_model_must_not_say_is_no_intent(hostile: str) -> None:
    assert parse_intent(hostile, ["book_table"]) == NONE


async def test_everything_else_is_plain_chat_without_tools() -> None:
    inner = Inner("Paris.")
    reply = await answer(inner, context(("user", "What is the capital of France?")))
    assert reply.text == "Paris."
    assert "tools" not in inner.asked[0]


async def test_tool_choice_none_is_plain_chat() -> None:
    reply = await answer(
        Inner("No."), context(("user", "Book a table, a table!")), tool_choice="none"
    )
    assert (reply.text, reply.tool_calls) == ("No.", [])


async def test_a_tools_result_is_spoken_in_its_own_words() -> None:
    said = context(("user", "Read my notes"))
    said.items += [
        llm.FunctionCall(call_id="c1", name="read_notes", arguments="{}"),
        llm.FunctionCallOutput(call_id="c1", name="read_notes", output="Tea.", is_error=False),
        llm.FunctionCallOutput(call_id="c2", name="keep_note", output="trace", is_error=True),
    ]
    inner = Inner("unused")
    assert (await answer(inner, said)).text == f"Tea. {FAILED}"
    assert inner.asked == []


def test_the_history_is_cut_in_steps_and_keeps_the_instructions() -> None:
    turns = [("user" if n % 2 == 0 else "assistant", str(n)) for n in range(45)]
    kept = [item.text_content for item in spoken(context(*turns)).items]
    assert kept == ["Be kind.", *map(str, range(30, 45))]
    later = [item.text_content for item in spoken(context(*turns, ("user", "45"))).items]
    assert later[: len(kept)] == kept


@pytest.mark.parametrize("said", ["Book it for me", "What is the capital of France?", "\x00\ufffd"])
async def test_the_embedded_model_keeps_to_the_schema(llm_url: str, said: str) -> None:
    from livekit.plugins import openai  # noqa: PLC0415 - slow to import

    names = ["keep_note", "read_notes", "book_table"]
    async with openai.LLM(
        model="any", base_url=llm_url, api_key="none", temperature=0, max_completion_tokens=60
    ) as client:
        stream = client.chat(
            chat_ctx=context(("user", said)), extra_kwargs={"response_format": intent_format(names)}
        )
        reply = json.loads((await stream.collect()).text)
    assert reply.keys() == {"intent"}
    assert reply["intent"] in {*names, NONE}
