"""spec/04-messages.md and spec/06-market.md: what a taker of an `out` writes and reads, and what it checks."""

from dataclasses import dataclass
from typing import NamedTuple, Optional

import cbor
import curve

NETWORKS = ("bitcoin", "testnet", "signet", "regtest")
DIRECTIONS = ("out", "in")
VARIANTS = ("open", "terms", "funded", "preimage", "key", "withdraw", "resume")
MAX_MONEY = 2_100_000_000_000_000
MAX_REFUND_DELTA = 432
MAX_OFFER = 1024
ACK = cbor.encode([0, []])


class Refused(Exception):
    """The other side said no: a code of section 5, and a sentence."""

    def __init__(self, code, text):
        super().__init__(f"refused ({code}): {text!r}")
        self.code = code


class Rate(NamedTuple):
    """A standing price."""

    base: int
    ppm: int
    min: int
    max: int

    def fee(self, amount):
        """Rounded up; negative pays the taker."""
        return self.base - (-amount * self.ppm // 1_000_000)


class Offer(NamedTuple):
    """As in messages.cddl."""

    network: str
    maker: bytes
    peer_id: str
    addresses: list
    sequence: int
    issued: int
    expires: int
    rate_out: Optional[Rate]
    rate_in: Optional[Rate]
    refund_delta_min: int
    refund_delta_max: int
    features: int
    nonce: int


class Quote(NamedTuple):
    """As in messages.cddl."""

    network: str
    maker: bytes
    direction: str
    amount: int
    maker_fee: int
    prepay: int
    refund_delta: int
    confirmations: int
    valid_until: int
    nonce: bytes
    external: bool


class PayerTerms(NamedTuple):
    """As in messages.cddl."""

    payment_hash: bytes
    claim_key: bytes
    internal_key: bytes
    confirmations: int


class FunderTerms(NamedTuple):
    """As in messages.cddl."""

    refund_key: bytes
    internal_key: bytes
    refund_height: int
    swap_invoice: str
    prepay_invoice: Optional[str]
    last_hop: Optional[bytes]


class Acceptance(NamedTuple):
    """As in messages.cddl."""

    swap_id: bytes
    quote_id: bytes
    payer: PayerTerms
    funder: Optional[FunderTerms]


@dataclass
class SignedQuote:
    """The bytes of the `signed` as they came, and its payload."""

    whole: list
    payload: bytes

    @property
    def id(self):
        """What an acceptance calls it."""
        return curve.sha256(self.payload)


def check(condition, why):
    """ValueError with `why` unless the condition holds."""
    if not condition:
        raise ValueError(why)


def fields(kind, items):
    """`items` as a `kind`: later versions' fields are dropped, absent ones are None."""
    check(isinstance(items, list), f"{kind.__name__} is no array")
    size = len(kind._fields)
    return kind(*(items + [None] * size)[:size])


def _named(names, number):
    check(isinstance(number, int) and 0 <= number < len(names), "unknown number")
    return names[number]


def _whole(number, low, high, what):
    check(type(number) is int and low <= number <= high, f"{what} out of range")


def _choice(data):
    value = cbor.decode(data)
    check(isinstance(value, list) and len(value) == 2 and isinstance(value[1], list), "not a choice")
    return value


def open_signed(data, tag, key):
    """The payload of a `signed` (bytes, or decoded), if `key` signed it under `tag`."""
    whole = cbor.decode(data) if isinstance(data, bytes) else data
    check(isinstance(whole, list) and len(whole) >= 2, "not signed")
    payload, signature = whole[:2]
    check(isinstance(payload, bytes) and isinstance(signature, bytes), "not signed")
    check(curve.verify(key[1:], curve.tagged(tag, payload), signature), f"wrong signature of a {tag}")
    return payload


# -- the book


def book_request(network, after=None):
    """The first page, or the one behind a maker's key."""
    request = [NETWORKS.index(network)]
    return cbor.encode(request if after is None else request + [after])


def read_book_reply(data):
    """Signed offers as bytes, and the key to go on behind."""
    value = cbor.decode(data)
    check(isinstance(value, list) and value and isinstance(value[0], list), "not a page")
    check(len(value[0]) <= 512, "too many offers")
    return value[0], value[1] if len(value) > 1 else None


def _rate(value):
    if value is None:
        return None
    rate = fields(Rate, value)
    _whole(rate.base, 0, MAX_MONEY, "base")
    _whole(rate.ppm, -1_000_000, 1_000_000, "ppm")
    check(0 < rate.min <= rate.max <= MAX_MONEY, "limits")
    return rate


def read_offer(data, network, now=None):
    """06, section 3, as far as it is about one offer. `now` None: whenever it was issued."""
    check(len(data) <= MAX_OFFER, "offer too long")
    payload = cbor.decode(data)[0]
    offer = fields(Offer, cbor.decode(payload))
    offer = offer._replace(network=_named(NETWORKS, offer.network))
    offer = offer._replace(rate_out=_rate(offer.rate_out), rate_in=_rate(offer.rate_in))
    curve.point(offer.maker)
    check(offer.peer_id.isascii() and offer.peer_id.isalnum() and len(offer.peer_id) <= 64, "peer id")
    check(len(offer.addresses) <= 8, "addresses")
    for address in offer.addresses:
        check(address.startswith("/") and 2 <= len(address) <= 128, "address")
        check(all("!" <= c <= "~" for c in address), "address")
    check(offer.issued < offer.expires <= offer.issued + 21_600, "lifetime")
    low = 1 if offer.network == "regtest" else 96
    check(low <= offer.refund_delta_min <= offer.refund_delta_max <= MAX_REFUND_DELTA, "refund delta")
    check(offer.network == network, "another network")
    if now is not None:
        check(offer.expires > now and offer.issued <= now + 600, "not now")
    work = 8 if network == "regtest" else 20
    digest = int.from_bytes(curve.tagged("cambista/1/offer", payload), "big")
    check(digest >> (256 - work) == 0, "no work in it")
    open_signed(data, "cambista/1/offer", offer.maker)
    return offer


# -- quotes


def quote_request(network, direction, amount):
    """For a funding by the node itself."""
    return cbor.encode([NETWORKS.index(network), DIRECTIONS.index(direction), amount, False])


def _refusal(items):
    check(items and isinstance(items[0], list) and len(items[0]) >= 2, "not a refusal")
    code, text = items[0][:2]
    _whole(code, 0, 8, "refusal code")
    raise Refused(code, text)


def read_quote_reply(data):
    """The signed quote, not checked yet. Refused, or ValueError."""
    variant, items = _choice(data)
    if variant == 1:
        _refusal(items)
    check(variant == 0 and items and isinstance(items[0], list), "unknown reply")
    return SignedQuote(items[0], items[0][0])


def read_quote(signed, maker):
    """Section 4: signature and ranges."""
    open_signed(signed.whole, "cambista/1/quote", maker)
    quote = fields(Quote, cbor.decode(signed.payload))
    quote = quote._replace(
        network=_named(NETWORKS, quote.network), direction=_named(DIRECTIONS, quote.direction)
    )
    check(quote.maker == maker, "a quote in another's name")
    check(0 < quote.amount <= MAX_MONEY and 0 <= quote.prepay <= MAX_MONEY, "amounts")
    if quote.direction == "out":
        check(quote.amount + quote.maker_fee - quote.prepay > 0, "swap invoice")
    else:
        check(quote.prepay == 0 and quote.amount - quote.maker_fee > 0, "swap invoice")
    check(0 < quote.refund_delta <= MAX_REFUND_DELTA, "refund delta")
    check(isinstance(quote.nonce, bytes) and len(quote.nonce) == 16, "nonce")
    return quote


# -- swaps


def open_swap(swap_id, signed_quote, payer=None):
    """"Open" of an `out`, or, without the payer's terms, of an `in`."""
    terms = [] if payer is None else [list(payer)]
    return cbor.encode([VARIANTS.index("open"), [swap_id, signed_quote.whole, *terms]])


def swap_message(name, *items):
    """Any other: the swap id, and what there is to say."""
    return cbor.encode([VARIANTS.index(name), list(items)])


def read_swap_request(data):
    """Name and fields, the first of which is a swap id."""
    variant, items = _choice(data)
    name = _named(VARIANTS, variant)
    least = 1 if name in ("withdraw", "resume") else 2
    check(len(items) >= least and all(isinstance(item, bytes) for item in items[:1]), "fields missing")
    return name, items


def read_swap_reply(data):
    """None for "ack", the `signed` of an acceptance, or Refused."""
    variant, items = _choice(data)
    if variant == 1:
        _refusal(items)
    if variant == 0:
        return None
    check(variant == 2 and items and isinstance(items[0], list), "unknown reply")
    return items[0]


def read_acceptance(signed, maker):
    """Signature and form."""
    payload = open_signed(signed, "cambista/1/accept", maker)
    check(len(payload) <= 8192, "acceptance too long")
    read = fields(Acceptance, cbor.decode(payload))
    payer = fields(PayerTerms, read.payer)
    funder = None if read.funder is None else fields(FunderTerms, read.funder)
    return read._replace(payer=payer, funder=funder)


def refusal(code, text):
    """The reply to what is refused."""
    return cbor.encode([1, [[code, text]]])
