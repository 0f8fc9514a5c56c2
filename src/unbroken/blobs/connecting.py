"""A client of the bucket that a URL names."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from unbroken.blobs import failing
from unbroken.errors import SettingsInvalid

CLIENT = {"connect_timeout": timedelta(seconds=2), "timeout": timedelta(seconds=25)}
# What failed twice more within these seconds is told: whoever asked has pauses of its own.
RETRY = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
CHECKSUM = "AWS_CHECKSUM_ALGORITHM"


def connect(url: str, environ: Mapping[str, str]) -> ObjectStore:
    """Asks nobody yet. Raises SettingsInvalid, which repeats no credentials."""
    options: dict[str, Any] = {"client_options": dict(CLIENT), "retry_config": RETRY}
    if url.startswith("s3:"):
        options |= _of_s3(environ, options["client_options"])
    try:
        return from_url(url, **options)
    except (BaseError, ValueError, OSError) as error:
        raise SettingsInvalid(f"{url} {failing.why(error, is_start=True)}") from None


def _of_s3(environ: Mapping[str, str], client: dict[str, Any]) -> dict[str, Any]:
    """The server compares a sum of its own with that of what was sent. A plain http endpoint is
    one that the operator has named: no other word is asked for."""
    endpoint = next(filter(None, map(environ.get, ENDPOINTS)), "")
    client["allow_http"] = endpoint.startswith("http://")
    given = {"endpoint": endpoint} if endpoint else {}
    return {"config": {"checksum_algorithm": environ.get(CHECKSUM, "SHA256"), **given}}
