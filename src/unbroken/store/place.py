"""Places in a history: keys that sort bytewise, with room between any two of them.

Four bytes, big-endian, from 2^31: the last one's + 1 at the end, the first one's - 1 at the
front; then a fraction where something was squeezed between two neighbours. A key never ends in
a zero byte behind its first four, so there is always room below it.
"""

_HEAD = 4  # bytes


def between(low: bytes | None, high: bytes | None) -> bytes:
    """Give a place behind `low` (None: the front) and before `high` (None: the end)."""
    if low is None and high is None:
        return (1 << 31).to_bytes(_HEAD, "big")
    if low is None:
        return (_head(high) - 1).to_bytes(_HEAD, "big")
    if high is None:
        return (_head(low) + 1).to_bytes(_HEAD, "big")
    if _head(high) - _head(low) > 1:
        return (_head(low) + 1).to_bytes(_HEAD, "big")
    return _squeezed(low, high)


def nth(index: int) -> bytes:
    """The place of item `index` of a history that is numbered afresh."""
    return ((1 << 31) + index).to_bytes(_HEAD, "big")


def _head(place: bytes | None) -> int:
    return int.from_bytes((place or b"")[:_HEAD], "big")


def _squeezed(low: bytes, high: bytes) -> bytes:
    key, index = bytearray(low[:_HEAD]), _HEAD
    unbounded = low[:_HEAD] != high[:_HEAD]  # `high` no longer limits what follows
    while True:
        floor = low[index] if index < len(low) else 0
        ceiling = 256 if unbounded else high[index] if index < len(high) else 0
        if ceiling - floor > 1:
            # Open above, low down: most of the room stays for those that follow behind it.
            step = max(1, (ceiling - floor) // (8 if unbounded else 2))
            key.append(floor + step)
            return bytes(key)
        unbounded |= ceiling > floor
        key.append(floor)
        index += 1
