"""ChaCha20-Poly1305 (RFC 8439)."""

import hmac
import struct

_MASK = 0xFFFFFFFF
_ROUNDS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def _block(key_words, counter, nonce_words):
    start = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key_words, counter, *nonce_words)
    s = list(start)
    for _ in range(10):
        for i, j, k, l in _ROUNDS:
            a, b, c, d = s[i], s[j], s[k], s[l]
            a = (a + b) & _MASK
            d ^= a
            d = (d << 16 | d >> 16) & _MASK
            c = (c + d) & _MASK
            b ^= c
            b = (b << 12 | b >> 20) & _MASK
            a = (a + b) & _MASK
            d ^= a
            d = (d << 8 | d >> 24) & _MASK
            c = (c + d) & _MASK
            b ^= c
            b = (b << 7 | b >> 25) & _MASK
            s[i], s[j], s[k], s[l] = a, b, c, d
    return struct.pack("<16I", *((x + y) & _MASK for x, y in zip(s, start)))


def _keystream(key, nonce, counter, size):
    key_words, nonce_words = struct.unpack("<8I", key), struct.unpack("<3I", nonce)
    blocks = range(counter, counter + (size + 63) // 64)
    return b"".join(_block(key_words, i, nonce_words) for i in blocks)[:size]


def _xor(data, stream):
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def _tag(key, nonce, cipher, extra):
    once = _keystream(key, nonce, 0, 32)
    padded = extra + bytes(-len(extra) % 16) + cipher + bytes(-len(cipher) % 16)
    return _poly1305(once, padded + struct.pack("<QQ", len(extra), len(cipher)))


def seal(key, nonce, plain, extra=b""):
    """The ciphertext with its 16-byte tag."""
    cipher = _xor(plain, _keystream(key, nonce, 1, len(plain)))
    return cipher + _tag(key, nonce, cipher, extra)


def unseal(key, nonce, sealed, extra=b""):
    """The plaintext. ValueError when it was not sealed with this."""
    if len(sealed) < 16:
        raise ValueError("cut off")
    cipher, tag = sealed[:-16], sealed[-16:]
    if not hmac.compare_digest(tag, _tag(key, nonce, cipher, extra)):
        raise ValueError("not sealed with this key")
    return _xor(cipher, _keystream(key, nonce, 1, len(cipher)))
