"""The disclosures about a person, a house or a contract: from the index of department topics, and from the access log.

Statements ask by an index each: no topic is read, and no table through.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from broker.disclosed.shown import of_answer, of_record
from broker.disclosed.terms import Terms
from broker.query.reading import ALIASES

Database = psycopg.Connection[tuple[Any, ...]]
Row = Mapping[str, Any]
TOPIC, ANSWER = "topic", "answer"


@dataclass(frozen=True, slots=True)
class Matter:
    """Whom or what is asked about: one of the three is given."""

    refs: tuple[str, ...] = ()
    """``party_ref`` of a person under every document that he has or had."""
    houses: tuple[str, ...] = ()
    """Codes of a house."""
    entities: tuple[str, ...] = ()
    """Of a contract, or another entity."""
    numbers: tuple[str, ...] = ()
    """By which a contract is asked about, its entity's id among them."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One record in a department's topic, or one call. A call that was refused disclosed nothing: it has no fields."""

    at: datetime
    kind: str
    """``topic`` or ``answer``."""
    department: str
    way: str
    """The topic, or the question as in the access log."""
    place: str
    """``topic/partition@offset``, or the id of the access."""
    purpose: str
    purpose_zh: str
    legal_basis: str
    fields: tuple[str, ...]
    granted: bool = True
    code: str | None = None
    """Of a call: ``answered``, or why not."""
    purpose_code: str | None = None
    number_kind: str | None = None
    number: str | None = None
    officer_id: str | None = None
    officer_name: str | None = None
    city_code: str | None = None
    subject: str | None = None
    entity_id: str | None = None
    revision: int | None = None
    event_type: str | None = None


_BY_PARTY = """
SELECT p.subject, p.entity_id, p.revision, array_agg(DISTINCT s.stand) FILTER (WHERE s.stand IS NOT NULL) AS stands
FROM audit.place_party q JOIN audit.place p USING (topic, partition, "offset")
LEFT JOIN LATERAL unnest(q.stands) AS s (stand) ON true
WHERE q.party_ref = ANY(%(refs)s) GROUP BY p.subject, p.entity_id, p.revision
"""
_BY_PLACE = """
SELECT DISTINCT p.subject, p.entity_id, p.revision, NULL::text[] AS stands
FROM audit.place p WHERE {condition} AND p.topic LIKE 'exchange.%%'
"""
_TOPICS = """
WITH records AS ({records})
SELECT d.recorded_at AS at, d.topic, d.partition, d."offset", d.subject, d.entity_id, d.revision, d.event_type, r.stands,
       audit.terms_at(d.topic, d.recorded_at) AS terms
FROM records r
JOIN audit.place d ON d.entity_id = r.entity_id AND d.revision = r.revision AND d.subject = r.subject
                  AND d.topic LIKE 'dept.%%'
WHERE (%(since)s::timestamptz IS NULL OR d.recorded_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR d.recorded_at < %(until)s)
"""
_ANSWERS = b"""
SELECT a.at, a.principal, a.city_code, a.query, a.access_id, a.purpose, a.legal_basis, a.number_kind, a.number,
       a.officer_id, a.officer_name, a.granted, a.code, a.fields, a.parties && %(refs)s::text[] AS asked,
       (SELECT array_agg(DISTINCT s.stand) FROM unnest(a.told_parties, a.told_stands) AS s (ref, stand)
        WHERE s.ref = ANY(%(refs)s::text[])) AS stands, audit.terms_at(a.query, a.at) AS terms
FROM audit.access a
WHERE (a.parties && %(refs)s::text[] OR a.told_parties && %(refs)s::text[]
       OR a.houses && %(houses)s::text[] OR a.told_houses && %(houses)s::text[]
       OR a.contracts && %(numbers)s::text[] OR a.told_entities && %(numbers)s::text[])
  AND (%(since)s::timestamptz IS NULL OR a.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR a.at < %(until)s)
