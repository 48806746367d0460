"""spec/01-contract.md: the output, and the secret that spends it by key path."""

from dataclasses import dataclass

import bech32
import curve
from curve import G, N
from ripemd160 import ripemd160


def key_agg(keys):
    """BIP327's aggregation of 33-byte keys in the order given: the coefficient of each, and Q."""
    all_keys = curve.tagged("KeyAgg list", b"".join(keys))
    second = next((key for key in keys if key != keys[0]), None)

    def coefficient(key):
        if key == second:
            return 1
        return int.from_bytes(curve.tagged("KeyAgg coefficient", all_keys + key), "big") % N

    coefficients = [coefficient(key) for key in keys]
    total = None
    for key, factor in zip(keys, coefficients):
        total = curve.add(total, curve.multiply(curve.point(key), factor))
    if total is None or 0 in coefficients:
        raise ValueError("the keys cancel each other out")
    return coefficients, total


def push(data):
    """`data` as a script pushes it (at most 75 bytes)."""
    return bytes([len(data)]) + data


def push_number(number):
    """A positive number as a script pushes it, minimally."""
    if 1 <= number <= 16:
        return bytes([0x50 + number])
    return push(number.to_bytes(number.bit_length() // 8 + 1, "little"))


def leaf_hash(script):
    """BIP341's hash of a leaf of version c0, for scripts under 253 bytes."""
    return curve.tagged("TapLeaf", b"\xc0" + push(script))


@dataclass(frozen=True)
class Contract:
    """The six terms of section 1, in bytes; the refund height a number."""

    payment_hash: bytes
    refund_height: int
    payer_claim: bytes
    payer_internal: bytes
    funder_refund: bytes
    funder_internal: bytes

    @property
    def internal(self):
        """Q."""
        return key_agg(sorted([self.payer_internal, self.funder_internal]))[1]

    @property
    def claim_script(self):
        """The payer's leaf."""
        key = curve.x_only(curve.point(self.payer_claim))
        hashed = b"\x82" + push(b"\x20") + b"\x88\xa9" + push(ripemd160(self.payment_hash))
        return push(key) + b"\xad" + hashed + b"\x88\x51\xb2"

    @property
    def refund_script(self):
        """The funder's leaf."""
        key = curve.x_only(curve.point(self.funder_refund))
        return push(key) + b"\xad" + push_number(self.refund_height) + b"\xb1"

    @property
    def leaf_hashes(self):
        """Of the claim and of the refund leaf."""
        return leaf_hash(self.claim_script), leaf_hash(self.refund_script)

    @property
    def merkle_root(self):
        """Of the tree of both leaves."""
        return curve.tagged("TapBranch", b"".join(sorted(self.leaf_hashes)))

    @property
    def tweak(self):
        """t. ValueError when the terms are to be refused."""
        t = int.from_bytes(curve.tagged("TapTweak", curve.x_only(self.internal) + self.merkle_root), "big")
        if t >= N:
            raise ValueError("no tweak")
        return t

    @property
    def output(self):
        """The output point."""
        found = curve.add(curve.lift_x(self.internal[0]), curve.multiply(G, self.tweak))
        if found is None:
            raise ValueError("no output key")
        return found

    @property
    def script_pubkey(self):
        """34 bytes."""
        return b"\x51" + push(curve.x_only(self.output))

    def address(self, network):
        """Where the funder pays to."""
        return bech32.taproot_address(network, curve.x_only(self.output))

    def control_block(self, claim):
        """For the claim leaf, or the refund leaf: names the other one."""
        parity = 0xC0 + self.output[1] % 2
        return bytes([parity]) + curve.x_only(self.internal) + self.leaf_hashes[1 if claim else 0]

    def key_path_secret(self, payer_secret, funder_secret):
        """Section 5: d_out of the two internal secrets (numbers). ValueError when one is not the agreed key's."""
        known = {self.payer_internal: payer_secret, self.funder_internal: funder_secret}
        for key, number in ((self.payer_internal, payer_secret), (self.funder_internal, funder_secret)):
            if not 0 < number < N or curve.public(number) != key:
                raise ValueError("not the secret of the agreed key")
        keys = sorted([self.payer_internal, self.funder_internal])
        coefficients, total = key_agg(keys)
        d = sum(factor * known[key] for key, factor in zip(keys, coefficients)) % N
        even = d if total[1] % 2 == 0 else N - d
        return (even + self.tweak) % N
