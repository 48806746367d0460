"""libp2p's Noise channel: XX with X25519, ChaCha20-Poly1305 and SHA256, and who is at the other end."""

import hashlib
import hmac
import os
import threading

import chacha
import curve25519
import varint

_NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
_SIGNED = b"noise-libp2p-static-key:"
_ED25519 = 1
# With its tag a message has at most 65,535 bytes.
_MOST = 65_519


def public_key_message(key):
    """An Ed25519 key as libp2p writes it."""
    return varint.write_fields((1, _ED25519), (2, key))


def peer_id(message):
    """The text of a peer id, of a key as libp2p writes it (short ones are their own hash)."""
    if len(message) <= 42:
        return varint.base58(bytes([0, len(message)]) + message)
    return varint.base58(b"\x12\x20" + hashlib.sha256(message).digest())


class _Cipher:
    def __init__(self, key):
        self.key, self.count = key, 0

    def _nonce(self):
        self.count += 1
        return bytes(4) + (self.count - 1).to_bytes(8, "little")

    def seal(self, plain, extra=b""):
        return chacha.seal(self.key, self._nonce(), plain, extra)

    def unseal(self, sealed, extra=b""):
        return chacha.unseal(self.key, self._nonce(), sealed, extra)


class _Handshake:
    """Noise's symmetric state."""

    def __init__(self):
        self.hash = self.chain = _NAME
        self.cipher = None
        self.mix_hash(b"")

    def mix_hash(self, data):
        self.hash = hashlib.sha256(self.hash + data).digest()

    def _expand(self, data):
        key = hmac.digest(self.chain, data, "sha256")
        first = hmac.digest(key, b"\x01", "sha256")
        return first, hmac.digest(key, first + b"\x02", "sha256")

    def mix_key(self, data):
        self.chain, key = self._expand(data)
        self.cipher = _Cipher(key)

    def seal(self, plain):
        sealed = self.cipher.seal(plain, self.hash) if self.cipher else plain
        self.mix_hash(sealed)
        return sealed

    def unseal(self, sealed):
        plain = self.cipher.unseal(sealed, self.hash) if self.cipher else sealed
        self.mix_hash(sealed)
        return plain

    def split(self):
        return tuple(_Cipher(key) for key in self._expand(b""))


class NoiseChannel:
    """Reads and writes bytes; the caller opened the connection."""

    def __init__(self, raw, identity):
        """Shakes hands as the initiator. `raw` has `read(size)` and `write(data)`; `identity` is an Ed25519 seed."""
        self._raw, self._rest, self._lock = raw, b"", threading.Lock()
        state, static, ephemeral = _Handshake(), os.urandom(32), os.urandom(32)

        own = curve25519.x25519(ephemeral)
        state.mix_hash(own)
        self._send(own + state.seal(b""))

        answer = self._receive()
        their_ephemeral = answer[:32]
        state.mix_hash(their_ephemeral)
        state.mix_key(curve25519.x25519(ephemeral, their_ephemeral))
        their_static = state.unseal(answer[32:80])
        state.mix_key(curve25519.x25519(ephemeral, their_static))
        self.remote_peer = self._who(state.unseal(answer[80:]), their_static)

        last = state.seal(curve25519.x25519(static))
        state.mix_key(curve25519.x25519(static, their_ephemeral))
        signature = curve25519.ed25519_sign(identity, _SIGNED + curve25519.x25519(static))
        key = public_key_message(curve25519.ed25519_public(identity))
        self._send(last + state.seal(varint.write_fields((1, key), (2, signature))))
        self._out, self._in = state.split()

    @staticmethod
    def _who(payload, static):
        found = varint.read_fields(payload)
        message, signature = found[1][0], found[2][0]
        key = varint.read_fields(message)
        if key[1] != [_ED25519]:
            raise ValueError("the peer's identity is not an Ed25519 key")
        if not curve25519.ed25519_verify(key[2][0], _SIGNED + static, signature):
            raise ValueError("the peer is not who it says it is")
        return peer_id(message)

    def _send(self, message):
        self._raw.write(len(message).to_bytes(2, "big") + message)

    def _receive(self):
        return self._raw.read(int.from_bytes(self._raw.read(2), "big"))

    def write(self, data):
        """All of it."""
        with self._lock:
            for at in range(0, len(data), _MOST):
                self._send(self._out.seal(data[at : at + _MOST]))

    def read(self, size):
        """Exactly so many bytes."""
        while len(self._rest) < size:
            self._rest += self._in.unseal(self._receive())
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
