"""What this taker leans on: a bitcoind, and whoever holds its Lightning balance."""

import base64
import decimal
import json
import pathlib
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

    def find(self, script):
        """Confirmed unspent outputs at a script: txid (32 bytes as serialised), number."""
        found = self.call("scantxoutset", "start", [f"raw({script.hex()})"])
        return [(bytes.fromhex(coin["txid"])[::-1], coin["vout"]) for coin in found["unspents"]]

    def test(self, tx):
        """Failed unless the mempool would take it."""
        (verdict,) = self.call("testmempoolaccept", [tx.serialise().hex()])
        if not verdict["allowed"]:
            raise Failed(f"the mempool would refuse it: {verdict}")

    def send(self, tx):
        """Broadcasts."""
        return self.call("sendrawtransaction", tx.serialise().hex())

    def spender(self, txid, vout):
        """What in the mempool spends an output (as people see it), or None. `txid` as it is serialised."""
        (found,) = self.call("gettxspendingprevout", [{"txid": txid[::-1].hex(), "vout": vout}])
        return found.get("spendingtxid")

    def send_raw(self, raw):
        """Broadcasts hex, whatever it pays."""
        return self.call("sendrawtransaction", raw, 0)


class Lightning:
    """The node whose Lightning balance is used, by its data folder. It is given invoices and knows nothing of the swap."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self._base = f"http://{(folder / 'api-address').read_text().strip()}/api/v1/payments"
        self._login = {"Authorization": f"Bearer {(folder / 'api-token').read_text().strip()}"}

    def pay(self, invoice, max_fee):
        """Begins to pay, with so much (sat) for routing at most."""
        _call(self._base, self._login, {"invoice": invoice, "max_fee_sat": max_fee})

    def in_flight(self, payment_hash):
        """Whether a payment of this hash is under way."""
        return _call(f"{self._base}/{payment_hash.hex()}", self._login)["state"] == "pending"
