"""A prefill is taken back when its contract is cancelled, revoked or voided (docs/reckoning.md, T13)."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from broker.reckoning.figures import Figure
from broker.reckoning.records import Evidence, Sale
from broker.reckoning.taxes.facts import Part, Tax, TaxPrefill
from schemas.dates import day_in_china

ENDED = ("CANCELLED", "REVOKED", "VOIDED")


@dataclass(frozen=True, slots=True)
class TaxReversal:
    """What takes a prefill back: each tax that had a figure, with the sign turned. Taken together they come to nothing."""

    sale: Evidence
    reverses: Evidence
    status: str
    ended_on: date | None
    taxes: tuple[Tax, ...]


def reverse(earlier: TaxPrefill, ended: Sale) -> TaxReversal:
    """Take back an earlier prefill by the revision with which its contract ended.

    A tax that could not be reckoned has nothing to take back. Raises ValueError if the record is of another contract, is
    not newer than the prefill, or is no end.
    """
    if ended.source.entity_id != earlier.sale.entity_id:
        raise ValueError("the record is of another contract than the prefill")
    if ended.status not in ENDED:
        raise ValueError(f"the contract is {ended.status}: only one that has ended is taken back")
    if (ended.source.revision or 0) <= (earlier.sale.revision or 0):
        raise ValueError("the record is not newer than the prefill: give the revision with which it ended")
    taxes = (earlier.deed_tax, earlier.vat, earlier.income_tax)
    return TaxReversal(
        ended.source,
        earlier.sale,
        ended.status,
        None if ended.cancelled_at is None else day_in_china(ended.cancelled_at),
        tuple(_turned(tax, tax.figure, tax.figure.value) for tax in taxes if tax.figure.value is not None),
    )


def _turned(tax: Tax, figure: Figure, value: Decimal) -> Tax:
    basis = None if figure.basis is None else replace(figure.basis, clause="T13")
    inputs = (("reverses", value),)
    return Tax(
        replace(figure, value=0 - value, basis=basis, inputs=inputs),
        tuple(Part(part.refs, 0 - part.amount) for part in tax.parts),
    )
