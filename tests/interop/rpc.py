"""The two programs this taker leans on: a bitcoind, and a node that holds its Lightning balance."""

import base64
import decimal
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

# The servers are on this machine, whatever proxy is set.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """A call was refused."""


def _call(url, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return json.loads(answer.read(), parse_float=decimal.Decimal)
    except urllib.error.HTTPError as why:
        raise Failed(f"{url}: {why.code}: {why.read().decode(errors='replace')}") from None


class Bitcoind:
    """The own view of the chain."""

    def __init__(self, url, cookie):
        """`cookie` is the path of its cookie file."""
        self._url, self._cookie = url, pathlib.Path(cookie)

    def call(self, method, *params):
        """One RPC."""
        login = base64.b64encode(self._cookie.read_bytes().strip()).decode()
        body = {"jsonrpc": "1.0", "id": 0, "method": method, "params": params}
        return _call(self._url, {"Authorization": f"Basic {login}"}, body)["result"]

    @property
    def height(self):
        """Of the tip."""
        return self.call("getblockcount")

    def tip_age(self):
        """Seconds since the time in the tip's header."""
        tip = self.call("getblockheader", self.call("getbestblockhash"))
        return time.time() - tip["time"]

    def unspent(self, txid, vout):
        """Value (sat), script and confirmations of an output nothing spends, or None. `txid` as people see it."""
        found = self.call("gettxout", txid, vout, True)
        if found is None:
            return None
        value = int(found["value"] * 100_000_000)
        return value, bytes.fromhex(found["scriptPubKey"]["hex"]), found["confirmations"]

    def test(self, tx):
        """Failed unless the mempool would take it."""
        (verdict,) = self.call("testmempoolaccept", [tx.serialise().hex()])
        if not verdict["allowed"]:
            raise Failed(f"the mempool would refuse it: {verdict}")

    def send(self, tx):
        """Broadcasts."""
        return self.call("sendrawtransaction", tx.serialise().hex())


class LightningNode:
    """The node whose Lightning balance is used, by its data folder. It knows nothing of the swap."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self._base = f"http://{(folder / 'api-address').read_text().strip()}/api/v1"
        self._token = (folder / "api-token").read_text().strip()

    def call(self, path, body=None):
        """GET, or POST of a body."""
        return _call(self._base + path, {"Authorization": f"Bearer {self._token}"}, body)

    def pay(self, invoice, max_cltv_delta):
        """Begins to pay; what the other side holds stays under way."""
        self.call("/payments", {"invoice": invoice, "max_total_cltv_delta": max_cltv_delta})

    def in_flight(self, payment_hash):
        """Whether a payment of this hash is under way."""
        listed = self.call("/payments")["payments"]
        found = [paid for paid in listed if paid["payment_hash"] == payment_hash.hex()]
        return bool(found) and found[-1]["state"] == "pending"


class Asked:
    """Whoever started this program, asked by a line on standard output, answers by one on standard input."""

    def pay(self, invoice, max_cltv_delta):
        """As LightningNode.pay."""
        self._ask(event="pay", invoice=invoice, max_cltv_delta=max_cltv_delta)

    def in_flight(self, payment_hash):
        """As LightningNode.in_flight."""
        return self._ask(event="in_flight", payment_hash=payment_hash.hex())

    @staticmethod
    def _ask(**question):
        print(json.dumps(question), flush=True)
        return json.loads(sys.stdin.readline())
