"""What the marked sources send: two houses, one of a bank's customer and one of the fund's, and all that is said of them."""

import uuid
from typing import Any

from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from tests.entitlement.plausible import Markers, Published, Record, plausible
from tests.support.latest import example_json
from tests.support.story import new_house_code

ICBC, FUND = ("bank.icbc", "91411400MA4000012N"), ("fund", "12411400MB1000002A")
COUNTY = "411425"


class Sources:
    """They send marked records, each the first version of an entity of its own."""

    def __init__(self, markers: Markers) -> None:
        self.markers = markers
        self.sent: list[Published] = []

    def send(
        self,
        source: str,
        subject: str,
        example: str,
        event_type: str,
        *,
        base: dict[str, Any] | None = None,
        interested: frozenset[str] = frozenset(),
        **given: Any,
    ) -> Published:
        """One more record, not yet sent."""
        schema = load_schema(subject, latest_version(subject))
        example_ = from_json(schema, example_json(subject, example) | (base or {}))
        entity = {"entity_id": given["entity_id"]} if "entity_id" in given else {}
        fixed = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "version": 1,
            "source": source,
            "county_code": COUNTY,
            "baseline": False,
            **entity,
        }
        one = plausible(self.markers, schema, subject, example_, interested=interested, **(fixed | given))
        self.sent.append(one)
        return one

    def house(self, lender: tuple[str, str]) -> dict[str, Published]:
        """A unit, its sale with this lender's mortgage, and its lease: each contract signed, then filed."""
        house, (name, uscc) = new_house_code(), lender
        own = frozenset({name})
        placed: dict[str, Any] = {"house_code": house, "contract_status": "FILED"}
        unit = self.send("bureau", "unit", "registered", "REGISTERED", entity_id=house, house_code=house)
        sale = self.send(
            "bureau",
            "sale",
            "existing-home",
            "FILED",
            interested=own,
            contract_kind="12",
            lender_uscc=uscc,
            **placed,
        )
        mortgage = self.send(
            name,
            "mortgage",
            "filed",
            "FILED",
            interested=own,
            mortgagee_uscc=uscc,
            sale_contract_no=sale.record["contract_no"],
            rank=1,
            **placed,
        )
        lease = self.send("bureau", "lease", "filed", "FILED", use="RESIDENCE", **placed)
        return {"unit": unit, "sale": sale, "mortgage": mortgage, "lease": lease}


def events_of(one: Published) -> list[Record]:
    """The events by which a record comes about: a contract is signed before it is filed."""
    if "contract_status" not in one.record:
        return [one.record]
    signed = {"event_type": "SIGNED", "contract_status": "SIGNED", "filing_no": None, "filed_at": None}
    first = one.record | signed | {"event_id": str(uuid.uuid4())}
    return [first, one.record | {"version": 2}]


def on_house(sources: Sources, house: dict[str, Published]) -> dict[str, Published]:
    """What other sources say of a house and of people."""
    sale, lease = house["sale"].record, house["lease"].record
    code = sale["house_code"]
    told = {"about_subject": "sale", "about_entity_id": sale["entity_id"], "about_revision": 2}
    told["answers_entity_id"] = None  # these report; who may answer what is of another test
    noted = {"house_code": code, "contract_no": sale["contract_no"], **told}
    return {
        "project": sources.send("bureau", "project", "registered", "REGISTERED"),
        "title": sources.send("registry", "title", "registered", "REGISTERED", house_code=code),
        "seizure": sources.send(
            "court", "seizure", "seized", "SEIZED", house_code=code, contract_no=None, prev_seizure_id=None
        ),
        "defaulter": sources.send("court", "defaulter", "listed", "LISTED"),
        "watch": sources.send("court", "watch", "opened", "OPENED", house_code=code),
        "alias": sources.send("police", "alias", "id-card-renewed", "LINKED"),
        "household": sources.send("police", "household", "recorded", "RECORDED"),
        "paid": sources.send(
            "tax", "feedback", "tax-paid", "REPORTED", interested=frozenset({"tax"}), **noted
        ),
        "match": sources.send(
            "police",
            "feedback",
            "residence-match",
            "REPORTED",
            interested=frozenset({"police"}),
            result="MATCHED",
            house_code=code,
            contract_no=lease["contract_no"],
            **(told | {"about_subject": "lease", "about_entity_id": lease["entity_id"]}),
        ),
    }
