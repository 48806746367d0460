"""RIPEMD160, which many builds of Python come without."""

_ORDER = (
    bytes(range(16)),
    bytes([7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8]),
    bytes([3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12]),
    bytes([1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2]),
    bytes([4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13]),
)
_ORDER_2 = (
    bytes([5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12]),
    bytes([6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2]),
    bytes([15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13]),
    bytes([8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14]),
    bytes([12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11]),
)
_TURN = (
    bytes([11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8]),
    bytes([7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12]),
    bytes([11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5]),
    bytes([11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12]),
    bytes([9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6]),
)
_TURN_2 = (
    bytes([8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6]),
    bytes([9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11]),
    bytes([9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5]),
    bytes([15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8]),
    bytes([8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11]),
)
_ADD = (0, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
_ADD_2 = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0)
_MASK = 0xFFFFFFFF


def _mix(kind, x, y, z):
    if kind == 0:
        return x ^ y ^ z
    if kind == 1:
        return (x & y) | (~x & z)
    if kind == 2:
        return (x | ~y) ^ z
    if kind == 3:
        return (x & z) | (y & ~z)
    return x ^ (y | ~z)


def _turn(value, by):
    value &= _MASK
    return (value << by | value >> (32 - by)) & _MASK


def _line(state, words, order, turn, constants, kinds):
    a, b, c, d, e = state
    for step in range(5):
        for which, by in zip(order[step], turn[step]):
            mixed = a + _mix(kinds[step], b, c, d) + words[which] + constants[step]
            a, b, c, d, e = e, (_turn(mixed, by) + e) & _MASK, b, _turn(c, 10), d
    return a, b, c, d, e


def ripemd160(data):
    """20 bytes."""
    length = (8 * len(data)).to_bytes(8, "little")
    data += b"\x80" + bytes((55 - len(data)) % 64) + length
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
    for at in range(0, len(data), 64):
        words = [int.from_bytes(data[i : i + 4], "little") for i in range(at, at + 64, 4)]
        one = _line(state, words, _ORDER, _TURN, _ADD, range(5))
        two = _line(state, words, _ORDER_2, _TURN_2, _ADD_2, range(4, -1, -1))
        state = tuple(
            (state[(i + 1) % 5] + one[(i + 2) % 5] + two[(i + 3) % 5]) & _MASK for i in range(5)
        )
    return b"".join(word.to_bytes(4, "little") for word in state)
