"""Yamux: many streams over one channel."""

import queue
import threading

_DATA, _WINDOW, _PING, _GO_AWAY = range(4)
_SYN, _ACK, _FIN, _RST = 1, 2, 4, 8
_FIRST_WINDOW = 256 * 1024
# No message is longer than this; a frame announcing more is not believed.
_LONGEST = 1 << 20


class Closed(ConnectionError):
    """The stream or the connection has ended."""


class Stream:
    """One stream: `read(size)` and `write(data)`, as a connection."""

    def __init__(self, session, number):
        self._session, self.number = session, number
        self._chunks, self._rest = queue.Queue(), b""
        self._window, self._grown = _FIRST_WINDOW, threading.Condition()
        self._ended = False

    def read(self, size, timeout=60):
        """Exactly so many bytes. Closed when the other side ended before, or nothing came for `timeout` seconds."""
        while len(self._rest) < size:
            if self._ended:
                raise Closed("stream ended")
            try:
                chunk = self._chunks.get(timeout=timeout)
            except queue.Empty:
                raise Closed("no answer") from None
            if not chunk:
                self._ended = True
                continue
            self._rest += chunk
            self._session.send(_WINDOW, 0, self.number, len(chunk))
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def write(self, data):
        """As fast as the other side's window lets us."""
        while data:
            with self._grown:
                if not self._grown.wait_for(lambda: self._window > 0 or self._ended, 30) or self._ended:
                    raise Closed("nobody reads")
                size = min(len(data), self._window, 16 * 1024)
                self._window -= size
            self._session.send(_DATA, 0, self.number, size, data[:size])
            data = data[size:]

    def close(self):
        """We have written everything."""
        self._session.send(_DATA, _FIN, self.number, 0)

    def reset(self):
        """We want nothing of it."""
        self._session.send(_DATA, _RST, self.number, 0)

    def received(self, chunk):
        """Called by the session; empty at the end."""
        self._chunks.put(chunk)

    def grow(self, by):
        """Called by the session."""
        with self._grown:
            self._window += by
            self._grown.notify_all()

    def end(self):
        """Called by the session when there is nothing more to be had."""
        self._chunks.put(b"")
        with self._grown:
            self._ended = self._ended or self._chunks.empty()
            self._grown.notify_all()


class Session:
    """The side that opened the connection: our streams have odd numbers."""

    def __init__(self, channel, accept):
        """`accept(stream)` is called in a thread of its own for every stream the other side opens."""
        self._channel, self._accept = channel, accept
        self._streams, self._next, self._lock = {}, 1, threading.Lock()
        self._writing = threading.Lock()
        self.closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def open(self):
        """A new stream."""
        with self._lock:
            if self.closed.is_set():
                raise Closed("connection ended")
            stream = Stream(self, self._next)
            self._streams[self._next] = stream
            self._next += 2
        self.send(_WINDOW, _SYN, stream.number, 0)
        return stream

    def send(self, kind, flags, number, length, data=b""):
        """One frame."""
        head = bytes([0, kind]) + flags.to_bytes(2, "big")
        head += number.to_bytes(4, "big") + length.to_bytes(4, "big")
        with self._writing:
            try:
                self._channel.write(head + data)
            except OSError as why:
                raise Closed(str(why)) from why

    def _run(self):
        try:
            while True:
                self._frame(self._channel.read(12))
        except (OSError, ValueError) as why:
            self.why = why
        finally:
            with self._lock:
                self.closed.set()
                ended = list(self._streams.values())
            for stream in ended:
                stream.end()

    def _frame(self, head):
        kind, flags = head[1], int.from_bytes(head[2:4], "big")
        number, length = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
        if head[0] != 0 or kind > _GO_AWAY or (kind == _DATA and length > _LONGEST):
            raise ValueError("not a frame of yamux")
        if kind == _GO_AWAY:
            raise Closed("the peer goes away")
        if kind == _PING:
            if flags & _SYN:
                self.send(_PING, _ACK, 0, length)
            return
        data = self._channel.read(length) if kind == _DATA else b""
        if flags & _SYN:
            self._accepted(number)
        with self._lock:
            stream = self._streams.get(number)
        if stream is None:
            return
        if kind == _WINDOW:
            stream.grow(length)
        elif data:
            stream.received(data)
        if flags & _FIN:
            stream.received(b"")
        if flags & _RST:
            stream.end()

    def _accepted(self, number):
        if number % 2:
            raise ValueError("a stream with a number of ours")
        stream = Stream(self, number)
        with self._lock:
            self._streams[number] = stream
        self.send(_WINDOW, _ACK, number, 0)
        threading.Thread(target=self._accept, args=(stream,), daemon=True).start()
