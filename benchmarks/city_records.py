"""The records of a synthetic city, as the exchange holds them: golden examples with the city's own people and houses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas
from benchmarks.city import (
    BANKS,
    City,
    Deeds,
    Family,
    House,
    Human,
    LeaseDeed,
    MortgageDeed,
    SaleDeed,
    TitleDeed,
    bank_name,
    developer_name,
)
from broker.protected import clear, fill_party_refs, party_ref
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json

Record = dict[str, Any]
Made = tuple[str, Record]
_EXAMPLES = Path(schemas.__file__).with_name("examples")
_CHECKS_FOR_100_LEASES, _INVOICES_FOR_100_LEASES = 30, 40
_FAMILIES_FOR_A_NEW_DOCUMENT, _FAMILIES_FOR_A_LISTING, _HOUSES_FOR_A_SEIZURE = 200, 500, 100
_ORGANISATION, _PERSON, _USCC, _CITIZEN, _PASSPORT = "2", "1", "USCC", "1", "3"


@lru_cache
def _example(subject: str, version: int, name: str) -> Record:
    form: Record = json.loads(
        (_EXAMPLES / subject / f"v{version}" / f"{name}.json").read_text(encoding="utf-8")
    )
    return from_json(load_schema(subject, latest_version(subject)), {"revision": 1} | form)


def _at(day: date) -> datetime:
    return datetime.combine(day, time(2), UTC)


@dataclass(frozen=True)
class CityRecords:
    """Makes the records; ``party_key`` is the exchange's."""

    city: City
    party_key: bytes

    def of_house(self, deeds: Deeds) -> Iterator[Made]:
        """The unit, its contracts and titles, and what others have reported on them."""
        house = deeds.house
        yield "unit", self._unit(house)
        for sale in deeds.sales:
            yield "sale", self._sale(house, sale)
        for title in deeds.titles:
            yield "title", self._title(house, title)
        for mortgage in deeds.mortgages:
            yield "mortgage", self._mortgage(house, mortgage)
        for n, lease in enumerate(deeds.leases):
            yield "lease", self._lease(house, lease)
            yield from self._feedback(house, lease, house.number * 2 + n)
        if house.number % _HOUSES_FOR_A_SEIZURE == 0:
            yield (
                "seizure",
                self._seizure(house, deeds.titles[-1].holders if deeds.titles else deeds.sales[0].buyers),
            )

    def of_family(self, family: Family) -> Iterator[Made]:
        """Its household record, which one in five lacks; a former document of some, a listing of a few."""
        if family.number % 5:
            yield "household", self._household(family)
        if family.number % _FAMILIES_FOR_A_NEW_DOCUMENT == 1:
            yield "alias", self._renewed(family)
        if family.number % _FAMILIES_FOR_A_LISTING == 1:
            yield "defaulter", self._listed(family)

    # --- contracts and titles ---

    def _sale(self, house: House, sale: SaleDeed) -> Record:
        is_new = sale.seller is None
        base = _example("sale", 1, "presale" if is_new else "existing-home")
        seller, buyer = self._party("SELLER", base["parties"][0]), self._party("BUYER", base["parties"][1])
        sellers = (
            [seller(None, *developer_name(house.developer))]
            if sale.seller is None
            else [seller(one) for one in sale.seller.couple[:1]]
        )
        whole: Record = {"share": None, "share_text": None}
        amount = Decimal(sale.price)
        own: Record = {
            "gross_area": Decimal(house.area) / 100,
            "layout_code": house.layout,
            "contract_kind": "11" if is_new else "21",
            "parties": [*sellers, *(buyer(one) | whole for one in sale.buyers)],
            "total_price": amount,
            "unit_price": (amount * 100 / house.area).quantize(Decimal("0.01")),
            "appraisal_price": amount,
            "cancelled_at": _at(sale.signed_on + timedelta(days=40)) if sale.status == "CANCELLED" else None,
        }
        return self._contract(base, house, sale.number, sale.signed_on, sale.status) | own

    def _mortgage(self, house: House, deed: MortgageDeed) -> Record:
        base = _example("mortgage", 1, "filed")
        name, code = bank_name(deed.bank)
        mortgagor, bank, debtor = (
            self._party(base["parties"][n]["role"], base["parties"][n]) for n in (0, 2, 3)
        )
        buyers = deed.sale.buyers
        principal = Decimal(deed.sale.price * 7 // 10)
        own: Record = {
            "parties": [*map(mortgagor, buyers), bank(None, name, code), debtor(buyers[0])],
            "mortgagee_name": name,
            "mortgagee_uscc": code,
            "sale_contract_no": deed.sale.number,
            "loan_contract_no": f"DK{deed.number}",
            "secured_principal": principal,
            "debt_start": deed.signed_on,
            "debt_end": deed.signed_on + timedelta(days=365 * 25),
            "cancelled_at": _at(deed.ended) if deed.ended else None,
            "interested": ["fund", *([BANKS[deed.bank][0]] if BANKS[deed.bank][0] else [])],
        }
        status = "CANCELLED" if deed.ended else "FILED"
        return self._contract(base, house, deed.number, deed.signed_on, status) | own

    def _lease(self, house: House, deed: LeaseDeed) -> Record:
        base = _example("lease", 1, "filed")
        lessor, lessee = (self._party(one["role"], one) for one in base["parties"])
        lived_in_by = [self._occupant(base["occupants"][0], one) for one in deed.tenants.members]
        own: Record = {
            "parties": [lessor(deed.lessor), lessee(deed.tenants.head)],
            "occupants": lived_in_by,
            "leased_area": Decimal(house.area) / 100,
            "layout_code": house.layout,
            "rent_amount": Decimal(deed.rent),
            "lease_start": deed.first_day,
            "lease_end": deed.last_day,
            "cancelled_at": _at(deed.cancelled) if deed.cancelled else None,
        }
        status = "CANCELLED" if deed.cancelled else "FILED"
        return self._contract(base, house, deed.number, deed.filed_on, status) | own

    def _contract(self, base: Record, house: House, number: str, day: date, status: str) -> Record:
        return self._placed(base, house, number, day) | {
            "contract_status": status,
            "contract_no": number,
            "filing_no": f"BA{number}",
            "signed_at": _at(day),
            "filed_at": _at(day),
            "interested": ["bank.icbc", "fund"] if house.number % 2 else ["fund"],
        }

    def _title(self, house: House, deed: TitleDeed) -> Record:
        base = _example("title", 1, "pre-notice" if deed.is_notice else "registered")
        holder = self._party("HOLDER", base["holders"][0])
        share = Decimal(1) / len(deed.holders)
        return self._placed(base, house, deed.number, deed.since) | {
            "status": "CANCELLED" if deed.ended else "ACTIVE",
            "rights_status_code": "2" if deed.ended else "1",
            "registered_at": _at(deed.since),
            "title_date": deed.since,
            "title_cert_no": f"豫({deed.since.year})商丘市不动产权第{deed.number[2:]}号",
            "holders": [holder(one) | {"share": share.quantize(Decimal("0.000001"))} for one in deed.holders],
            "cancelled_at": _at(deed.ended) if deed.ended else None,
            "gross_area": Decimal(house.area) / 100,
        }

    # --- the rest ---

    def _unit(self, house: House) -> Record:
        base = _example("unit", 2, "restated")
        return self._placed(base, house, house.code, self.city.today - timedelta(days=1_000)) | {
            "gross_area": Decimal(house.area) / 100,
            "layout_code": house.layout,
            "restrictions": [],
            "restriction_counts": [],
            "reports": [],
            "public_status": "FILED",
            "project_id": f"XM-{house.building // 10}",
            "room_no": house.room,
            "floor_no": house.floor,
        }

    def _feedback(self, house: House, lease: LeaseDeed, number: int) -> Iterator[Made]:
        if number * 7 % 100 < _CHECKS_FOR_100_LEASES:
            base = _example("feedback", 1, "residence-match")
            own: Record = {
                "about_entity_id": lease.number,
                "result": "NOT_MATCHED" if number % 8 == 0 else "MATCHED",
                "parties": [self._party("CONCERNED", base["parties"][0])(lease.tenants.head)],
            }
            yield "feedback", self._reported(base, house, f"FKP{lease.number}", lease.filed_on) | own
        if number * 11 % 100 < _INVOICES_FOR_100_LEASES:
            base = _example("feedback", 1, "rent-invoice")
            own = {
                "about_entity_id": lease.number,
                "contract_no": lease.number,
                "amount": Decimal(lease.rent * 12),
                "period_start": lease.first_day,
                "period_end": lease.last_day,
            }
            yield "feedback", self._reported(base, house, f"FKT{lease.number}", lease.filed_on) | own

    def _reported(self, base: Record, house: House, number: str, day: date) -> Record:
        return self._placed(base, house, number, day) | {"status": "ACTIVE", "happened_on": day}

    def _seizure(self, house: House, debtors: tuple[Human, ...]) -> Record:
        base, number = _example("seizure", 2, "queue-head"), f"CF{house.number:08d}"
        debtor = self._party("DEBTOR", base["debtors"][0])
        return self._placed(base, house, number, self.city.today - timedelta(days=90)) | {
            "seizure_id": number,
            "bound_house_code": house.code,
            "debtors": [debtor(one) for one in debtors],
        }

    def _household(self, family: Family) -> Record:
        base = _example("household", 1, "recorded")
        relations = ["HEAD", *(["SPOUSE"] if family.spouse else []), *["MINOR_CHILD"] * len(family.children)]
        first: Record = base["members"][0]
        return self._dated(base, f"JT{family.number:08d}", self.city.today - timedelta(days=30)) | {
            "status": "ACTIVE",
            "household_no": f"JT{family.number:08d}",
            "members": [
                self._occupant(first, one) | {"relation": relation}
                for one, relation in zip(family.members, relations, strict=True)
            ],
        }

    def _renewed(self, family: Family) -> Record:
        base = _example("alias", 1, "id-card-renewed")
        old, new = (self._party(one["role"], one) for one in base["parties"])
        passport: Record = {"id_type": _PASSPORT, "id_no": clear(f"E{family.number:08d}")}
        parties = [old(family.head) | passport, new(family.head)]
        fill_party_refs({"parties": parties}, self.party_key, ("parties",))
        own: Record = {"status": "LINKED", "parties": parties}
        return self._dated(base, f"BM{family.number:08d}", self.city.today - timedelta(days=300)) | own

    def _listed(self, family: Family) -> Record:
        base = _example("defaulter", 1, "listed")
        party = self._party("DEFAULTER", base["parties"][0])
        own: Record = {"status": "LISTED", "parties": [party(family.head)], "expires_on": None}
        return self._dated(base, f"SX{family.number:08d}", self.city.today - timedelta(days=60)) | own

    # --- parts ---

    def _placed(self, base: Record, house: House, number: str, day: date) -> Record:
        where: Mapping[str, Any] = {
            "house_code": house.code,
            "county_code": house.county,
            "realty_unit_no": house.realty_unit_no,
            "address": house.address,
        }
        return self._dated(base, number, day) | {name: value for name, value in where.items() if name in base}

    def _dated(self, base: Record, number: str, day: date) -> Record:
        return base | {"entity_id": number, "occurred_at": _at(day), "recorded_at": _at(day), "revision": 2}

    def _party(self, role: str, like: Record) -> "_Parties":
        return _Parties(self, role, like)

    def _occupant(self, like: Record, one: Human) -> Record:
        return like | {"name": clear(one.name), "id_no": clear(one.id_no), "party_ref": self.ref(one.id_no)}

    def ref(self, id_no: str, id_type: str = _CITIZEN) -> str:
        return party_ref(self.party_key, id_type, id_no)


@dataclass(frozen=True, slots=True)
class _Parties:
    """Makes parties of one role."""

    records: CityRecords
    role: str
    like: Record

    def __call__(self, one: Human | None, name: str = "", code: str = "") -> Record:
        """A person; or an organisation by name and code, where there is none."""
        kind, id_type = (_PERSON, _CITIZEN) if one else (_ORGANISATION, _USCC)
        name, number = (one.name, one.id_no) if one else (name, code)
        return self.like | {
            "role": self.role,
            "party_kind": kind,
            "id_type": id_type,
            "name": clear(name),
            "id_no": clear(number),
            "party_ref": self.records.ref(number, id_type),
        }
