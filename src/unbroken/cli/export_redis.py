"""`unbroken export-redis`: the service's conversations into Redis, as the usual StateManager
has them."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from unbroken.cli.moving import Problems, Url, destination, redis_url, refused, shown
from unbroken.env import Host
from unbroken.errors import UnbrokenError

if TYPE_CHECKING:
    from unbroken.moving.exporting import ExportTotal

Json = Annotated[bool, typer.Option("--json", help="The sums as one JSON object.")]


def export_redis(url: Url = None, *, as_json: Json = False) -> None:
    """Write the conversations of the service into Redis (`conversation:*`), while both run.

    A key that has what the service does not have is left as it is, and named. The service is the
    one in UNBROKEN_ARCHIVE. Exit code 0: each key is as the service has it. 1: not each.
    """
    try:
        total = asyncio.run(_run(redis_url(url)))
    except UnbrokenError as error:
        raise refused(error) from None
    if as_json:
        print(json.dumps(msgspec.to_builtins(total) | {"ok": total.is_whole}))
    else:
        print(
            f"{total.keys} keys with {total.messages} messages: {total.written} were written, "
            f"{total.keys - total.written - total.wrong} were so before, {total.wrong} are not so."
        )
    if not total.is_whole:
        raise typer.Exit(1)


async def _run(url: str) -> "ExportTotal":
    from unbroken.moving.at_service import AtService  # noqa: PLC0415 - Redis is an extra
    from unbroken.moving.exporting import ExportTotal, export_all  # noqa: PLC0415
    from unbroken.moving.usual_redis import UsualRedis  # noqa: PLC0415

    total, problems, to = ExportTotal(), Problems(), destination()
    async with UsualRedis(url) as redis, AtService(to.url, to.key, Host()) as service:
        async for one in shown(export_all(redis, service), total=None, what="exporting"):
            total.add(one)
            if one.wrong is not None:
                problems.tell(f"{one.key}: {one.wrong}")
    problems.end()
    return total
