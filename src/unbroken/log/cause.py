"""Why a holder lost its session: the words that the log, the store and the console share."""

CRASHED = "crashed"  # it left no last word
FROZEN = "frozen"  # its keeper killed it, because it had stopped
HOST_LOST = "host_lost"  # its host fell silent, and it does not answer in its room
LEFT = "left"  # it shut down in order, with people in the room
ENTRYPOINT_FAILED = "entrypoint_failed"  # the application raised an exception
PROVIDER_LOST = "provider_lost"  # LiveKit closed its session after a provider's errors
UNREADABLE = "unreadable"  # it took the session and could not read what is known of it
RELEASED = "released"  # it began without what is known of it, and gave it back: no crash
REFUSED = "refused"  # another one has the session: it never began
EMPTY = "empty"  # nobody was in the room any more: no dispatch until someone is
SERVER_SHUTDOWN = "server_shutdown"  # LiveKit ended the call for all: as EMPTY
STORE_RESTORED = "store_restored"  # the store went back behind its term, and gave it again
NOBODY_WAITS = frozenset({EMPTY, SERVER_SHUTDOWN})
NO_LOSS = (RELEASED, EMPTY, SERVER_SHUTDOWN, STORE_RESTORED)  # not for a reason of its agent's own
NO_CRASH = (*NO_LOSS, LEFT)  # what it said is not what ended it
ENDED = "ended"  # the call is over: nobody goes on with it

# Why a session is over that nobody came back to.
PEOPLE_LEFT = "people_left"
ABANDONED = "abandoned"
ROOM_CLOSED = "room_closed"
NOBODY_CAME_BACK = frozenset({PEOPLE_LEFT, ABANDONED, ROOM_CLOSED})

# The note of an agent that has hung up: its session is over when it has left, however it leaves.
# Null takes it back.
ENDING = "unbroken.ending"
