"""Why a blob store failed, in words of ours: a store's own text may repeat an access key."""

import re

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from unbroken.errors import ArchiveUnavailable

STATUS = re.compile(r"status code: (\d{3}) ?([A-Za-z ]{0,40})")
METADATA = "169.254.169.254"  # where a machine of a cloud finds credentials, if it was given none
CREDENTIALS = "AWS_*, GOOGLE_* or AZURE_*"


def unavailable(error: BaseError | OSError) -> ArchiveUnavailable:
    return ArchiveUnavailable(f"the blob store {why(error)}")


def why(error: Exception, *, is_start: bool = False) -> str:
    """The end of a sentence that begins with the place. `is_start`: nothing was there before."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return f"refuses its credentials: see the variables {CREDENTIALS}"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, BaseError | ValueError):
        return _told(str(error))
    if isinstance(error, FileNotFoundError):
        return "is not there: make the bucket first" if is_start else "is gone"
    return f"did not answer: {error.strerror}" if isinstance(error, OSError) else "failed"


def _told(text: str) -> str:
    if METADATA in text:
        return f"needs credentials: set the variables {CREDENTIALS}"
    if "Account must be specified" in text:
        return "needs an account: set AZURE_STORAGE_ACCOUNT_NAME"
    status = STATUS.search(text)
    return f"answers {' '.join(status.groups()).strip()}" if status else "did not answer"
