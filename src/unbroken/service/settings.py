"""Settings of the service, read once by an entry point. Library code takes them as arguments."""

import ipaddress
import os
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK_NAMES = {"localhost", "ip6-localhost"}


def default_data_folder() -> Path:
    if home := os.environ.get("XDG_DATA_HOME"):
        return Path(home) / "unbroken"
    return Path("/var/lib/unbroken") if os.getuid() == 0 else Path.home() / ".local/share/unbroken"


def _variable(name: str, field: str) -> AliasChoices:
    return AliasChoices(name, field)


class Settings(BaseSettings):
    """A wrong value stops the start, not the first request."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    host: str = Field("127.0.0.1", validation_alias=_variable("UNBROKEN_HOST", "host"))
    # 0: a free port of the system's choice.
    port: int = Field(8000, ge=0, le=65535, validation_alias=_variable("UNBROKEN_PORT", "port"))
    data: Path = Field(
        default_factory=default_data_folder, validation_alias=_variable("UNBROKEN_DATA", "data")
    )
    # None: no key is asked for, and only this host is answered.
    api_key: SecretStr | None = Field(
        None, min_length=1, validation_alias=_variable("UNBROKEN_API_KEY", "api_key")
    )
    livekit_url: str = Field(
        "ws://127.0.0.1:7880", validation_alias=_variable("LIVEKIT_URL", "livekit_url")
    )
    livekit_api_key: str = Field(
        "devkey", validation_alias=_variable("LIVEKIT_API_KEY", "livekit_api_key")
    )
    livekit_api_secret: SecretStr = Field(
        SecretStr("secret"), validation_alias=_variable("LIVEKIT_API_SECRET", "livekit_api_secret")
    )
    # What browsers use; None: livekit_url.
    public_livekit_url: str | None = Field(
        None, validation_alias=_variable("UNBROKEN_PUBLIC_LIVEKIT_URL", "public_livekit_url")
    )
    # Whom rooms dispatch.
    agent_name: str = Field(
        "concierge", validation_alias=_variable("UNBROKEN_AGENT_NAME", "agent_name")
    )
    llm_model: str | None = Field(
        None, validation_alias=_variable("UNBROKEN_LLM_MODEL", "llm_model")
    )
    # True where the built-in model answers, which is a demonstration and no assistant.
    demo: bool = Field(False, validation_alias=_variable("UNBROKEN_DEMO", "demo"))
    # How long an orphaned session waits for its people.
    rejoin_s: float = Field(
        600, gt=0, le=86_400, validation_alias=_variable("UNBROKEN_REJOIN_S", "rejoin_s")
    )

    @property
    def browser_livekit_url(self) -> str:
        return self.public_livekit_url or self.livekit_url

    @property
    def is_loopback(self) -> bool:
        if self.host in LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False  # a name that may mean any address
