"""X25519 (RFC 7748) and Ed25519 (RFC 8032), for tests: not in constant time."""

import hashlib

P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, P) % P
_ROOT = pow(2, (P - 1) // 4, P)
_BASE_Y = 4 * pow(5, -1, P) % P


def x25519(scalar, u=(9).to_bytes(32, "little")):
    """32 bytes: the public key of a scalar, or what it shares with the owner of `u`."""
    raw = bytearray(scalar)
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    k = int.from_bytes(raw, "little")
    x1 = int.from_bytes(u, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swapped ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swapped:
        x2, z2 = x3, z3
    shared = x2 * pow(z2, P - 2, P) % P
    if shared == 0:
        raise ValueError("a key of small order")
    return shared.to_bytes(32, "little")


def _recover_x(y, sign):
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not on the curve")
    return x if x & 1 == sign else P - x


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * _D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(factor, p):
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, p)
        p, factor = _add(p, p), factor >> 1
    return result


def _point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign)
    return x, y, 1, x * y % P


def _bytes(p):
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_X = _recover_x(_BASE_Y, 0)
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def _hash(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % _ORDER


def _expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def ed25519_public(seed):
    """The 32-byte key of a 32-byte seed."""
    return _bytes(_multiply(_expand(seed)[0], _BASE))


def ed25519_sign(seed, message):
    """64 bytes."""
    scalar, prefix = _expand(seed)
    r = _hash(prefix + message)
    start = _bytes(_multiply(r, _BASE))
    k = _hash(start + ed25519_public(seed) + message)
    return start + ((r + k * scalar) % _ORDER).to_bytes(32, "little")


def ed25519_verify(key, message, signature):
    """Whether the signature is right."""
    if len(key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    try:
        public, start = _point(key), _point(signature[:32])
    except ValueError:
        return False
    k = _hash(signature[:32] + key + message)
    return s < _ORDER and _bytes(_multiply(s, _BASE)) == _bytes(_add(start, _multiply(k, public)))
