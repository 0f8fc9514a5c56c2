"""The variables of the environment that are settings: what each means, and which are misspelt."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

PREFIX = "UNBROKEN_"
NEAR = 0.6  # of the letters are the same: below it, nothing is proposed


class Variable(NamedTuple):
    """One setting. `default`: what holds while it is not set. `whose`: who reads it."""

    name: str
    default: str
    whose: str
    meaning: str


SERVICE, AGENT, UP, DEMO = "service", "agents, keeper", "`unbroken up`", "the demo's assistant"

VARIABLES = (
    Variable(
        "UNBROKEN_DATA",
        "`$XDG_DATA_HOME/unbroken`, for root `/var/lib/unbroken`",
        SERVICE,
        "the service's folder, on a local disk",
    ),
    Variable(
        "UNBROKEN_DATABASE",
        "a file in `UNBROKEN_DATA`",
        SERVICE,
        "`postgresql://USER@HOST/NAME`: where all but files and large parts are kept",
    ),
    Variable(
        "UNBROKEN_BLOBS",
        "a folder in `UNBROKEN_DATA`",
        SERVICE,
        "`s3://BUCKET/PREFIX`, `gs://…` or `az://…`: where files and large parts are kept; "
        "credentials and endpoint by the usual variables (`AWS_*`, `GOOGLE_*`, `AZURE_*`)",
    ),
    Variable(
        "UNBROKEN_SPOOL",
        "`spool` in `UNBROKEN_DATA` if that is set, else `$XDG_STATE_HOME/unbroken/spool`",
        AGENT,
        "the journals of this host, on a local disk",
    ),
    Variable(
        "UNBROKEN_ARCHIVE",
        "`http://127.0.0.1:8000`",
        AGENT,
        "the service that agents ship to; several addresses of it with commas between",
    ),
    Variable(
        "UNBROKEN_RESHIP_S",
        "`600`",
        "keeper",
        "how many seconds a journal is kept when all of it is stored: what a database lacks that "
        "was restored from a backup not older than that is shipped again",
    ),
    Variable(
        "UNBROKEN_API_KEY",
        "none: only this host is answered",
        "service, agents, keeper",
        "what everybody who asks the service has to know; 16 characters or more",
    ),
    Variable(
        "UNBROKEN_REDIS",
        "none: nothing needs one",
        "service, agents, `import-redis`, `export-redis`",
        "a Redis or Valkey: windows of `call.limit` are counted there while it answers, a "
        "`StateManager` shares rooms there, and these commands mean it; `redis://`, `rediss://`, "
        "`redis-cluster://`, `redis+sentinel://`; `unbroken up --redis` sets it",
    ),
    Variable("UNBROKEN_HOST", "`127.0.0.1`", SERVICE, "the address to listen on"),
    Variable("UNBROKEN_PORT", "`8000`", SERVICE, "the port to listen on"),
    Variable(
        "LIVEKIT_URL",
        "`ws://127.0.0.1:7880`; `unbroken up` starts a server of its own",
        "service, agents",
        "the LiveKit server",
    ),
    Variable("LIVEKIT_API_KEY", "`devkey`", "service, agents", "its key"),
    Variable("LIVEKIT_API_SECRET", "`secret`", "service, agents", "its secret"),
    Variable(
        "UNBROKEN_PUBLIC_LIVEKIT_URL",
        "`LIVEKIT_URL`",
        SERVICE,
        "the LiveKit server as browsers reach it",
    ),
    Variable(
        "UNBROKEN_AGENT_NAME",
        "`concierge`",
        f"service, {DEMO}",
        "the agent that a room is given when `POST /rooms` names none; your own agent's "
        "`agent_name`",
    ),
    Variable(
        "UNBROKEN_FIRST_AGENT_S",
        "`60`",
        SERVICE,
        "how many seconds the people of a room wait for its first agent",
    ),
    Variable(
        "UNBROKEN_MAX_CALLS",
        "any number",
        SERVICE,
        "so many calls at once; one more is refused with 429 and a sentence for the caller",
    ),
    Variable(
        "UNBROKEN_MAX_CALLS_PER_USER",
        "any number",
        SERVICE,
        "so many at once of one user, by the `user_id` of the room or the conversation",
    ),
    Variable(
        "UNBROKEN_ON_GIVE_UP",
        "`close`",
        SERVICE,
        "what they notice when none comes, or several have crashed: the room is closed (`close`), "
        "or nothing (`stay`)",
    ),
    Variable(
        "UNBROKEN_CRASHES_MAX",
        "`3`; `20` under `up --demo`",
        SERVICE,
        "so many agents of a call may crash in two minutes",
    ),
    Variable(
        "UNBROKEN_REJOIN_S",
        "`600`",
        SERVICE,
        "how many seconds a call without an agent waits for its people",
    ),
    Variable(
        "UNBROKEN_DEPARTURE_S",
        "`60`",
        SERVICE,
        "how many seconds LiveKit keeps a room whose people have left",
    ),
    Variable(
        "UNBROKEN_DISPATCH_RETRY_S",
        "`1`",
        SERVICE,
        "after how many seconds an agent that has not come is asked for again; each time doubled",
    ),
    Variable(
        "UNBROKEN_DISPATCH_UNTIL_S",
        "`30`",
        SERVICE,
        "at most so many seconds lie between two of these",
    ),
    Variable(
        "UNBROKEN_RECONNECT_S",
        "`15`",
        SERVICE,
        "by then LiveKit and the people in its rooms have found each other after it crashed",
    ),
    Variable("UNBROKEN_DEMO", "`0`", SERVICE, "`1`: agents may be killed from the page"),
    Variable(
        "UNBROKEN_LLM_URL",
        "none: the written assistant answers",
        DEMO,
        "any OpenAI-compatible server",
    ),
    Variable("UNBROKEN_LLM_MODEL", "the first that it lists", DEMO, "the model there"),
    Variable("UNBROKEN_LLM_API_KEY", "none", DEMO, "the key for it"),
    Variable("UNBROKEN_LLM_PROXY", "as `HTTPS_PROXY` says", DEMO, "the proxy on the way to it"),
    Variable(
        "UNBROKEN_LLM_TOOLS",
        "`intent` for the small model, else `native`",
        DEMO,
        "how it calls tools",
    ),
    Variable("UNBROKEN_BOOKINGS", "in `UNBROKEN_DATA`", DEMO, "the file of its bookings"),
    Variable("UNBROKEN_IDLE_JOBS", "`1`", DEMO, "job processes that wait for a call"),
    Variable("UNBROKEN_DRAIN_S", "`0`", DEMO, "seconds that a stopped worker waits for its calls"),
    Variable(
        "UNBROKEN_REDIS_SERVER",
        "`redis-server` or `valkey-server` on the `PATH`",
        UP,
        "the program that `--redis` starts",
    ),
    Variable("UNBROKEN_LIVEKIT_SERVER", "on the `PATH`", UP, "the program `livekit-server`"),
)
# Told by one of our processes to another.
PRIVATE = ("UNBROKEN_KEEPER_SINCE", "UNBROKEN_WORKER_PORT")


def misspelt(names: Iterable[str]) -> Iterator[str]:
    """A sentence for each of `names` that begins like a setting and is none."""
    own = [v.name.removeprefix(PREFIX) for v in VARIABLES if v.name.startswith(PREFIX)]
    known = {PREFIX + name for name in own} | set(PRIVATE)
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name.removeprefix(PREFIX), own, n=1, cutoff=NEAR)
            proposal = f": did you mean {PREFIX}{near[0]}?" if near else "; it is ignored."
            yield f"{name} is not a setting{proposal}"


def table() -> str:
    """All settings, as Markdown."""
    rows = (f"| `{v.name}` | {v.default} | {v.whose} | {v.meaning} |" for v in VARIABLES)
    return "\n".join(("| setting | default | who reads it | meaning |", "|---|---|---|---|", *rows))
