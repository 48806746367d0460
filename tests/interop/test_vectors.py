"""Every vector in spec/vectors, reproduced by this implementation. Run: python3 -m unittest test_vectors"""

import json
import pathlib
import unittest

import bolt11
import cbor
import contract
import curve
import messages
import transaction
from ripemd160 import ripemd160

# Of the examples in BOLT11.
HASH = bytes(range(10)) * 3 + b"\x01\x02"
VECTORS = pathlib.Path(__file__).parents[2] / "spec" / "vectors"


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def contract_of(vector):
    def key(name):
        return bytes.fromhex(vector[name]["public"])

    return contract.Contract(
        bytes.fromhex(vector["payment_hash"]),
        vector["refund_height"],
        key("payer_claim"),
        key("payer_internal"),
        key("funder_refund"),
        key("funder_internal"),
    )


class Hashes(unittest.TestCase):
    def test_ripemd160_of_its_authors_examples(self):
        self.assertEqual(ripemd160(b"").hex(), "9c1185a5c5e9fc54612808977ee8f548b2258d31")
        digits = b"1234567890" * 8
        self.assertEqual(ripemd160(digits).hex(), "9b752e45573d4b39f4dbd3323cab82bf63326bfb")


class ContractVectors(unittest.TestCase):
    def test_every_field_comes_out(self):
        vectors = load("contract")["vectors"]
        self.assertGreater(len(vectors), 3)
        for vector in vectors:
            with self.subTest(vector["name"]):
                self.one(vector)

    def one(self, vector):
        built = contract_of(vector)
        preimage = bytes.fromhex(vector["preimage"])
        secrets = {}
        for name in ("payer_claim", "payer_internal", "funder_refund", "funder_internal"):
            secrets[name] = int(vector[name]["secret"], 16)
            self.assertEqual(curve.public(secrets[name]).hex(), vector[name]["public"])
        claim_hash, refund_hash = built.leaf_hashes
        secret = built.key_path_secret(secrets["payer_internal"], secrets["funder_internal"])
        self.assertEqual(curve.multiply(curve.G, secret), built.output)
        if built.output[1] % 2:
            secret = curve.N - secret
        expected = {
            "payment_hash": curve.sha256(preimage).hex(),
            "claim_script": built.claim_script.hex(),
            "refund_script": built.refund_script.hex(),
            "claim_leaf_hash": claim_hash.hex(),
            "refund_leaf_hash": refund_hash.hex(),
            "merkle_root": built.merkle_root.hex(),
            "internal_key": curve.x_only(built.internal).hex(),
            "output_key": curve.x_only(built.output).hex(),
            "claim_control_block": built.control_block(claim=True).hex(),
            "refund_control_block": built.control_block(claim=False).hex(),
            "script_pubkey": built.script_pubkey.hex(),
            "key_path_secret": f"{secret:064x}",
            "address": {network: built.address(network) for network in vector["address"]},
        }
        untested = set(vector) - set(expected) - set(secrets) - {"name", "preimage", "refund_height"}
        self.assertEqual(untested, set(), "fields this does not know")
        for name, value in expected.items():
            self.assertEqual(value, vector[name], name)

    def test_a_foreign_secret_is_refused(self):
        vector = load("contract")["vectors"][-1]
        built = contract_of(vector)
        own, other = (int(vector[name]["secret"], 16) for name in ("payer_internal", "funder_internal"))
        for wrong in (other + 1, curve.N - other, 0):
            with self.assertRaises(ValueError):
                built.key_path_secret(own, wrong)


class Bip327(unittest.TestCase):
    def test_keys_are_sorted_and_aggregated(self):
        vectors = load("bip327-key_sort")
        self.assertEqual(sorted(vectors["pubkeys"]), vectors["sorted_pubkeys"])
        vectors = load("bip327-key_agg")
        keys = [bytes.fromhex(key) for key in vectors["pubkeys"]]
        for case in vectors["valid_test_cases"]:
            chosen = [keys[i] for i in case["key_indices"]]
            self.assertEqual(curve.x_only(contract.key_agg(chosen)[1]).hex().upper(), case["expected"])


