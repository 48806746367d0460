"""The payer's two ways to spend the contract's output to one address."""

import contract as contract_module
import curve
from transaction import Input, Output, Transaction

KEY_PATH_WEIGHT, CLAIM_WEIGHT = 230, 393


def fee(input_weight, script, rate):
    """For a transaction of one such input and one output, at `rate` sat/vB."""
    weight = 2 + 4 * (4 + 1 + 1 + 8 + 1 + len(script) + 4) + input_weight
    return -(-weight // 4) * rate


def _spend(contract, outpoint, value, script, rate, sequence, input_weight):
    # The receiver is a stranger, who must not be able to pin it: version 3.
    paid = Output(value - fee(input_weight, script, rate), script)
    tx = Transaction(3, [Input(*outpoint, sequence)], [paid])
    return tx, [Output(value, contract.script_pubkey)]


def by_key(contract, outpoint, value, script, rate, payer_secret, funder_secret):
    """By key path, with both internal secrets."""
    tx, spent = _spend(contract, outpoint, value, script, rate, 0xFFFFFFFD, KEY_PATH_WEIGHT)
    secret = contract.key_path_secret(payer_secret, funder_secret)
    tx.inputs[0].witness = [curve.sign(secret, tx.signature_hash(0, spent))]
    return tx


def by_claim_leaf(contract, outpoint, value, script, rate, claim_secret, preimage, with_coin=None):
    """With the preimage, which needs nobody. `with_coin` is spent beside it: an input, signed already, its output, and
    how much of it miners get."""
    if curve.public(claim_secret)[1:] != contract.payer_claim[1:]:
        raise ValueError("not the secret of the claim key")
    if curve.sha256(preimage) != contract.payment_hash:
        raise ValueError("not the preimage")
    tx, spent = _spend(contract, outpoint, value, script, rate, 1, CLAIM_WEIGHT)
    if with_coin is not None:
        coin, output, gives = with_coin
        tx.inputs.append(coin)
        tx.outputs[0].value += output.value - gives
        spent.append(output)
    leaf = contract.claim_script
    digest = tx.signature_hash(0, spent, contract_module.leaf_hash(leaf))
    signature = curve.sign(claim_secret, digest)
    tx.inputs[0].witness = [preimage, signature, leaf, contract.control_block(claim=True)]
    return tx
