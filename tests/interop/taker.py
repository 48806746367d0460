"""A taker of one `out`, written from spec/ alone. Prints what happens as lines of JSON; exits 0 when all of it fits."""

import argparse
import json
import sys
import time

import agreement
import bech32
import curve
import messages
import spend
import timelocks
import transaction
from messages import ACK, check
from peer import Peer
from rpc import Bitcoind, Failed, Lightning

BOOK, QUOTE, SWAP = "/cambista/book/1", "/cambista/quote/1", "/cambista/swap/1"
PATIENCE = 60


def say(event, **facts):
    """One line."""
    print(json.dumps({"event": event, **facts}), flush=True)


def wait_for(what, look, patience=PATIENCE):
    """The first answer of `look` that is not None."""
    deadline = time.time() + patience
    while time.time() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {patience} s for {what}")


def best_offer(peer, network, amount):
    """The whole book of a peer, and of it the cheapest offer for `amount`."""
    found, after = [], None
    while True:
        offers, more = messages.read_book_reply(peer.request(BOOK, messages.book_request(network, after)))
        found += [messages.read_offer(offer, network, time.time()) for offer in offers]
        check(more is None or after is None or more > after, "the book does not go on")
        if more is None:
            break
        after = more
    usable = [o for o in found if o.rate_out and o.rate_out.min <= amount <= o.rate_out.max]
    check(usable, "no offer for this amount")
    say("book", offers=len(found), usable=len(usable))
    return min(usable, key=lambda offer: offer.rate_out.fee(amount))


