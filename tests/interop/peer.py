"""A connection to one node: spec/04-messages.md, section 1."""

import os
import socket

import curve25519
import noise
import varint
import yamux

_MULTISTREAM = "/multistream/1.0.0"
_IDENTIFY = "/ipfs/id/1.0.0"
MOST = {"/cambista/quote/1": 4096, "/cambista/swap/1": 65_536, "/cambista/book/1": 65_536}


class _Tcp:
    def __init__(self, host, port):
        self._socket = socket.create_connection((host, port), timeout=20)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, size):
        data = b""
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise yamux.Closed("connection closed")
            data += chunk
        return data

    def write(self, data):
        self._socket.sendall(data)

    def shutdown(self):
        self._socket.shutdown(socket.SHUT_RDWR)


def _line(text):
    data = text.encode() + b"\n"
    return varint.write_number(len(data)) + data


def _read_line(stream):
    size = varint.read_number(stream.read)
    if not 0 < size <= 1024:
        raise ValueError("not a line of multistream")
    return stream.read(size).decode().removesuffix("\n")


def select(stream, protocol):
    """Asks for a protocol. ValueError when the other side does not speak it."""
    stream.write(_line(_MULTISTREAM) + _line(protocol))
    if _read_line(stream) != _MULTISTREAM or _read_line(stream) != protocol:
        raise ValueError(f"the peer does not speak {protocol}")


def answer(stream, protocols):
    """Lets the other side choose one of `protocols`."""
    if _read_line(stream) != _MULTISTREAM:
        raise ValueError("not multistream")
    stream.write(_line(_MULTISTREAM))
    while True:
        wanted = _read_line(stream)
        stream.write(_line(wanted if wanted in protocols else "na"))
        if wanted in protocols:
            return wanted


def read_frame(stream, most, timeout=60):
    """One request or reply."""
    size = int.from_bytes(stream.read(4, timeout), "big")
    if size > most:
        raise ValueError("message too long")
    return stream.read(size)


class Peer:
    """A node that was dialled, and that may ask us things as well."""

    def __init__(self, address, network, handler, identity=None):
        """`address` is `/ip4/../tcp/..[/p2p/..]`; `handler(data)` answers requests of /cambista/swap/1."""
        parts = address.strip("/").split("/")
        named = dict(zip(parts[::2], parts[1::2]))
        self._identity = identity or os.urandom(32)
        self._network, self._handler = network, handler
        self._tcp = _Tcp(named["ip4"], int(named["tcp"]))
        select(self._tcp, "/noise")
        channel = noise.NoiseChannel(self._tcp, self._identity)
        self.peer_id = channel.remote_peer
        if named.get("p2p", self.peer_id) != self.peer_id:
            raise ValueError("somebody else is at this address")
        select(channel, "/yamux/1.0.0")
        self._session = yamux.Session(channel, self._accept)

    @property
    def connected(self):
        """Whether it still is."""
        return not self._session.closed.is_set()

    def close(self):
        """Ends the connection, and waits until everybody here has noticed."""
        self._tcp.shutdown()
        self._session.closed.wait(10)

    def identify(self):
        """The protocol version the other side names itself by, and its protocols."""
        stream = self._session.open()
        select(stream, _IDENTIFY)
        found = varint.read_fields(stream.read(varint.read_number(stream.read)))
        return found[5][0].decode(), [name.decode() for name in found.get(3, [])]

    def request(self, protocol, data, timeout=30):
        """One request and its reply. yamux.Closed when there is none."""
        stream = self._session.open()
        select(stream, protocol)
        stream.write(len(data).to_bytes(4, "big") + data)
        stream.close()
        return read_frame(stream, MOST[protocol], timeout)

    def _accept(self, stream):
        try:
            protocol = answer(stream, (_IDENTIFY, "/cambista/swap/1"))
            if protocol == _IDENTIFY:
                message = self._identify_message()
                stream.write(varint.write_number(len(message)) + message)
            else:
                reply = self._handler(read_frame(stream, MOST[protocol]))
                stream.write(len(reply).to_bytes(4, "big") + reply)
            stream.close()
        except (OSError, ValueError):
            try:
                stream.reset()
            except OSError:
                pass

    def _identify_message(self):
        key = noise.public_key_message(curve25519.ed25519_public(self._identity))
        return varint.write_fields(
            (1, key),
            (3, _IDENTIFY.encode()),
            (3, b"/cambista/swap/1"),
            (5, f"cambista/1/{self._network}".encode()),
            (6, b"cambista-interop/1"),
        )
