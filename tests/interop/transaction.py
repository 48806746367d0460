"""Transactions: reading, writing, and BIP341's signature hash."""

from dataclasses import dataclass, field

from curve import sha256, tagged


def compact(number):
    """Bitcoin's number of variable length."""
    if number < 0xFD:
        return bytes([number])
    first, size = (0xFD, 2) if number < 1 << 16 else (0xFE, 4)
    return bytes([first]) + number.to_bytes(size, "little")


def prefixed(data):
    """`data` behind its length."""
    return compact(len(data)) + data


@dataclass
class Input:
    """What is spent: 32 bytes in the order they are serialised, and a number."""

    txid: bytes
    vout: int
    sequence: int = 0xFFFFFFFD
    witness: list = field(default_factory=list)
    script_sig: bytes = b""

    @property
    def outpoint(self):
        """36 bytes."""
        return self.txid + self.vout.to_bytes(4, "little")


@dataclass
class Output:
    """Sat, and to whom."""

    value: int
    script: bytes

    def serialise(self):
        """As in a transaction."""
        return self.value.to_bytes(8, "little") + prefixed(self.script)


@dataclass
class Transaction:
    """As in a block."""

    version: int
    inputs: list
    outputs: list
    lock_time: int = 0

    def serialise(self, witness=True):
        """Its bytes, with or without witnesses."""
        out = self.version.to_bytes(4, "little") + (b"\x00\x01" if witness else b"")
        out += compact(len(self.inputs))
        for spent in self.inputs:
            out += spent.outpoint + prefixed(spent.script_sig) + spent.sequence.to_bytes(4, "little")
        out += compact(len(self.outputs)) + b"".join(paid.serialise() for paid in self.outputs)
        for spent in self.inputs if witness else []:
            out += compact(len(spent.witness)) + b"".join(map(prefixed, spent.witness))
        return out + self.lock_time.to_bytes(4, "little")

    @property
    def txid(self):
        """32 bytes in the order they are serialised; reversed, they are what people see."""
        return sha256(sha256(self.serialise(witness=False)))

    @property
    def weight(self):
        """In weight units."""
        return 3 * len(self.serialise(witness=False)) + len(self.serialise())

    def signature_hash(self, index, spent_outputs, leaf_hash=None):
        """BIP341 with SIGHASH_DEFAULT and no annex, by key path or for a leaf."""
        message = b"\x00\x00" + self.version.to_bytes(4, "little") + self.lock_time.to_bytes(4, "little")
        message += sha256(b"".join(spent.outpoint for spent in self.inputs))
        message += sha256(b"".join(paid.value.to_bytes(8, "little") for paid in spent_outputs))
        message += sha256(b"".join(prefixed(paid.script) for paid in spent_outputs))
        message += sha256(b"".join(spent.sequence.to_bytes(4, "little") for spent in self.inputs))
        message += sha256(b"".join(paid.serialise() for paid in self.outputs))
        message += b"\x00" if leaf_hash is None else b"\x02"
        message += index.to_bytes(4, "little")
        if leaf_hash is not None:
            message += leaf_hash + b"\x00" + b"\xff" * 4
        return tagged("TapSighash", message)


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError("transaction cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def compact(self):
        first = self.number(1)
        return first if first < 0xFD else self.number({0xFD: 2, 0xFE: 4, 0xFF: 8}[first])

    def prefixed(self):
        return self.take(self.compact())


def parse(data):
    """A transaction of bytes, with witnesses or without. ValueError when it is none."""
    reader = _Reader(data)
    version = reader.number(4)
    segwit = reader.data[reader.at : reader.at + 2] == b"\x00\x01"
    if segwit:
        reader.take(2)
    inputs = []
    for _ in range(reader.compact()):
        txid, vout, script = reader.take(32), reader.number(4), reader.prefixed()
        inputs.append(Input(txid, vout, reader.number(4), [], script))
    outputs = []
    for _ in range(reader.compact()):
        value = reader.number(8)
        outputs.append(Output(value, reader.prefixed()))
    for spent in inputs if segwit else []:
        spent.witness = [reader.prefixed() for _ in range(reader.compact())]
    lock_time = reader.number(4)
    if reader.at != len(data):
        raise ValueError("bytes behind the transaction")
    return Transaction(version, inputs, outputs, lock_time)
