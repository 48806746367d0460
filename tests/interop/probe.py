"""Asks a maker for what the specification refuses, and checks that it is refused as specified."""

import argparse
import os
import time

import agreement
import cbor
import messages
import yamux
from messages import VARIANTS, Refused, check
from peer import Peer

BOOK, QUOTE, SWAP = "/cambista/book/1", "/cambista/quote/1", "/cambista/swap/1"


def refused(what, code, ask):
    """Checks that `ask` is refused with `code`."""
    try:
        ask()
    except Refused as why:
        check(why.code == code, f"{what}: {why}, expected code {code}")
        print(f"{what}: refused ({code})", flush=True)
        return
    raise ValueError(f"{what} was not refused")


class Probe:
    """One connection to a maker."""

    def __init__(self, address):
        self.address = address
        self.peer = self.call()
        offers, _ = messages.read_book_reply(self.peer.request(BOOK, messages.book_request("regtest")))
        read = [messages.read_offer(offer, "regtest", time.time()) for offer in offers]
        self.last = max(offer.maker for offer in read)
        self.offer = next(offer for offer in read if offer.peer_id == self.peer.peer_id)

    def call(self, network="regtest"):
        """A new connection, from a new peer id."""
        return Peer(self.address, network, lambda data: messages.ACK)

    def quote(self, data):
        """What the maker replies to these bytes."""
        return messages.read_quote_reply(self.peer.request(QUOTE, data))

    def swap(self, data):
        """What the maker replies to these bytes."""
        return messages.read_swap_reply(self.peer.request(SWAP, data))

    def run(self):
        """Everything."""
        self.books()
        self.quotes()
        self.strangers()
        self.openings()
        self.other_way()
        self.transport()

    def books(self):
        """Pages of the book."""
        behind = messages.book_request("regtest", self.last)
        for request in (messages.book_request("bitcoin"), behind):
            offers, more = messages.read_book_reply(self.peer.request(BOOK, request))
            check(offers == [] and more is None, "an offer where there can be none")

    def quotes(self):
        """Requests for quotes."""
        rate = self.offer.rate_out
        for what, code, data in (
            ("noise", 0, b"\xff\x00\x13"),
            ("a cut request", 0, messages.quote_request("regtest", "out", rate.min)[:-1]),
            ("a request and more", 0, messages.quote_request("regtest", "out", rate.min) + b"\x00"),
            ("an unknown direction", 0, cbor.encode([3, 2, rate.min, False])),
            ("an unknown network", 0, cbor.encode([4, 0, rate.min, False])),
            ("another network", 1, messages.quote_request("bitcoin", "out", rate.min)),
            ("too little", 2, messages.quote_request("regtest", "out", rate.min - 1)),
            ("too much", 2, messages.quote_request("regtest", "out", rate.max + 1)),
        ):
            refused(what, code, lambda data=data: self.quote(data))
        # A field of a later version, whatever is in it, changes nothing.
        later = cbor.encode([3, 0, rate.min, False, [[None, "later", [b"", -7]], 5]])
        messages.read_quote(self.quote(later), self.offer.maker)

    def strangers(self):
        """Messages about swaps there are none of."""
        nobody = os.urandom(32)
        for name, items in (
            ("preimage", [bytes(32)]),
            ("key", [bytes(31) + b"\x01"]),
            ("withdraw", []),
            ("resume", []),
        ):
            data = messages.swap_message(name, nobody, *items)
            refused(f"{name} of no swap", 7, lambda data=data: self.swap(data))
        unknown = cbor.encode([len(VARIANTS), [nobody]])
        refused("an unknown message", 0, lambda: self.swap(unknown))

    def fresh_quote(self):
        """A quote nobody used yet."""
        return self.quote(messages.quote_request("regtest", "out", self.offer.rate_out.min))

    def openings(self):
        """Quotes and terms that do not fit."""
        signed = self.fresh_quote()
        secrets = agreement.Secrets.draw()
        terms = secrets.terms(2)
        wrong = bytes([signed.whole[1][0] ^ 1]) + signed.whole[1][1:]
        other = messages.SignedQuote([signed.payload[:-1] + b"\xf5", wrong], signed.payload)
        forged = messages.open_swap(secrets.swap_id, other, terms)
        refused("a quote it did not give", 5, lambda: self.swap(forged))
        opening = messages.open_swap(secrets.swap_id, signed, terms)
        first = self.swap(opening)
        check(self.swap(opening) == first, "the same again got another answer")
        messages.read_acceptance(first, self.offer.maker)
        elsewhere = messages.open_swap(os.urandom(32), signed, agreement.Secrets.draw().terms(2))
        refused("a used quote", 5, lambda: self.swap(elsewhere))
        changed = messages.open_swap(secrets.swap_id, signed, agreement.Secrets.draw().terms(2))
        refused("other terms for the same swap", 7, lambda: self.swap(changed))
        twice = messages.open_swap(os.urandom(32), self.fresh_quote(), terms)
        refused("a hash and keys used before", 6, lambda: self.swap(twice))
        key = agreement.Secrets.draw().terms(2).claim_key
        for what, changes in (
            ("one key twice", {"claim_key": key, "internal_key": key}),
            ("no confirmations", {"confirmations": 0}),
            ("too many confirmations", {"confirmations": 13}),
        ):
            terms = agreement.Secrets.draw().terms(2)._replace(**changes)
            data = messages.open_swap(os.urandom(32), self.fresh_quote(), terms)
            refused(what, 6, lambda data=data: self.swap(data))
        off_curve = agreement.Secrets.draw().terms(2)._replace(claim_key=b"\x02" + b"\xff" * 32)
        data = messages.open_swap(os.urandom(32), self.fresh_quote(), off_curve)
        refused("a key off the curve", 0, lambda: self.swap(data))

    def rate_in(self):
        """What it asks for an `in`. It offers that as soon as it has something to send over Lightning."""
        deadline = time.time() + 120
        while time.time() < deadline:
            offers, _ = messages.read_book_reply(self.peer.request(BOOK, messages.book_request("regtest")))
            read = [messages.read_offer(offer, "regtest", time.time()) for offer in offers]
            own = [offer.rate_in for offer in read if offer.peer_id == self.peer.peer_id]
            if own and own[0] is not None:
                return own[0]
            time.sleep(0.5)
        raise ValueError("the maker offers no `in`")

    def other_way(self):
        """An `in`, as far as the payer's terms."""
        amount = self.rate_in().min
        signed = self.quote(messages.quote_request("regtest", "in", amount))
        quote = messages.read_quote(signed, self.offer.maker)
        check((quote.direction, quote.amount) == ("in", amount), "another swap")
        swap_id, key = os.urandom(32), agreement.Secrets.draw().terms(2)
        opening = messages.open_swap(swap_id, signed)
        with_terms = messages.open_swap(swap_id, signed, key)
        refused("payer's terms from a funder", 6, lambda: self.swap(with_terms))
        first = self.swap(opening)
        again = self.swap(opening)
        # Nothing is agreed yet, and the maker may sign anew.
        check(again[0] == first[0], "the same again got another answer")
        accepted = messages.read_acceptance(first, self.offer.maker)
        check((accepted.swap_id, accepted.quote_id) == (swap_id, signed.id), "another swap accepted")
        check(accepted.funder is None, "the funder's terms from nowhere")
        check(accepted.payer.confirmations == quote.confirmations, "other confirmations than quoted")
        wrong = [key.claim_key, key.internal_key, 300, "lnbcrt1nothing"]
        terms = messages.swap_message("terms", swap_id, wrong)
        refused("an invoice that is none", 6, lambda: self.swap(terms))

    def transport(self):
        """Frames too long, and peers of another network."""
        try:
            self.peer.request(QUOTE, bytes(4097))
        except yamux.Closed:
            pass
        else:
            raise ValueError("a frame above the limit was answered")
        check(self.peer.connected, "the connection ended with the stream")
        self.fresh_quote()
        stranger = self.call("bitcoin")
        deadline = time.time() + 120
        while stranger.connected and time.time() < deadline:
            time.sleep(0.1)
        check(not stranger.connected, "a peer of another network may stay")
        print("a peer of another network: sent away", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="multiaddress of a maker on regtest")
    Probe(parser.parse_args().peer).run()
