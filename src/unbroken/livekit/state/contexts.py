"""The session's history and the contexts of its agents, read and put back."""

from collections.abc import Sequence

from livekit.agents import Agent
from livekit.agents.llm import ChatContext, ChatItem

from unbroken.livekit.state import items
from unbroken.log.digest import Chain
from unbroken.log.entries import Item
from unbroken.log.session import is_instructions


def read(live: Sequence[ChatItem]) -> str:
    """The digest, without the instructions, which are a field of their own."""
    return Chain().of(map(items.encode, live), leaving_out=is_instructions)


async def put_back(
    agent: Agent, encoded: Sequence[Item], history: Sequence[ChatItem]
) -> str | None:
    """Give the agent its own context again, with the very items of the history as LiveKit has it;
    returns what could not be."""
    context, lost = decoded(encoded)
    there = {item.id: item for item in history}
    context = [there[i.id] if there.get(i.id) == i else i for i in context]
    if context:
        await agent.update_chat_ctx(ChatContext(context), exclude_invalid_function_calls=False)
    return lost


def decoded(encoded: Sequence[Item]) -> tuple[list[ChatItem], str | None]:
    """The items, and how many of them this version of LiveKit does not know, or are not whole."""
    try:
        return items.decode(encoded), _lacking(encoded)
    except ValueError:
        pass
    found: list[ChatItem] = []
    for item in encoded:
        try:
            found += items.decode([item])
        except ValueError:
            continue
    return found, f"{len(encoded) - len(found)} items of an unknown form"


def _lacking(encoded: Sequence[Item]) -> str | None:
    lacking = sum(map(items.lacks, encoded))
    return f"{lacking} items without objects of another process" if lacking else None
