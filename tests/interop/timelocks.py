"""spec/03-timelocks.md, for the payer of an `out`. All numbers are blocks."""

LEAST_REFUND_DELTA = 96
REVEAL_MARGIN = 42
REFUND_CONFIRM = 18
REORG_DEPTH = 6
CLAIM_MARGIN = 12
FAIL_BACK = 39
TRANSIT = 6
FUND_WINDOW = 6
ROUTE_ROOM = 300
MOST_LOCKED = 1008


def invoice_delta(refund_delta):
    """What the invoice states in its `c` field: D + 3."""
    return refund_delta + REFUND_CONFIRM + REORG_DEPTH + CLAIM_MARGIN + FAIL_BACK + TRANSIT + 3


def route_bound(refund_delta):
    """The most blocks a whole route may lock the payment for."""
    return invoice_delta(refund_delta) + ROUTE_ROOM


def hold(refund_delta, confirmations, network):
    """What a payer can check before there is a T."""
    room = FUND_WINDOW + REVEAL_MARGIN + confirmations + REORG_DEPTH + REFUND_CONFIRM
    least = 1 if network == "regtest" else LEAST_REFUND_DELTA
    fits = refund_delta > room and route_bound(refund_delta) <= MOST_LOCKED
    return 1 <= confirmations <= 12 and refund_delta >= least and fits


def refund_height_fits(refund_height, height, refund_delta):
    """Inequality 5, from the own chain's height."""
    return height + refund_delta - 2 <= refund_height <= height + refund_delta + 6
