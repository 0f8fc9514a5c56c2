"""For the tester of the contract: agents' messages are bytes to it."""

import schemathesis


@schemathesis.serializer("application/msgpack")
def as_it_is(_context, value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
