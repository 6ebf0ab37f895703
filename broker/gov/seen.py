"""Who saw what of a citizen: what was sent or answered to departments, but for what the law keeps from him.

What is kept from him is cut in Postgres (``audit.told_to_citizen``): of courts and of signs of money laundering nothing comes
here at all, nor officials' names and the numbers of their cases.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.disclosed.shown import in_chinese, of_answer, of_record
from broker.gov.contracts import WITHHELD, Citizen, stands_under
from broker.query.asked import Asked
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.reading import Reading
from broker.query.records import Record
from schemas.catalogue import load_catalogue
from schemas.derive import LEFT

MOST = 500
SENT, ASKED, ENDED = "推送", "查询", "停止推送"
_NAMED: Mapping[str, str] = {"sale": "parties", "lease": "parties", "mortgage": "parties", "title": "holders"}
"""The subjects by which a document's name is compared, with their party lists."""
_TOLD = b"SELECT * FROM audit.told_to_citizen(%(refs)s, %(most)s)"
_COLUMNS = (
    "at",
    "department",
    "city_code",
    "way",
    "subject",
    "entity_id",
    "event_type",
    "stands",
    "asked",
    "fields",
    "terms",
)
Row = Mapping[str, Any]


class OwnDisclosures(Asked):
    """The citizen who asks, and nothing else: nobody can ask about another's."""

    citizen: Citizen


async def own_disclosures(asked: OwnDisclosures, reading: Reading) -> Given:
    """The newest ``MOST``, each with what it was for.

    Where the document stands under another name in any record, one of the two may be wrong: then no more is told than what
    is of contracts in which the name is his.
    """
    refs = await reading.refs(asked.citizen)
    own, others = await _by_name(reading, refs, asked.citizen.name)
    found = await reading.rows(_TOLD, {"refs": refs, "most": MOST + 1})
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in found[:MOST]]
    return {
        "seen": [_told(row) for row in rows if not others or row["entity_id"] in own],
        "complete": len(found) <= MOST,
        WITHHELD: bool(others),
    }


async def _by_name(reading: Reading, refs: Iterable[str], name: str) -> tuple[set[str], set[str]]:
    """The entities in which the person stands under this name, and those in which his document stands under another."""
    own, others = set[str](), set[str]()
    for subject, listed in _NAMED.items():
        for record in await reading.of_parties(subject, refs, field=listed):
            (own if _named(record, listed, refs, name) else others).add(record["entity_id"])
    return own, others


def _named(record: Record, listed: str, refs: Iterable[str], name: str) -> bool:
    return all(stands_under(party, name) for party in record[listed] if party["party_ref"] in refs)


def _told(row: Row) -> dict[str, Any]:
    terms = row["terms"]
    return {
        "at": row["at"],
        "department": _name(row["department"]),
        "city_code": row["city_code"],
        "how": _how(row),
        "purpose": terms["purpose"]["zh"],
        "legal_basis": terms["legal_basis"],
        "about": row["entity_id"],
        "fields": in_chinese(terms, _fields(row)),
    }


def _name(department: str) -> str:
    """A principal of the site alone is named as topics name it."""
    known = load_catalogue().principals.get(department)
    return department if known is None else known.zh


def _how(row: Row) -> str:
    if row["fields"] is not None:
        return ASKED
    return ENDED if row["event_type"] == LEFT else SENT


def _fields(row: Row) -> tuple[str, ...]:
    if row["fields"] is None:
        return of_record(row["terms"], row["event_type"], row["stands"])
    return of_answer(row["terms"], row["fields"], row["stands"] or (), asked=row["asked"])


DEFINITION = Definition("gov", "own_disclosures", OwnDisclosures, own_disclosures)
