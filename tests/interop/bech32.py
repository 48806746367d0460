"""Bech32 and bech32m (BIP173, BIP350)."""

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
BECH32, BECH32M = 1, 0x2BC830A3
PREFIX = {"bitcoin": "bc", "testnet": "tb", "signet": "tb", "regtest": "bcrt"}


def _polymod(words):
    state = 1
    for word in words:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ word
        for i, generator in enumerate(_GENERATOR):
            state ^= generator if top >> i & 1 else 0
    return state


def _expand(prefix):
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def regroup(words, size_in, size_out, pad):
    """Bits in groups of `size_in` to groups of `size_out`; what is left over is padded or dropped."""
    held, bits, out = 0, 0, []
    for word in words:
        held, bits = held << size_in | word, bits + size_in
        while bits >= size_out:
            bits -= size_out
            out.append(held >> bits & ((1 << size_out) - 1))
        held &= (1 << bits) - 1
    if pad and bits:
        out.append(held << (size_out - bits) & ((1 << size_out) - 1))
    return out


def encode(prefix, words, kind):
    """Text of 5-bit words."""
    check = _polymod(_expand(prefix) + words + [0] * 6) ^ kind
    words = words + [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(_LETTERS[word] for word in words)


def decode(text):
    """Prefix, 5-bit words and kind. ValueError when the checksum is wrong."""
    if text.lower() != text and text.upper() != text:
        raise ValueError("mixed case")
    prefix, found, data = text.lower().rpartition("1")
    if not found or not prefix or len(data) < 6:
        raise ValueError("not bech32")
    words = [_LETTERS.find(c) for c in data]
    kind = _polymod(_expand(prefix) + words)
    if -1 in words or kind not in (BECH32, BECH32M):
        raise ValueError("not bech32, or mistyped")
    return prefix, words[:-6], kind


def taproot_address(network, key):
    """The address of a 32-byte output key."""
    return encode(PREFIX[network], [1] + regroup(key, 8, 5, True), BECH32M)


def script_pubkey(network, address):
    """The script of a segwit address of `network`. ValueError for any other."""
    prefix, words, kind = decode(address)
    program = bytes(regroup(words[1:], 5, 8, False))
    version = words[0]
    if prefix != PREFIX[network] or version > 16 or kind != (BECH32M if version else BECH32):
        raise ValueError("not an address of this network")
    if not 2 <= len(program) <= 40:
        raise ValueError("not a witness program")
    return bytes([version + 0x50 if version else 0, len(program)]) + program
