"""The first state of sale, lease and mortgage contracts, and what each later event sets. Prices are yuan."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from producers.simulator.city import Unit
from producers.simulator.ledger import Record
from producers.simulator.parties import PartyBook
from producers.simulator.people import Party

BUREAU_USCC = "11411400005900008T"
_CENT = Decimal("0.01")
_THOUSAND = Decimal(1000)


class Lender(NamedTuple):
    """Who lends: a principal of the exchange, its name and code, and what kind of loan it gives."""

    principal: str
    name: str
    uscc: str
    payment_method: str
    loan_kind: str


LENDERS = (
    Lender("bank.icbc", "商丘甲银行", "91411400MA4000012N", "3", "COMMERCIAL"),
    Lender("bank.ccb", "商丘乙银行", "914114027067800106", "3", "COMMERCIAL"),
    Lender("fund", "商丘市住房公积金管理中心", "12411400MB1000002A", "4", "FUND"),
)
OTHER_LENDER = Lender("bureau", "豫东村镇银行", "91411403MA40000047", "3", "COMMERCIAL")
"""A bank that is no principal: the bureau files its mortgages, and nobody becomes interested by them."""


class Contracts:
    """Makes the first states. ``tag`` keeps the contract numbers of different seeds apart."""

    def __init__(self, rng: Random, book: PartyBook, tag: str) -> None:
        self._rng = rng
        self._book = book
        self._tag = tag
        self._count = 0

    def sale(
        self,
        unit: Unit,
        sellers: tuple[Party, ...],
        buyers: tuple[Party, ...],
        at: datetime,
        lender: Lender | None,
    ) -> Record:
        """A sale; new when the seller is a company, of an existing home else."""
        rng = self._rng
        is_new = not sellers[0].is_person
        price = (unit.listed_price * Decimal(int(rng.gauss(98, 3)))) / 100
        total = price.quantize(_CENT)
        record = self._contract("S", self._sale_kind(unit, is_new), unit, at) | {
            "parties": [
                *self._book.owners("SELLER", sellers, False),
                *self._book.owners("BUYER", buyers, rng.random() < 0.2),
            ],
            "total_price": total,
            "unit_price": (total / unit.gross_area).quantize(_CENT),
            "price_basis": "1",
            "project_id": unit.project.project_id,
            "is_complete_dwelling": True,
        }
        record |= _paid(total, lender) if lender else {"payment_method": "1"}
        return record | (self._new_home(unit, at) if is_new else self._existing_home(total))

    def lease(
        self, unit: Unit, lessors: tuple[Party, ...], lessees: tuple[Party, ...], at: datetime
    ) -> Record:
        """A lease of one to three years; those who live there are the lessees."""
        rng = self._rng
        start = at.date() + timedelta(days=rng.randrange(30))
        rent = Decimal(int(unit.listed_price / _THOUSAND * Decimal("1.6")) // 10 * 10 + 100)
        return self._contract("L", "31", unit, at) | {
            "parties": [
                *self._book.owners("LESSOR", lessors, False),
                *(self._book.of("LESSEE", p) for p in lessees),
            ],
            "occupants": [_occupant(self._book, p) for p in lessees],
            "lease_mode": "WHOLE" if rng.random() < 0.85 else "SHARED",
            "leased_area": unit.inner_area,
            "rent_amount": rent.quantize(_CENT),
            "rent_period": "MONTH",
            "deposit": rent.quantize(_CENT),
            "lease_start": start,
            "lease_end": _years_later(start, rng.choice((1, 1, 1, 2, 3))),
            "use": "RESIDENCE",
        }

    def mortgage(
        self,
        unit: Unit,
        owners: tuple[Party, ...],
        lender: Lender,
        amount: Decimal,
        at: datetime,
        sale_no: str | None,
        rank: int,
    ) -> Record:
        """A mortgage, linked to the sale that it pays for if ``sale_no`` is given."""
        start = at.date()
        return self._contract("M", "42" if sale_no else "41", unit, at) | {
            "parties": [*(self._book.of("MORTGAGOR", p) for p in owners), self._book.of("DEBTOR", owners[0])],
            "mortgagee_name": lender.name,
            "mortgagee_uscc": lender.uscc,
            "sale_contract_no": sale_no,
            "mortgage_mode": "1",
            "mortgage_object": "2",
            "secured_principal": amount,
            "debt_start": start,
            "debt_end": _years_later(start, self._rng.choice((10, 20, 25, 30))),
            "rank": rank,
            "loan_kind": lender.loan_kind,
        }

    def filing(self, at: datetime) -> Record:
        """What a filing sets."""
        self._count += 1
        return {"filing_no": f"备{self._tag}{at.year}{self._count:07d}", "filed_at": at}

    def ending(self, at: datetime, reason: str) -> Record:
        """What a cancellation, revocation or voiding sets."""
        self._count += 1
        return {"cancel_no": f"注{self._tag}{self._count:07d}", "cancel_reason": reason, "cancelled_at": at}

    def number(self, letter: str) -> str:
        """A new contract number."""
        self._count += 1
        return f"{letter}{self._tag}{self._count:08d}"

    def _contract(self, letter: str, kind: str, unit: Unit, at: datetime) -> Record:
        number = self.number(letter)
        return {
            "entity_id": number,
            "contract_no": number,
            "contract_kind": kind,
            "county_code": unit.county.code,
            "version_no": 1,
            "signed_at": at,
            "filing_org_code": BUREAU_USCC,
            "house_code": unit.house_code,
            "realty_unit_no": unit.realty_unit_no,
            "address": unit.address,
            "gross_area": unit.gross_area,
            "inner_area": unit.inner_area,
            "planned_use_code": "11",
            "source_system": "sq-wangqian",
            "source_seq": str(self._count),
        }

    def _sale_kind(self, unit: Unit, is_new: bool) -> str:
        return "21" if not is_new else "11" if unit.project.presold else "12"

    def _new_home(self, unit: Unit, at: datetime) -> Record:
        return {
            "presale_permit_no": unit.project.permit_no,
            "escrow_account": f"4100{unit.project.parcel:012d}",
            "delivery_date": at.date() + timedelta(days=self._rng.randrange(200, 800)),
        }

    def _existing_home(self, total: Decimal) -> Record:
        acquired = date(self._rng.randrange(2008, 2020), self._rng.randrange(1, 13), 15)
        return {
            "title_cert_no": f"豫（{acquired.year}）商丘市不动产权第{self._rng.randrange(10**7):07d}号",
            "title_date": acquired,
            "prior_acquired_date": acquired,
            "prior_price": (total * Decimal("0.6")).quantize(_CENT),
            "prior_deal_kind": "1",
            "fund_escrow_flag": self._rng.random() < 0.5,
            "is_lineal_relative": self._rng.random() < 0.05,
        }


def _paid(total: Decimal, lender: Lender) -> Record:
    loan = (total * Decimal("0.65") // _THOUSAND * _THOUSAND).quantize(_CENT)
    return {
        "payment_method": lender.payment_method,
        "down_payment": total - loan,
        "loan_amount": loan,
        "lender_name": lender.name,
        "lender_uscc": lender.uscc,
    }


def _occupant(book: PartyBook, party: Party) -> Record:
    made = book.of("LESSEE", party)
    return {name: made[name] for name in ("name", "id_type", "id_no")}


def _years_later(start: date, years: int) -> date:
    return start.replace(year=start.year + years, day=min(start.day, 28))
