"""spec/02-swap.md, "Agreeing": what the payer of an `out` proposes, and what it takes for an answer."""

import os
from dataclasses import dataclass

import bolt11
import curve
import timelocks
from contract import Contract
from messages import PayerTerms, check


@dataclass
class Secrets:
    """What the payer draws for one swap."""

    swap_id: bytes
    preimage: bytes
    claim: int
    internal: int

    @classmethod
    def draw(cls):
        """Fresh ones."""
        claim, internal = curve.secret(os.urandom(32)), curve.secret(os.urandom(32))
        return cls(os.urandom(32), os.urandom(32), claim, internal)

    def terms(self, confirmations):
        """What the other side is told of them."""
        keys = curve.public(self.claim), curve.public(self.internal)
        return PayerTerms(curve.sha256(self.preimage), *keys, confirmations)


# A funding and a refund (vB), of which a prepay may cost three times the fee.
PREPAY_VSIZE = 154 + 138


def check_quote(quote, network, amount, confirmations, rate, now):
    """Whether the quote is what was asked for, and can be worked with at `rate` sat/vB."""
    check((quote.network, quote.direction, quote.amount) == (network, "out", amount), "another swap")
    check(not quote.external, "an out is never funded from outside")
    check(quote.prepay <= min(quote.amount // 5, 3 * PREPAY_VSIZE * rate), "prepay too high")
    check(quote.valid_until > now, "quote expired")
    check(timelocks.hold(quote.refund_delta, confirmations, network), "timelocks do not hold")


def _check_invoice(text, quote, amount_sat, now):
    invoice = bolt11.decode(text)
    check(invoice.network == quote.network, "invoice of another network")
    check(invoice.amount_msat == amount_sat * 1000, "invoice of another amount")
    check(invoice.final_delta == timelocks.invoice_delta(quote.refund_delta), "invoice of another delta")
    check(invoice.timestamp + invoice.expiry > now, "invoice expired")
    check(invoice.payee == quote.maker, "invoice of another node")
    return invoice


def check_acceptance(accepted, signed_quote, quote, secrets, payer, height, now):
    """The contract, if the maker promised exactly what this side computes."""
    check(accepted.swap_id == secrets.swap_id, "another swap's acceptance")
    check(accepted.quote_id == signed_quote.id, "another quote's acceptance")
    check(accepted.payer == payer, "other terms than ours")
    funder = accepted.funder
    check(funder is not None, "the funder's terms are missing")
    keys = (payer.claim_key, payer.internal_key, funder.refund_key, funder.internal_key)
    check(len({key[1:] for key in keys}) == 4, "a key is used twice")
    check(timelocks.refund_height_fits(funder.refund_height, height, quote.refund_delta), "refund height")

    swap_sat = quote.amount + quote.maker_fee - quote.prepay
    swap_invoice = _check_invoice(funder.swap_invoice, quote, swap_sat, now)
    check(swap_invoice.payment_hash == payer.payment_hash, "invoice of another hash")
    check((funder.prepay_invoice is not None) == (quote.prepay > 0), "prepay invoice")
    if funder.prepay_invoice is not None:
        prepay_invoice = _check_invoice(funder.prepay_invoice, quote, quote.prepay, now)
        check(prepay_invoice.payment_hash != payer.payment_hash, "prepay on the same hash")
    return Contract(
        payer.payment_hash,
        funder.refund_height,
        payer.claim_key,
        payer.internal_key,
        funder.refund_key,
        funder.internal_key,
    )
