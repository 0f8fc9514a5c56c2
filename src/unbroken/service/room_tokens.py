"""What a token to join a room opens besides the room: its shared state, to be read.

It is LiveKit's own token, signed with the secret that the service and LiveKit share. A browser has
one anyway, and no key of the service's.
"""

from urllib.parse import unquote

from livekit import api

from unbroken.coordination.scope import ROOM
from unbroken.service.raw_paths import STATE
from unbroken.service.settings import Settings


class RoomTokens:
    def __init__(self, settings: Settings) -> None:
        secret = settings.livekit_api_secret.get_secret_value()
        self._verifier = api.TokenVerifier(settings.livekit_api_key, secret)

    def opens(self, token: str, method: str, raw_path: str) -> bool:
        """Whether it is a token for the room whose state is asked for, and not too old."""
        if method != "GET" or not raw_path.startswith(STATE):
            return False
        scope, owner, *_ = [*raw_path.removeprefix(STATE).split("/"), ""]
        if scope != ROOM:
            return False
        try:
            grants = self._verifier.verify(token).video
        except Exception:  # noqa: BLE001 - whatever a string from outside does to the decoder
            return False
        return bool(grants and grants.room_join and grants.room == unquote(owner) != "")
