"""Tax: a line of the prefill ledger for each filed sale, so that nobody fills in a form (建房〔2020〕61号 四).

A line is there while its contract is filed; a cancelled or revoked contract takes its line away and leaves what takes its
taxes back. A completed one keeps it: the tax was due on it. How many homes a family has is taken as the contract declares it;
the query ``tax/sale_prefill`` counts them, when the taxpayer is at the counter.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker.protected import normalise_id
from broker.reckoning.reading import read_sale
from broker.reckoning.records import Sale
from broker.reckoning.taxes import HouseholdFacts, TaxFacts, TaxPrefill, TaxReversal, prefill, reverse
from broker.reckoning.taxes.reversal import ENDED
from consumers.records import DepartmentRecord, Newest
from schemas.reckoning import Reckoning, load_reckoning

TOPICS = ("dept.tax.sale.v1",)
_FILED = frozenset({"FILED", "AMENDED"})
_COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Taxpayer:
    """One seller or buyer. ``home_ordinal``: which home of the buyer's family this is (房屋套次)."""

    role: str
    name: str
    id_type: str
    id_no: str
    home_ordinal: int | None


@dataclass(frozen=True, slots=True)
class PrefillLine:
    """What the tax form is filled with. Money in yuan, area in square metres."""

    contract_no: str
    filed_at: datetime | None
    address: str
    gross_area: Decimal
    total_price: Decimal
    prior_price: Decimal | None
    taxpayers: tuple[Taxpayer, ...]
    taxes: TaxPrefill


@dataclass(slots=True)
class PrefillLedger:
    """A handler that keeps the ledger. A real one would write lines and reversals to the tax system in ``__call__``."""

    lines: Newest[PrefillLine] = field(default_factory=Newest)
    reversals: Newest[TaxReversal] = field(default_factory=Newest)
    parameters: Reckoning = field(default_factory=load_reckoning)

    def __call__(self, record: DepartmentRecord) -> None:
        earlier = self.lines.get(record.entity_id)
        if not self.lines.put(record, self._line(record, earlier)):
            return
        if earlier is not None and record.value["contract_status"] in ENDED:
            self.reversals.put(record, reverse(earlier.taxes, _sale(record)))

    def _line(self, record: DepartmentRecord, earlier: PrefillLine | None) -> PrefillLine | None:
        if record.value["contract_status"] == _COMPLETED:
            return earlier
        if record.value["contract_status"] not in _FILED:
            return None
        sale = _sale(record)
        return prefill_line(record.value, prefill(sale, declared(record.value), self.parameters))


def prefill_line(value: dict[str, Any], taxes: TaxPrefill) -> PrefillLine:
    """The line of one sale."""
    return PrefillLine(
        contract_no=value["contract_no"],
        filed_at=value["filed_at"],
        address=value["address"],
        gross_area=value["gross_area"],
        total_price=value["total_price"],
        prior_price=value["prior_price"],
        taxpayers=tuple(
            Taxpayer(p["role"], p["name"], p["id_type"], p["id_no"], p["home_ordinal"])
            for p in value["parties"]
        ),
        taxes=taxes,
    )


def declared(value: dict[str, Any]) -> TaxFacts:
    """The buyers' households and their homes beside this one, as the contract declares them (家庭序号, 套次, 套数)."""
    buyers = [party for party in value["parties"] if party["role"] == "BUYER"]
    numbers = dict.fromkeys(party["household_no"] for party in buyers if party["household_no"])
    households = [[p for p in buyers if p["household_no"] == number] for number in numbers]
    alone = [[party] for party in buyers if not party["household_no"]]
    return TaxFacts(
        tuple(
            HouseholdFacts(frozenset(_ref(one) for one in members if one["id_no"]), _homes(members))
            for members in (*households, *alone)
        )
    )


def _homes(members: Iterable[dict[str, Any]]) -> int | None:
    """Beside this one: by the highest ordinal that is declared, else by the number."""
    ordinals = [one["home_ordinal"] - 1 for one in members if one["home_ordinal"]]
    counts = [one["home_count"] for one in members if one["home_count"] is not None]
    return max(ordinals or counts, default=None)


def _sale(record: DepartmentRecord) -> Sale:
    """The record as taxes are reckoned from it; a party is known by its document here, unless he was erased."""
    parties = [
        party | {"party_ref": _ref(party) if party["id_no"] else None} for party in record.value["parties"]
    ]
    return read_sale(record.value | {"revision": record.revision, "parties": parties})


def _ref(party: dict[str, Any]) -> str:
    return f"{party['id_type']}|{normalise_id(party['id_no'])}"
