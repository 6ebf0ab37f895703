"""What a loan on a filed purchase may rest on, and what the buyer must pay (建房〔2020〕61号 二、三; docs/reckoning.md, 2).

The base is the lesser of filed price and appraisal. The rest of the figures follow from the least down payment by the
number of homes that the household has beside this one.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from broker.reckoning.figures import Figure, basis, fen_down, needs
from broker.reckoning.records import Sale
from schemas.reckoning import LoanRule, WithoutAppraisal

FILED = ("FILED", "AMENDED")


class LoanNote(StrEnum):
    """What a lender should know beside the figures."""

    FILED_PRICE_ALONE = "FILED_PRICE_ALONE"
    """There is no appraisal: the base is the filed price."""
    LOAN_TOO_HIGH = "LOAN_TOO_HIGH"
    """The contract names a loan above the highest that the rule allows."""
    DOWN_PAYMENT_TOO_LOW = "DOWN_PAYMENT_TOO_LOW"
    """The contract names a down payment below the least."""


@dataclass(frozen=True, slots=True)
class LoanBase:
    """``base`` and ``highest_loan`` in yuan, ``share`` of the base that is paid down at least, ``least_down_payment``: what
    is left of the filed price above the highest loan."""

    base: Figure
    share: Figure
    highest_loan: Figure
    least_down_payment: Figure
    notes: tuple[LoanNote, ...]


def loan_base(sale: Sale, homes: int | None, rule: LoanRule, loan_kind: str = "COMMERCIAL") -> LoanBase:
    """The base of a loan. ``homes``: those of the household beside this one, None if not known.

    ``rule`` is the edition in force when the loan is asked for, where the house lies.
    """
    base = _base(sale, rule)
    share = _share(sale, homes, rule, loan_kind)
    by = basis("L4", rule)
    missing = tuple(dict.fromkeys((*base.missing, *share.missing)))
    if base.value is None or share.value is None:
        return LoanBase(
            base, share, needs("highest_loan", by, *missing), needs("least_down_payment", by, *missing), ()
        )
    inputs = (("base", base.value), ("share", share.value), ("filed_price", sale.total_price))
    loan = fen_down(base.value * (1 - share.value))
    paid = sale.total_price - loan
    return LoanBase(
        base,
        share,
        Figure("highest_loan", loan, by, inputs),
        Figure("least_down_payment", paid, by, inputs),
        _notes(sale, loan, paid),
    )


def _base(sale: Sale, rule: LoanRule) -> Figure:
    by = basis("L1", rule)
    if sale.status not in FILED:
        return needs("loan_base", by, "a contract that is filed")
    price, appraisal = sale.total_price, sale.appraisal_price
    if appraisal:
        inputs = (("filed_price", price), ("appraisal", appraisal))
        return Figure("loan_base", min(price, appraisal), by, inputs)
    if rule.without_appraisal.get(sale.contract_kind) is WithoutAppraisal.FILED_PRICE:
        return Figure("loan_base", price, basis("L2", rule), (("filed_price", price),))
    return needs("loan_base", basis("L2", rule), "appraisal")


def _share(sale: Sale, homes: int | None, rule: LoanRule, loan_kind: str) -> Figure:
    by = basis("L3", rule)
    use = sale.dwelling.use
    if not all(buyer.is_person for buyer in sale.buyers):
        return needs("share", by, "buyers who are persons")
    if use is None:
        return needs("share", by, "planned use")
    if use not in rule.dwelling_uses:
        return Figure("share", rule.other_use_share, by, (("use", use),))
    if homes is None:
        return needs("share", by, "home count")
    shares = rule.shares.get(loan_kind, ())
    if homes >= len(shares):
        return needs("share", by, f"a share for home {homes + 1} by a {loan_kind} loan: the lender decides")
    return Figure("share", shares[homes], by, (("homes", homes), ("loan_kind", loan_kind)))


def _notes(sale: Sale, loan: Decimal, paid: Decimal) -> tuple[LoanNote, ...]:
    notes = []
    if not sale.appraisal_price:
        notes.append(LoanNote.FILED_PRICE_ALONE)
    if sale.loan_amount is not None and sale.loan_amount > loan:
        notes.append(LoanNote.LOAN_TOO_HIGH)
    if sale.down_payment is not None and sale.down_payment < paid:
        notes.append(LoanNote.DOWN_PAYMENT_TOO_LOW)
    return tuple(notes)
