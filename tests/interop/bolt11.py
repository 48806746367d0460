"""BOLT11: what an invoice says, and who signed it."""

from dataclasses import dataclass
from typing import Optional

import bech32
import curve
from bech32 import regroup

_PREFIX = {"bitcoin": "bc", "testnet": "tb", "signet": "tbs", "regtest": "bcrt"}
# Millisatoshis (times ten, for pico) of one unit.
_UNIT = {"": 10**12, "m": 10**9, "u": 10**6, "n": 10**3, "p": 1}
_SIGNATURE_WORDS = 104


@dataclass
class Invoice:
    """The fields a swap looks at."""

    network: str
    amount_msat: Optional[int]
    timestamp: int
    expiry: int
    payment_hash: bytes
    final_delta: int
    payee: bytes


def _number(words):
    value = 0
    for word in words:
        value = value << 5 | word
    return value


def _amount(text):
    if not text:
        return None
    unit = text[-1] if text[-1] in _UNIT else ""
    digits = text[: len(text) - len(unit)]
    if not digits.isdigit() or digits.startswith("0"):
        raise ValueError("amount")
    tenths = int(digits) * _UNIT[unit]
    if tenths % 10:
        raise ValueError("less than a millisatoshi")
    return tenths // 10


def decode(text):
    """Reads an invoice and recovers its payee. ValueError when it is not well formed."""
    prefix, words, kind = bech32.decode(text)
    if kind != bech32.BECH32 or not prefix.startswith("ln") or len(words) < 7 + _SIGNATURE_WORDS:
        raise ValueError("not an invoice")
    # The longest name of a network first: "bcrt" begins as "bc" does.
    for network in sorted(_PREFIX, key=lambda name: -len(_PREFIX[name])):
        if prefix[2:].startswith(_PREFIX[network]):
            break
    else:
        raise ValueError("unknown network")
    amount = _amount(prefix[2 + len(_PREFIX[network]) :])

    signed, signature = words[:-_SIGNATURE_WORDS], words[-_SIGNATURE_WORDS:]
    signature = bytes(regroup(signature, 5, 8, False))
    message = curve.sha256(prefix.encode() + bytes(regroup(signed, 5, 8, True)))
    payee = curve.recover(message, signature[:64], signature[64])

    fields, at = {}, 7
    while at < len(signed):
        if at + 3 > len(signed):
            raise ValueError("field cut off")
        tag, size = signed[at], _number(signed[at + 1 : at + 3])
        data = signed[at + 3 : at + 3 + size]
        if len(data) != size:
            raise ValueError("field cut off")
        fields.setdefault(tag, data)
        at += 3 + size
    payment_hash = bytes(regroup(fields.get(1, []), 5, 8, False))
    if len(payment_hash) != 32:
        raise ValueError("no payment hash")
    named = fields.get(19)
    if named is not None and bytes(regroup(named, 5, 8, False)) != payee:
        raise ValueError("signed by another than it names")
    return Invoice(
        network=network,
        amount_msat=amount,
        timestamp=_number(signed[:7]),
        expiry=_number(fields[6]) if 6 in fields else 3600,
        payment_hash=payment_hash,
        final_delta=_number(fields[24]) if 24 in fields else 18,
        payee=payee,
    )
