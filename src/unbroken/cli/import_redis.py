"""`unbroken import-redis`: the conversations of a StateManager on Redis, into the service."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from unbroken.cli.moving import Problems, Url, destination, redis_url, refused, shown
from unbroken.env import Host
from unbroken.errors import UnbrokenError

if TYPE_CHECKING:
    from unbroken.moving.importing import ImportTotal

Json = Annotated[bool, typer.Option("--json", help="The sums as one JSON object.")]


def import_redis(url: Url = None, *, as_json: Json = False) -> None:
    """Add the conversations in Redis (`conversation:*`) to the service, while both run.

    Nothing in Redis is changed. A second run adds only what is new. The service is the one in
    UNBROKEN_ARCHIVE. Exit code 0: all that was read is there, by count and hash. 1: what could
    not be read, or is not there, is named.
    """
    try:
        total = asyncio.run(_run(redis_url(url)))
    except UnbrokenError as error:
        raise refused(error) from None
    if as_json:
        print(json.dumps(msgspec.to_builtins(total) | {"ok": total.is_whole}))
    else:
        _tell(total)
    if not total.is_whole:
        raise typer.Exit(1)


async def _run(url: str) -> "ImportTotal":
    from unbroken.moving.at_service import AtService  # noqa: PLC0415 - Redis is an extra
    from unbroken.moving.importing import ImportTotal, import_all  # noqa: PLC0415
    from unbroken.moving.usual_redis import UsualRedis  # noqa: PLC0415

    total, problems, to = ImportTotal(), Problems(), destination()
    async with UsualRedis(url) as redis, AtService(to.url, to.key, Host()) as service:
        keys = await redis.keys()
        each = import_all(redis, service, keys)
        async for one in shown(each, total=len(keys), what="importing"):
            total.add(one)
            for problem in one.problems():
                problems.tell(problem)
    problems.end()
    return total


def _tell(total: "ImportTotal") -> None:
    print(
        f"{total.conversations} conversations with {total.read} messages read: "
        f"{total.there} are at the service, {total.added} of them new."
    )
    same = "the same" if total.hash_read == total.hash_there else "NOT the same"
    print(f"Hash as read {total.hash_read[:16]}, at the service {total.hash_there[:16]}: {same}.")
    if total.unread:
        print(f"{total.unread} could not be read; they are named above.")
