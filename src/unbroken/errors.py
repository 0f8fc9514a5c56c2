"""The error tree.

UnbrokenError
├── ArchiveUnavailable   retryable; the service or store could not be reached, or answered in time
├── CallTaken            somebody else holds this session, or it is over: leave it alone
├── PeopleUnknown        whose call this is depends on who is in the room: ask again with `people`
├── StateRefused         a saved state that this version may not restore
├── LevelUnavailable     a level of safety that cannot be reached now (disk gone, archive gone)
├── EffectUnknown        an effect may or may not have happened; a person must say
├── JournalUnwritable    the spool or a journal in it takes no more files or bytes
├── JournalUnreadable    not a journal, or of a file version this reader does not know
├── InvalidInput         what came from outside is not of the form it must have
│   └── TooLarge         ...it is beyond a bound
├── Corrupt              what is stored is damaged, and is not given out
├── NotFound             there is no such thing
├── Conflict             the same key was used for something else, or the state does not allow it
│   ├── OtherVersion     ...a value of shared state has another version than was expected
│   ├── OldFence         ...its lock was granted to somebody else since
│   └── LeaseLost        ...a lock or a slot that was held is over
├── NotFree              retryable; says when it may be
│   ├── Locked           ...somebody else holds the lock
│   └── LimitReached     ...no slot is free, or the window is full
├── Unauthorized         no key, a wrong key, or a Host header that is not ours
├── RoomServerUnavailable  retryable; LiveKit's own API could not be reached
└── SettingsInvalid      a start that cannot succeed; one clear sentence
"""

from http import HTTPStatus
from uuid import UUID


class UnbrokenError(Exception):
    """Base of all ours: what each is on the wire, said once for the service and its clients.

    `code` is stable wire vocabulary, `status` that of the HTTP answer which says it. What is
    `retryable` may pass by itself: asking again is right.
    """

    code = "internal"
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable = False


class ArchiveUnavailable(UnbrokenError):
    code = "archive_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True


class CallTaken(UnbrokenError):
    code = "call_taken"
    status = HTTPStatus.CONFLICT

    def __init__(
        self, detail: str, *, session_id: UUID | None = None, is_over: bool = False
    ) -> None:
        super().__init__(detail)
        self.session_id = session_id  # the one that was refused, if it was told
        self.is_over = is_over  # nobody has it, nobody will: it has ended


class PeopleUnknown(UnbrokenError):
    code = "people_unknown"
    status = HTTPStatus.CONFLICT


class StateRefused(UnbrokenError):
    code = "state_refused"
    status = HTTPStatus.CONFLICT


class LevelUnavailable(UnbrokenError):
    code = "level_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class EffectUnknown(UnbrokenError):
    code = "effect_unknown"
    status = HTTPStatus.CONFLICT


class JournalUnwritable(UnbrokenError):
    code = "journal_unwritable"


class JournalUnreadable(UnbrokenError):
    code = "journal_unreadable"


class InvalidInput(UnbrokenError):
    code = "invalid_input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLarge(InvalidInput):
    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Corrupt(UnbrokenError):
    code = "corrupt"


class NotFound(UnbrokenError):
    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class Conflict(UnbrokenError):
    code = "conflict"
    status = HTTPStatus.CONFLICT


class OtherVersion(Conflict):
    code = "other_version"
    status = HTTPStatus.PRECONDITION_FAILED


class OldFence(Conflict):
    code = "old_fence"
    status = HTTPStatus.PRECONDITION_FAILED


class LeaseLost(Conflict):
    code = "lease_lost"


class NotFree(UnbrokenError):
    """`retry_s`: until it may be free by itself; it may be released before."""

    code = "not_free"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True

    def __init__(self, detail: str, *, retry_s: float = 0.0) -> None:
        super().__init__(detail)
        self.retry_s = retry_s


class Locked(NotFree):
    code = "locked"
    status = HTTPStatus.LOCKED


class LimitReached(NotFree):
    """`said`: in a sentence for a caller, where a call is refused."""

    code = "limit_reached"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, *, retry_s: float = 0.0, said: str = "") -> None:
        super().__init__(detail, retry_s=retry_s)
        self.said = said


class Unauthorized(UnbrokenError):
    code = "unauthorized"
    status = HTTPStatus.UNAUTHORIZED


class RoomServerUnavailable(UnbrokenError):
    code = "room_server_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True


class SettingsInvalid(UnbrokenError):
    code = "settings_invalid"
