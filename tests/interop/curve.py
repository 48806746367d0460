"""secp256k1: points, BIP340 signatures, and the key behind an ECDSA signature."""

import hashlib

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def sha256(data):
    """SHA256, 32 bytes."""
    return hashlib.sha256(data).digest()


def tagged(tag, data):
    """BIP340's hash of `data` under an ASCII tag."""
    prefix = sha256(tag.encode())
    return sha256(prefix + prefix + data)


def add(a, b):
    """The sum of two points; None is the point at infinity."""
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(point, factor):
    """`factor` times `point`."""
    result, factor = None, factor % N
    while factor:
        if factor & 1:
            result = add(result, point)
        point, factor = add(point, point), factor >> 1
    return result


def negate(point):
    """The point with the other y."""
    return point[0], P - point[1]


def lift_x(x):
    """The point with this x and an even y. ValueError if there is none."""
    if not 0 <= x < P:
        raise ValueError("not an x coordinate")
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        raise ValueError("not on the curve")
    return (x, y) if y % 2 == 0 else (x, P - y)


def point(key):
    """The point of a 33-byte compressed key. ValueError for anything else."""
    if len(key) != 33 or key[0] not in (2, 3):
        raise ValueError("not a compressed key")
    even = lift_x(int.from_bytes(key[1:], "big"))
    return even if key[0] == 2 else negate(even)


def compressed(pt):
    """33 bytes."""
    return bytes([2 + pt[1] % 2]) + pt[0].to_bytes(32, "big")


def x_only(pt):
    """32 bytes."""
    return pt[0].to_bytes(32, "big")


def secret(data):
    """A secret of 32 bytes as a number. ValueError for zero and what is not below the order."""
    number = int.from_bytes(data, "big")
    if len(data) != 32 or not 0 < number < N:
        raise ValueError("not a secret key")
    return number


def public(number):
    """The compressed key of a secret number."""
    return compressed(multiply(G, number))


def sign(number, message):
    """BIP340 with 32 zero bytes of auxiliary randomness."""
    pt = multiply(G, number)
    if pt[1] % 2:
        number = N - number
    mask = int.from_bytes(tagged("BIP0340/aux", bytes(32)), "big")
    seed = (number ^ mask).to_bytes(32, "big") + x_only(pt) + message
    k = int.from_bytes(tagged("BIP0340/nonce", seed), "big") % N
    r = multiply(G, k)
    if r[1] % 2:
        k = N - k
    e = _challenge(x_only(r), x_only(pt), message)
    signature = x_only(r) + ((k + e * number) % N).to_bytes(32, "big")
    if not verify(x_only(pt), message, signature):
        raise ValueError("a signature of our own does not verify")
    return signature


def verify(key, message, signature):
    """Whether a BIP340 signature by the 32-byte `key` is right."""
    if len(key) != 32 or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        pt = lift_x(int.from_bytes(key, "big"))
    except ValueError:
        return False
    if r >= P or s >= N:
        return False
    e = _challenge(signature[:32], key, message)
    got = add(multiply(G, s), multiply(pt, N - e))
    return got is not None and got[1] % 2 == 0 and got[0] == r


def _challenge(r, key, message):
    return int.from_bytes(tagged("BIP0340/challenge", r + key + message), "big") % N


def recover(message, signature, recovery):
    """The compressed key that made the 64-byte ECDSA `signature` over a 32-byte hash."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N and recovery in range(4)):
        raise ValueError("not a recoverable signature")
    pt = lift_x(r + N * (recovery >> 1))
    if recovery & 1:
        pt = negate(pt)
    inverse, z = pow(r, -1, N), int.from_bytes(message, "big")
    key = add(multiply(pt, s * inverse), multiply(G, -z * inverse))
    if key is None:
        raise ValueError("no key")
    return compressed(key)