"""


def disclosures(
    db: Database, matter: Matter, since: datetime | None = None, until: datetime | None = None
) -> list[Disclosure]:
    """All of them from ``since`` to before ``until``, in order of time."""
    given = {
        "refs": list(matter.refs),
        "houses": list(matter.houses),
        "entities": list(matter.entities),
        "numbers": list(matter.numbers),
        "since": since,
        "until": until,
    }
    rows = db.cursor(row_factory=dict_row)
    found = [_of_topic(row) for row in rows.execute(_topics(matter), given)]
    found += [_of_answer(matter, row) for row in rows.execute(_ANSWERS, given)]
    return sorted(found, key=lambda one: (one.at, one.way, one.place))


def _topics(matter: Matter) -> bytes:
    if matter.refs:
        records = _BY_PARTY
    else:
        column = "p.house_code = ANY(%(houses)s)" if matter.houses else "p.entity_id = ANY(%(entities)s)"
        records = _BY_PLACE.format(condition=column)
    return _TOPICS.format(records=records).encode()


def _of_topic(row: Row) -> Disclosure:
    topic, terms = row["topic"], row["terms"]
    return Disclosure(
        at=row["at"],
        kind=TOPIC,
        department=topic.removeprefix("dept.").rsplit(".", 2)[0],
        way=topic,
        place=f"{topic}/{row['partition']}@{row['offset']}",
        **_words(terms),
        subject=row["subject"],
        entity_id=row["entity_id"],
        revision=row["revision"],
        event_type=row["event_type"],
        fields=() if terms is None else of_record(terms, row["event_type"], row["stands"]),
    )


def _of_answer(matter: Matter, row: Row) -> Disclosure:
    terms, fields = row["terms"], row["fields"]
    if terms is not None:
        part = (row["stands"] or ()) if matter.refs else None
        fields = of_answer(terms, fields, part, asked=row["asked"])
    words = _words(terms) | {"purpose_code": row["purpose"] or "", "legal_basis": row["legal_basis"]}
    own = ("city_code", "number_kind", "number", "officer_id", "officer_name", "granted", "code")
    return Disclosure(
        at=row["at"],
        kind=ANSWER,
        department=row["principal"],
        way=row["query"],
        place=str(row["access_id"]),
        **words,
        **{name: row[name] for name in own},
        fields=tuple(fields),
    )


def _words(terms: Terms | None) -> dict[str, Any]:
    """Of a way whose terms nobody kept, nothing: it was withdrawn before they were."""
    if terms is None:
        return {"purpose": "", "purpose_zh": "", "legal_basis": ""}
    purpose = terms["purpose"]
    return {"purpose": purpose["en"], "purpose_zh": purpose["zh"], "legal_basis": terms["legal_basis"]}


# --- whom or what is meant ----------------------------------------------------------------------------------------------

_CODES = """
SELECT house_code, alias_house_code FROM latest.alias
WHERE status = 'LINKED' AND (house_code = ANY(%(codes)s) OR alias_house_code = ANY(%(codes)s))
"""
_NUMBERED = "\nUNION ALL\n".join(
    f"SELECT entity_id, contract_no, filing_no FROM latest.{subject}"  # noqa: S608 - our own names
    " WHERE entity_id = %(number)s OR contract_no = %(number)s OR filing_no = %(number)s"
    for subject in ("sale", "lease", "mortgage")
)


def person(db: Database, ref: str) -> Matter:
    """A person under all his documents, by the aliases that stand in ``latest``."""
    refs = {str(row[1]) for row in db.execute(ALIASES, {"refs": [ref]})}
    return Matter(refs=(ref, *sorted(refs - {ref})))


def house(db: Database, code: str) -> Matter:
    """A house under all its codes."""
    rows = db.execute(_CODES, {"codes": [code]}).fetchall()
    return Matter(houses=tuple(dict.fromkeys((code, *filter(None, _all(rows))))))


def contract(db: Database, number: str) -> Matter:
    """A contract by the id of its entity, its contract number or its filing number; another entity by its id."""
    rows = db.execute(_NUMBERED, {"number": number}).fetchall()
    ids = tuple(dict.fromkeys(str(row[0]) for row in rows)) or (number,)
    return Matter(entities=ids, numbers=tuple(dict.fromkeys(filter(None, (number, *ids, *_all(rows))))))


def _all(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    return (value for row in rows for value in row)
