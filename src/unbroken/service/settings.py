"""Settings of the service, read once by an entry point. Library code takes them as arguments."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from unbroken import redis_url
from unbroken.blobs import location
from unbroken.coordination.admission import CallLimits
from unbroken.coordination.lease import LIMIT_MAX
from unbroken.errors import SettingsInvalid
from unbroken.machine import LOOPBACK, data_folder, is_loopback

KEY_CHARS_MIN = 16
POSTGRES = ("postgresql://", "postgres://")
NO_POSTGRES = "a database begins with postgresql://"
PUBLIC_SECRETS = {"secret", "secret1", "secret2"}  # of LiveKit's --dev mode and sample file


def _strong(key: SecretStr | None) -> SecretStr | None:
    text = key.get_secret_value() if key else None
    if text is not None and (len(text) < KEY_CHARS_MIN or any(char.isspace() for char in text)):
        raise ValueError(f"a key has at least {KEY_CHARS_MIN} characters and no blanks")
    return key


def _of_postgres(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(POSTGRES):
        raise ValueError(NO_POSTGRES)
    return url


def _of_redis(url: SecretStr | None) -> SecretStr | None:
    if url is not None:
        try:
            redis_url.parse(url.get_secret_value())
        except SettingsInvalid as error:
            raise ValueError(str(error)) from None
    return url


def _of_blobs(url: str | None) -> str | None:
    return None if url is None else location.check(url)


class Settings(BaseSettings):
    """UNBROKEN_* and LIVEKIT_* variables; a wrong value stops the start, not a request."""

    model_config = SettingsConfigDict(
        env_prefix="UNBROKEN_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
    )

    host: str = LOOPBACK
    port: int = Field(default=8000, ge=0, le=65535)  # 0: a free one
    data: Path = Field(default_factory=lambda: data_folder(os.environ))
    # postgresql://…; None: a SQLite file in the data folder. A secret, as it may hold a password.
    database: Annotated[SecretStr | None, AfterValidator(_of_postgres)] = None
    # redis://…, see unbroken.redis_url: where windows are counted; None: in the store.
    redis: Annotated[SecretStr | None, AfterValidator(_of_redis)] = None
    # s3://…, gs://… or az://…; None: a folder in the data folder.
    blobs: Annotated[str | None, AfterValidator(_of_blobs)] = None
    # None: no key is asked for, and only this host is answered.
    api_key: Annotated[SecretStr | None, AfterValidator(_strong)] = None
    livekit_url: str = Field(default="ws://127.0.0.1:7880", validation_alias="LIVEKIT_URL")
    livekit_api_key: str = Field(default="devkey", validation_alias="LIVEKIT_API_KEY")
    livekit_api_secret: SecretStr = Field(
        default=SecretStr("secret"), validation_alias="LIVEKIT_API_SECRET"
    )
    public_livekit_url: str | None = None  # what browsers use; None: livekit_url
    agent_name: str = "concierge"  # whom rooms dispatch
    llm_model: str | None = None
    # True: a demonstration, in which agents may be killed from the page.
    demo: bool = False
    # A room stays so long without people: who loses the network comes back to the same one.
    departure_s: int = Field(default=60, ge=1, le=3_600)
    rejoin_s: float = Field(default=600, gt=0, le=86_400)  # an orphan waits so long for its people
    # An agent that was asked for and has not come by then is asked for again, the next times after
    # two and four times as long; until the second.
    dispatch_retry_s: float = Field(default=1, ge=0.1, le=60)
    dispatch_until_s: float = Field(default=30, ge=1, le=600)
    # So long the people of a room that was opened wait for its first agent; then it is given up.
    first_agent_s: float = Field(default=60, ge=1, le=3_600)
    crashes_max: int = Field(default=3, ge=1, le=1_000)  # in two minutes: then it is given up
    # What the caller notices of it: the room is closed, or nobody speaks any more.
    on_give_up: Literal["close", "stay"] = "close"
    # So many calls at once, in the installation and of one user; None: any number.
    max_calls: int | None = Field(default=None, ge=1, le=LIMIT_MAX)
    max_calls_per_user: int | None = Field(default=None, ge=1, le=LIMIT_MAX)
    # LiveKit and the people in its rooms find each other again by then after it has crashed.
    reconnect_s: float = Field(default=15, ge=0, le=600)

    @property
    def browser_livekit_url(self) -> str:
        return self.public_livekit_url or self.livekit_url

    @property
    def call_limits(self) -> CallLimits:
        """An opened room has its place for as long as LiveKit keeps it empty, and its people then
        wait for the first agent."""
        open_us = int((self.departure_s + self.first_agent_s) * 1_000_000)
        return CallLimits(self.max_calls, self.max_calls_per_user, open_us)

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def has_public_secret(self) -> bool:
        """Whether anybody beyond this host could make tokens for the rooms here."""
        is_public = self.livekit_api_secret.get_secret_value() in PUBLIC_SECRETS
        livekit = urlsplit(self.livekit_url).hostname or ""
        return is_public and not (self.is_loopback and is_loopback(livekit))


def read_settings(**given: Any) -> Settings:
    """Those of the environment but for what is given. Raises SettingsInvalid that names the
    variable."""
    try:
        return Settings(**given)
    except ValidationError as error:
        said = "; ".join(f"{_variable(e['loc'])}: {e['msg']}" for e in error.errors())
        raise SettingsInvalid(said) from error


def _variable(place: tuple[int | str, ...]) -> str:
    name = str(place[0]) if place else "settings"
    return name if name.isupper() else f"UNBROKEN_{name.upper()}"
