"""The first states of all records that are no contracts: building table, court, registration office, families, feedback."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from producers.simulator.city import County, Project, Unit
from producers.simulator.ledger import Record
from producers.simulator.numbers import case_no
from producers.simulator.parties import PartyBook, clear, member
from producers.simulator.people import Party

_CASE_KINDS = ("执", "执", "执", "执恢", "执保", "财保")
_TWO_YEARS = timedelta(days=730)
_THREE_YEARS = timedelta(days=1094)


def project_record(project: Project) -> Record:
    """A project with its permits and buildings."""
    permits = [
        {
            "presale_permit_no": project.permit_no,
            "presale_permit_date": project.permit_date,
            "valid_from": project.permit_date,
        }
    ]
    return {
        "entity_id": project.project_id,
        "project_id": project.project_id,
        "county_code": project.county.code,
        "project_name": project.name,
        "project_address": project.address,
        "region_code": project.county.code,
        "town_code": project.town_code,
        "developer_name": project.developer.name,
        "developer_uscc": project.developer.id_no,
        "land_cert_no": project.land_cert_no,
        "land_right_nature": "102",
        "presale_permits": permits if project.presold else [],
        "buildings": [
            {
                "building_code": building.code,
                "building_no": str(building.number),
                "floors_total": building.floors,
                "structure_code": "3",
                "building_stage": "2" if project.presold else "3",
            }
            for building in project.buildings
        ],
    }


def unit_record(unit: Unit) -> Record:
    """A unit of the building table. Its own id is its house code."""
    return {
        "entity_id": unit.house_code,
        "county_code": unit.county.code,
        "house_code": unit.house_code,
        "realty_unit_no": unit.realty_unit_no,
        "address": unit.address,
        "region_code": unit.county.code,
        "project_id": unit.project.project_id,
        "estate_name": unit.project.name,
        "building_code": unit.building.code,
        "building_no": str(unit.building.number),
        "entrance_no": unit.entrance_no,
        "floor_label": str(unit.floor),
        "floor_no": unit.floor,
        "room_no": unit.room_no,
        "floors_total": unit.building.floors,
        "structure_code": "3",
        "gross_area": unit.gross_area,
        "inner_area": unit.inner_area,
        "shared_area": unit.shared_area,
        "area_kind": "1" if unit.project.presold else "2",
        "planned_use_code": "11",
        "house_type_code": "1",
        "house_nature_code": "0",
        "layout_code": unit.layout_code,
        "is_complete_dwelling": True,
        "listed_unit_price": unit.unit_price,
        "listed_total_price": unit.listed_price,
        "sale_status": "10",
    }


class Offices:
    """Makes the first states of what courts, registrars and other offices record."""

    def __init__(self, rng: Random, book: PartyBook, tag: str) -> None:
        self._rng = rng
        self._book = book
        self._tag = tag
        self._count = 0

    def seizure(self, unit: Unit, debtor: Party, at: datetime, kind: str) -> Record:
        """A seizure of a unit, for as long as the law allows."""
        number = self._number("Z")
        case = self.case(unit.county, at)
        return _court(unit.county, case) | {
            "entity_id": number,
            "seizure_id": number,
            "house_code": unit.house_code,
            "address": unit.address,
            "kind": kind,
            "ruling_no": f"{case}之一",
            "notice_no": f"{case}之二",
            "served_at": at,
            "scope": "房屋所有权",
            "applicant": clear(self._rng.choice(("商丘市甲小额贷款有限公司", "申请执行人"))),
            "debtors": [self._book.of("DEBTOR", debtor)],
            "start_date": at.date(),
            "end_date": at.date() + _THREE_YEARS,
            "executor": clear("执行员"),
        }

    def listing(self, county: County, who: Party, at: datetime) -> Record:
        """A defaulter's listing, for two years."""
        kind = "0" if who.is_person else "1"
        record = _court(county, self.case(county, at)) | {
            "entity_id": self._number("D"),
            "list_type": "DEFAULTER",
            "subject_kind": kind,
            "parties": [self._book.of("DEFAULTER", who)],
            "province": "河南",
            "duty": "给付借款本金及利息",
            "performance": "全部未履行",
            "conduct_code": str(self._rng.randrange(1, 7)),
            "published_on": at.date(),
            "expires_on": at.date() + _TWO_YEARS,
        }
        return record | {"gender": "1" if int(who.id_no[-2]) % 2 else "2"} if who.is_person else record

    def watch(self, county: County, who: Party, unit: Unit | None, at: datetime) -> Record:
        """A court's watch on a person, or on a house."""
        return _court(county, self.case(county, at)) | {
            "entity_id": self._number("W"),
            "house_code": unit.house_code if unit else None,
            "parties": [] if unit else [self._book.of("WATCHED", who)],
            "purpose": "执行查控",
            "opened_on": at.date(),
            "expires_on": at.date() + timedelta(days=180),
        }

    def title(
        self, unit: Unit, holders: tuple[Party, ...], at: datetime, sale_no: str | None, *, is_notice: bool
    ) -> Record:
        """A title (or the word that its transfer is done), or the pre-notice of one that a sale will lead to."""
        number = self._rng.randrange(10**7)
        registered = "TITLE" if self._rng.random() < 0.7 else "TRANSFER_COMPLETED"
        return {
            "entity_id": self._number("T"),
            "county_code": unit.county.code,
            "title_kind": "PRE_NOTICE" if is_notice else registered,
            "house_code": unit.house_code,
            "realty_unit_no": unit.realty_unit_no,
            "address": unit.address,
            "gross_area": unit.gross_area,
            "inner_area": unit.inner_area,
            "planned_use_code": "11",
            "registration_type_code": "700" if is_notice else "200",
            "pre_notice_kind": "1" if is_notice else None,
            "rights_status_code": "1",
            "title_cert_no": f"豫（{at.year}）商丘市不动产{'证明' if is_notice else '权'}第{number:07d}号",
            "title_date": at.date(),
            "registered_at": at,
            "holders": self._book.owners("HOLDER", holders, False),
            "sale_contract_no": sale_no,
        }

    def household(self, family: tuple[Party, ...], county: County, at: datetime, principal: str) -> Record:
        """A family as civil affairs (marriage) or the police (household register) know it."""
        relations = ("HEAD", "SPOUSE", "MINOR_CHILD", "MINOR_CHILD")
        household_no = family[0].household_no or "H"
        return {
            "entity_id": self._number("H"),
            "county_code": county.code,
            "household_no": household_no,
            "household_kind": "MARRIAGE" if principal == "civil" else "HUKOU",
            "members": [
                member(person, relation) for person, relation in zip(family, relations, strict=False)
            ],
            "as_of": at.date(),
        }

    def alias(self, county: County, old: Party, new: Party, at: datetime) -> Record:
        """Two numbers of one person, such as an old passport and a new one."""
        return {
            "entity_id": self._number("A"),
            "county_code": county.code,
            "alias_kind": "PARTY",
            "parties": [self._book.of("OLD", old), self._book.of("NEW", new)],
            "reason": "证件号码变更",
            "effective_on": at.date(),
        }

    def feedback(
        self, county: County, kind: str, about: tuple[str, str], house_code: str | None, extra: Record
    ) -> Record:
        """A department's answer to a record; ``about`` is its subject and entity id."""
        return {
            "entity_id": self._number("F"),
            "county_code": county.code,
            "feedback_kind": kind,
            "about_subject": about[0],
            "about_entity_id": about[1],
            "house_code": house_code,
            "contract_no": about[1] if about[0] in ("sale", "lease", "mortgage") else None,
        } | extra

    def tax_paid(self, price: Decimal, on: date) -> Record:
        """The deed tax of a sale."""
        amount = (price * Decimal("0.015")).quantize(Decimal("0.01"))
        return {
            "result": "PAID",
            "happened_on": on,
            "amount": amount,
            "taxable_amount": price,
            "tax_kind": "契税",
            "tax_cert_no": self._number("税"),
        }

    def rent_invoice(self, rent: Decimal, on: date) -> Record:
        """The invoice for half a year of rent."""
        return {
            "happened_on": on,
            "amount": rent * 6,
            "invoice_no": self._number("票"),
            "period_start": on,
            "period_end": on + timedelta(days=180),
        }

    def correction(self, field_path: str) -> Record:
        """A department believes that a field is wrong."""
        return {
            "field_path": field_path,
            "proposed_value": clear("以登记簿为准"),
            "explanation": "与本部门记载不一致",
        }

    def case(self, county: County, at: datetime) -> str:
        """A new case number of the county's court."""
        self._count += 1
        return case_no(at.year, county.court, self._rng.choice(_CASE_KINDS), self._count)

    def _number(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._tag}{self._count:08d}"


def _court(county: County, case: str) -> Record:
    return {
        "county_code": county.code,
        "court_name": f"商丘市{county.name}人民法院",
        "court_code": county.court,
        "case_no": case,
    }
