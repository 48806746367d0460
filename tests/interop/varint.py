"""Numbers of variable length, protocol buffers and base58, as libp2p uses them."""

_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def write_number(number):
    """Seven bits a byte, the lowest first."""
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def read_number(take):
    """From `take(size)`, which gives the next bytes."""
    number, shift = 0, 0
    while True:
        (byte,) = take(1)
        number |= (byte & 127) << shift
        if byte < 128:
            return number
        shift += 7
        if shift > 63:
            raise ValueError("number too long")


def write_fields(*fields):
    """A protocol buffer of (field, bytes or number) pairs."""
    out = b""
    for field, value in fields:
        if isinstance(value, int):
            out += write_number(field << 3) + write_number(value)
        else:
            out += write_number(field << 3 | 2) + write_number(len(value)) + value
    return out


def read_fields(data):
    """Field -> list of bytes or numbers."""
    at = 0

    def take(size):
        nonlocal at
        if at + size > len(data):
            raise ValueError("cut off")
        at += size
        return data[at - size : at]

    found = {}
    while at < len(data):
        key = read_number(take)
        if key & 7 == 0:
            value = read_number(take)
        elif key & 7 == 2:
            value = take(read_number(take))
        else:
            raise ValueError("unknown kind of field")
        found.setdefault(key >> 3, []).append(value)
    return found


def base58(data):
    """Text of bytes."""
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = _LETTERS[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out