class SpendVectors(unittest.TestCase):
    def setUp(self):
        self.spends = load("spends")["spends"]
        self.vector = load("contract")["vectors"][0]
        self.contract = contract_of(self.vector)
        self.spent = [transaction.Output(800_000, self.contract.script_pubkey)]

    def spend(self, sequence, lock_time):
        txid = bytes.fromhex(self.spends["v3_prevout_txid_bytes_internal"])
        paid = transaction.Output(800_000, bytes.fromhex("0014028ddde690ab59e6dbc65a9d6e595943801096ba"))
        return transaction.Transaction(2, [transaction.Input(txid, 50, sequence)], [paid], lock_time)

    def test_signature_hashes_and_whole_transactions(self):
        claim, refund = self.contract.leaf_hashes
        for name, sequence, leaf in (
            ("success_seq1", 1, claim),
            ("success_seq0", 0, claim),
            ("timeout_seq1", 1, refund),
            ("keyspend_seq0", 0, None),
        ):
            digest = self.spend(sequence, 10).signature_hash(0, self.spent, leaf)
            self.assertEqual(digest.hex(), self.spends[f"v3_{name}_lock10"], name)

    def test_whole_transactions(self):
        preimage = [bytes.fromhex(self.vector["preimage"])]
        for name, secret, script, first, claim in (
            ("success", 3, self.contract.claim_script, preimage, True),
            ("timeout", 2, self.contract.refund_script, [], False),
        ):
            tx = self.spend(1, 10)
            digest = tx.signature_hash(0, self.spent, contract.leaf_hash(script))
            signature = curve.sign(secret, digest)
            self.assertEqual(signature.hex(), self.spends[f"v3_{name}_sig_aux0"])
            tx.inputs[0].witness = first + [signature, script, self.contract.control_block(claim)]
            self.assertEqual(tx.serialise().hex(), self.spends[f"v3_{name}_tx_hex"])
            self.assertEqual(tx.weight, self.spends[f"v3_{name}_tx_weight"])
            self.assertEqual(transaction.parse(tx.serialise()), tx)

    def test_a_key_path_spend_has_the_weight_of_the_table(self):
        tx = self.spend(0xFFFFFFFD, 0)
        tx.outputs[0].script = self.contract.script_pubkey
        tx.inputs[0].witness = [bytes(64)]
        self.assertEqual(tx.weight, 444)


class MessageVectors(unittest.TestCase):
    def test_signatures(self):
        vectors = load("messages")
        secret = int(vectors["node_secret"], 16)
        key = bytes.fromhex(vectors["node_key"])
        for case in vectors["signed"]:
            payload = bytes.fromhex(case["payload"])
            digest = curve.tagged(case["tag"], payload)
            self.assertEqual(digest.hex(), case["digest"], case["name"])
            self.assertEqual(curve.sign(secret, digest).hex(), case["signature"], case["name"])
            whole = cbor.encode([payload, bytes.fromhex(case["signature"])])
            self.assertEqual(messages.open_signed(whole, case["tag"], key), payload)
            with self.assertRaises(ValueError):
                messages.open_signed(whole[:-1] + bytes([whole[-1] ^ 1]), case["tag"], key)

    def test_every_message_is_the_shortest_form_of_what_it_says(self):
        vectors = load("messages")["messages"]
        for case in vectors:
            data = bytes.fromhex(case["hex"])
            self.assertEqual(cbor.encode(cbor.decode(data)), data, case["name"])

    def test_what_the_taker_reads_and_writes(self):
        cases = load("messages")["messages"]
        by_name = {case["name"]: bytes.fromhex(case["hex"]) for case in cases}
        key = bytes.fromhex(load("messages")["node_key"])
        self.assertEqual(messages.quote_request("regtest", "out", 1_000_000), by_name["quote request, out"])
        self.assertEqual(messages.book_request("regtest"), by_name["book request, first page"])
        offer = messages.read_offer(by_name["offer"], "regtest")
        self.assertEqual(offer.maker, key)
        signed = messages.read_quote_reply(by_name["quote reply"])
        quote = messages.read_quote(signed, key)
        self.assertEqual((quote.amount, quote.direction), (1_000_000, "out"))
        with self.assertRaises(messages.Refused) as refused:
            messages.read_quote_reply(by_name["quote reply, refused"])
        self.assertEqual(refused.exception.code, 3)
        variant, fields = messages.read_swap_request(by_name["open, out"])
        swap_id, payer = fields[0], messages.PayerTerms(*fields[2][:4])
        self.assertEqual(variant, "open")
        self.assertEqual(messages.open_swap(swap_id, signed, payer), by_name["open, out"])
        accepted = messages.read_swap_reply(by_name["accepted"])
        acceptance = messages.read_acceptance(accepted, key)
        self.assertEqual((acceptance.swap_id, acceptance.payer), (swap_id, payer))
        invoice = bolt11.decode(acceptance.funder.swap_invoice)
        self.assertEqual(invoice.network, "regtest")
        for name in ("preimage", "key"):
            variant, fields = messages.read_swap_request(by_name[name])
            self.assertEqual(messages.swap_message(name, *fields), by_name[name])
        _, items = messages.read_swap_request(by_name["open, in"])
        quote_in = messages.SignedQuote(items[1], items[1][0])
        self.assertEqual(messages.open_swap(items[0], quote_in), by_name["open, in"])
        self.assertEqual(messages.ACK, by_name["ack"])


class Invoices(unittest.TestCase):
    def test_an_example_of_bolt11(self):
        invoice = bolt11.decode(
            "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rq"
            "wzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8"
            "w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
        )
        self.assertEqual(invoice.network, "bitcoin")
        self.assertEqual(invoice.amount_msat, 250_000_000)
        self.assertEqual(invoice.expiry, 60)
        self.assertEqual(invoice.payment_hash, HASH)
        key = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
        self.assertEqual(invoice.payee.hex(), key)


if __name__ == "__main__":
    unittest.main()
