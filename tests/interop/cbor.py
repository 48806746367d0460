"""The part of CBOR (RFC 8949) that spec/04-messages.md uses."""


def encode(value):
    """Bytes of None, bool, int, bytes, str or a list of these, in the shortest form."""
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    raise TypeError(f"cannot encode {type(value)}")


def decode(data):
    """The one value in `data`. ValueError when it is cut off, goes on, or is of another kind."""
    value, rest = _decode(data, 0)
    if rest != len(data):
        raise ValueError("bytes behind the value")
    return value


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError("number too large")


def _take(data, at, size):
    if at + size > len(data):
        raise ValueError("cut off")
    return data[at : at + size], at + size


def _decode(data, at, depth=0):
    if depth > 32:
        raise ValueError("nested too deeply")
    (first,), at = _take(data, at, 1)
    major, code = first >> 5, first & 31
    if major == 7 and code in (20, 21, 22):
        return {20: False, 21: True, 22: None}[code], at
    if major > 4 or code > 27:
        raise ValueError(f"unknown item {first:#x}")
    if code < 24:
        number = code
    else:
        raw, at = _take(data, at, 1 << (code - 24))
        number = int.from_bytes(raw, "big")
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major == 2:
        return _take(data, at, number)
    if major == 3:
        raw, at = _take(data, at, number)
        return raw.decode("utf-8"), at
    items = []
    for _ in range(number):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at
