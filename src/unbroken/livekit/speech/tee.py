"""Reading along what an agent's node gives, without changing it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

Show = TypeVar("Show", bound=Callable[[Any], None])


def tee(
    node: Callable[..., Any],
    begin: Callable[[], Show],
    end: Callable[[Show], None] = lambda _show: None,
) -> Callable[..., Any]:
    """`node`, each piece that it makes shown to what `begin` gives, which `end` is given behind
    the last; it returns what it returned: a coroutine, text, an iterator or nothing. LiveKit
    treats them differently."""

    def teed(*args: Any, **kwargs: Any) -> Any:
        made = node(*args, **kwargs)
        if asyncio.iscoroutine(made):
            return awaited(made)
        return shown(made)

    async def awaited(made: Awaitable[Any]) -> Any:
        return shown(await made)

    def shown(made: Any) -> Any:
        if isinstance(made, AsyncIterable):
            return pieces(made)
        if isinstance(made, str):
            show = begin()
            show(made)
            end(show)
        return made

    async def pieces(made: AsyncIterable[Any]) -> AsyncIterator[Any]:
        show = begin()
        try:
            async for piece in made:
                show(piece)
                yield piece
        finally:
            end(show)
            if isinstance(made, AsyncGenerator):
                await made.aclose()

    return teed
