"""All that is compared where one message or one value is kept, by name, with how safe it then is.

The names of the levels are those of the design: `memory` is lost with the process, `process`
survives a kill, `server` survives what the server's own settings survive.
"""

import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from bench.calls import open_spool
from bench.comparison import holders, names, peers
from bench.comparison.holders import Document, Holding, Memory, ShortList
from bench.comparison.servers import Servers


@dataclass(frozen=True)
class Way:
    name: str
    level: str
    hold: Holding


@asynccontextmanager
async def all_of(servers: Servers) -> AsyncIterator[tuple[Way, ...]]:
    """Open while the block runs."""
    database = servers.postgres.make_database("langgraph")
    files = Path(servers.folder)
    async with (
        AsyncExitStack() as stack,
        holders.managing(servers.redis.url) as (manager, history),
        Redis.from_url(servers.redis.url) as client,
        peers.threads(files / "langgraph.sqlite", database) as (on_sqlite, on_postgres),
    ):
        openai = peers.OpenAISessions(client, files / "openai.sqlite")
        journals = holders.Journals(open_spool(Path(servers.sqlite.spool)))
        stack.push_async_callback(journals.close)
        yield (
            Way(names.MEMORY, "memory", Memory.made),
            Way(names.JOURNAL, "process", journals.made),
            Way(names.DOCUMENT, "server", functools.partial(Document.made, manager)),
            Way(names.SHORT_LIST, "server", functools.partial(ShortList.made, history)),
            Way(names.OPENAI_REDIS, "server", openai.on_redis),
            Way(names.OPENAI_SQLITE, "process", openai.on_sqlite),
            Way(names.GRAPH_SQLITE, "process", on_sqlite),
            Way(names.GRAPH_POSTGRES, "server", on_postgres),
        )
