"""Saying a text by whatever a session can speak with."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

GO_ON = "You were cut off. Say exactly this now, and nothing before it: {text}"
NOTHING: Mapping[str, Any] = {}

log = logging.getLogger(__name__)


def by_voice_or_model(
    say: Callable[..., Any],
    reply: Callable[..., Any],
    text: str,
    *,
    of_say: Mapping[str, Any] = NOTHING,
    of_reply: Mapping[str, Any] = NOTHING,
) -> Any:
    """The speech: of `say`, or where that has no voice of `reply`, whose model is told the text.

    Raises what LiveKit, or an application in its place, raises where nothing can speak.
    """
    try:
        return say(text, **of_say)
    except Exception:  # noqa: BLE001 - LiveKit's where there is no voice, or an application's own
        log.info("the session has no voice of its own: its model is asked to speak")
    return reply(**{**of_reply, "instructions": GO_ON.format(text=text)})