class Taker:
    """One swap."""

    def __init__(self, args):
        self.args = args
        self.chain = Bitcoind(args.bitcoind, args.cookie)
        self.lightning = Lightning(args.lightning)
        self.script = bech32.script_pubkey(args.network, args.destination)
        self.secrets = agreement.Secrets.draw()
        self.fundings, self.handed, self.withdrawn = [], None, False

    def hear(self, data):
        """Answers what the maker says. Every message may come twice, and a funding in several versions."""
        name, items = messages.read_swap_request(data)
        if items[0] != self.secrets.swap_id:
            return messages.refusal(7, "swap unknown")
        say("heard", name=name)
        try:
            if name == "funded":
                self.fundings.append(self.read_funding(items[1]))
            elif name == "key":
                self.handed = curve.secret(items[1])
        except ValueError as why:
            say("distrusted", why=str(why))
            return messages.refusal(6, str(why))
        if name in ("funded", "key"):
            return ACK
        if name != "withdraw":
            return messages.refusal(7, "not for a payer")
        self.withdrawn = True
        return ACK

    def heard(self, what, look):
        """Waits for what the maker says, on a new connection where the old one has gone."""

        def found():
            check(not self.withdrawn, "the maker gave up")
            if not self.maker.connected:
                self.call_again()
            return look()

        return wait_for(what, found)

    def call_again(self):
        """From another peer id: who knows the swap id is the other party."""
        self.maker = Peer(self.address, self.args.network, self.hear)
        say("connected", peer=self.maker.peer_id)
        self.tell("resume")

    def tell(self, name, *items):
        """Says something about the swap; "ack" is the only answer taken."""
        if not self.maker.connected:
            self.call_again()
        data = messages.swap_message(name, self.secrets.swap_id, *items)
        check(messages.read_swap_reply(self.maker.request(SWAP, data)) is None, "not acknowledged")
        say("told", name=name)

    def run(self):
        """From the book to the end."""
        args = self.args
        self.find_maker()
        self.agree()
        if args.decline:
            self.tell("key", self.secrets.internal.to_bytes(32, "big"))
            say("declined")
            return
        self.pay()
        if args.hang_up or args.alone:
            self.maker.close()
        if not args.alone:
            self.wait_funding()
        wait_for("the confirmations", self.confirmed)
        if args.cycle is not None:
            self.cycle()
            return
        if args.abort:
            self.tell("key", self.secrets.internal.to_bytes(32, "big"))
            say("aborted")
            return
        self.reveal()
        if args.alone:
            self.bury(self.leaf)
            return
        self.tell("preimage", self.secrets.preimage)
        own = self.secrets.internal
        self.bury(self.by_key(own, self.heard("the maker's key", lambda: self.handed)))
        self.tell("key", own.to_bytes(32, "big"))

    def find_maker(self):
        """Reads the book and gets a quote of the cheapest."""
        args = self.args
        first = Peer(args.peer, args.network, self.hear)
        version, protocols = first.identify()
        check(version == f"cambista/1/{args.network}", f"a peer of {version}")
        check({BOOK, QUOTE, SWAP} <= set(protocols), f"the peer speaks {protocols}")
        self.offer = best_offer(first, args.network, args.amount)
        self.address = f"{self.offer.addresses[0]}/p2p/{self.offer.peer_id}"
        self.maker = first
        if self.offer.peer_id != first.peer_id:
            self.maker = Peer(self.address, args.network, self.hear)
        say("connected", peer=self.maker.peer_id, maker=self.offer.maker.hex())

    def agree(self):
        """A quote, terms, and the contract of both."""
        args = self.args
        request = messages.quote_request(args.network, "out", args.amount)
        self.signed_quote = messages.read_quote_reply(self.maker.request(QUOTE, request, 10))
        self.quote = messages.read_quote(self.signed_quote, self.offer.maker)
        quote, asked = self.quote, (args.network, args.amount, args.confirmations)
        agreement.check_quote(quote, *asked, args.fee_rate, time.time())
        say("quoted", maker_fee=quote.maker_fee, prepay=quote.prepay, refund_delta=quote.refund_delta)

        payer = self.secrets.terms(args.confirmations)
        data = messages.open_swap(self.secrets.swap_id, self.signed_quote, payer)
        signed = messages.read_swap_reply(self.maker.request(SWAP, data))
        check(signed is not None, "acknowledged instead of accepted")
        again = messages.read_swap_reply(self.maker.request(SWAP, data))
        check(again == signed, "asked again, the maker answered something else")
        self.accepted = messages.read_acceptance(signed, quote.maker)
        height = self.chain.height
        self.contract = agreement.check_acceptance(
            self.accepted, self.signed_quote, quote, self.secrets, payer, height, time.time()
        )
        say(
            "agreed",
            address=self.contract.address(args.network),
            payment_hash=payer.payment_hash.hex(),
            refund_height=self.contract.refund_height,
        )

    def pay(self):
        """Both invoices, which the maker holds until it learns R."""
        funder = self.accepted.funder
        for invoice in (funder.prepay_invoice, funder.swap_invoice):
            if invoice is not None:
                self.lightning.pay(invoice, self.args.max_routing_fee)
        say("paying")

    def read_funding(self, raw):
        """The transaction and the output's number, if it pays the contract."""
        tx = transaction.parse(raw)
        wanted = transaction.Output(self.quote.amount, self.contract.script_pubkey)
        check(wanted in tx.outputs, "the funding does not pay the contract")
        return tx, tx.outputs.index(wanted)

    def wait_funding(self):
        """The maker says what it sent."""
        tx, vout = self.heard("the funding", lambda: self.fundings[-1] if self.fundings else None)
        say("funded", txid=tx.txid[::-1].hex(), vout=vout)

    def confirmed(self):
        """The output, of whatever version of the funding, once the chain says it is deep enough."""
        told = [(tx.txid, vout) for tx, vout in self.fundings]
        for txid, vout in told or self.chain.find(self.contract.script_pubkey):
            found = self.chain.unspent(txid[::-1].hex(), vout)
            if found is None:
                continue
            value, script, confirmations = found
            fits = (value, script) == (self.quote.amount, self.contract.script_pubkey)
            if fits and confirmations >= self.args.confirmations:
                self.outpoint = txid, vout
                return self.outpoint
        return None

    def reveal(self):
        """Decides to give R away when all of spec/02 allows it; the claim that needs nobody is ready then."""
        args, contract = self.args, self.contract
        check(self.chain.height <= contract.refund_height - timelocks.REVEAL_MARGIN, "too late to reveal")
        check(self.chain.tip_age() < 3600, "the tip is old")
        swap_hash = self.secrets.terms(0).payment_hash
        check(self.lightning.in_flight(swap_hash), "the payment is not in flight")
        own = (self.secrets.claim, self.secrets.preimage)
        self.leaf = spend.by_claim_leaf(
            contract, self.outpoint, self.quote.amount, self.script, args.fee_rate, *own
        )
        fee = self.quote.amount - self.leaf.outputs[0].value
        check(fee <= self.quote.amount // 5, "too dear to claim")
        self.chain.test(self.leaf)

    def cycle(self):
        """Keeps R until the maker takes its coins back, and throws that out with a claim that spends a coin beside it:
        whoever spends the coin again throws the claim out, and with it R."""
        say("waiting", txid=self.outpoint[0][::-1].hex(), vout=self.outpoint[1])
        self.maker.close()
        args, contract = self.args, self.contract
        refund = wait_for("the refund", lambda: self.chain.spender(*self.outpoint))
        txid, vout, value, script = args.cycle.split(":")
        script = bytes.fromhex(script)
        coin = transaction.Input(bytes.fromhex(txid)[::-1], int(vout), 0xFFFFFFFD, [script])
        paid = transaction.Output(int(value), b"\x00\x20" + curve.sha256(script))
        own = (self.secrets.claim, self.secrets.preimage)
        claim = spend.by_claim_leaf(
            contract,
            self.outpoint,
            self.quote.amount,
            self.script,
            args.fee_rate,
            *own,
            with_coin=(coin, paid, int(value) // 6),
        )
        self.chain.send_raw(claim.serialise().hex())
        if args.cycle_out is not None:
            self.chain.send_raw(args.cycle_out)
        say("cycled", refund=refund, claim=claim.txid[::-1].hex())

    def by_key(self, own, handed):
        """The spend by key path, with the maker's key."""
        args = self.args
        return spend.by_key(
            self.contract, self.outpoint, self.quote.amount, self.script, args.fee_rate, own, handed
        )

    def bury(self, tx):
        """Sends the claim, and waits until it is final."""
        self.chain.test(tx)
        txid = self.chain.send(tx)
        check(txid == tx.txid[::-1].hex(), "bitcoind calls it otherwise")
        say("claimed", txid=txid, received=tx.outputs[0].value, weight=tx.weight)

        def buried():
            found = self.chain.unspent(txid, 0)
            return found if found and found[2] >= timelocks.REORG_DEPTH else None

        wait_for("the claim to be buried", buried)
        say("done", received=tx.outputs[0].value)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="regtest")
    parser.add_argument("--peer", required=True, help="multiaddress of a node")
    parser.add_argument("--lightning", required=True, help="data folder of the node that pays")
    parser.add_argument("--max-routing-fee", type=int, default=0, help="sat for each payment")
    parser.add_argument("--bitcoind", required=True, help="URL of its RPC")
    parser.add_argument("--cookie", required=True, help="path of its cookie file")
    parser.add_argument("--amount", type=int, required=True, help="sat")
    parser.add_argument("--destination", required=True, help="address")
    parser.add_argument("--confirmations", type=int, default=2)
    parser.add_argument("--fee-rate", type=int, default=3, help="sat/vB")
    parser.add_argument("--hang-up", action="store_true", help="be away while the maker funds")
    parser.add_argument("--alone", action="store_true", help="say and hear nothing after paying")
    parser.add_argument("--decline", action="store_true", help="give the key away before paying anything")
    parser.add_argument("--abort", action="store_true", help="give the key away instead of R")
    parser.add_argument("--cycle", help="TXID:VOUT:SAT:SCRIPT of a coin anybody can spend: replace the refund with it")
    parser.add_argument("--cycle-out", help="a transaction (hex) that spends that coin again, sent at once")
    args = parser.parse_args()
    try:
        Taker(args).run()
    except (ValueError, OSError, Failed, messages.Refused) as why:
        say("failed", why=f"{type(why).__name__}: {why}")
        sys.exit(1)


if __name__ == "__main__":
    main()
