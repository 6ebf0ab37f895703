"""Asking before signing: what the rules in force would hold against a contract, without effect.

The question is turned into the SIGNED event of a new contract and judged by the same rules, on the same facts, as the
filing itself would be; what is due on the house by now is taken into account. Nothing is locked and nothing is kept,
so an answer holds for its moment: whoever files later may be refused for what came in between.

Only rules are asked. What a rule needs and the question leaves out stands as it is least in the way: a mortgage of
rank 0 and amount 0, a lease of one day. Such a question is answered for what it names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from broker.admission import store
from broker.admission.decide import Law, what_is_due
from broker.admission.model import Body, Candidate, Place
from broker.admission.reasons import Reason, Severity
from broker.admission.rules import objections
from broker.codec import Decoder
from broker.protected import clear
from broker.slots import slot_of
from broker.store.connect import Connection
from schemas.files import latest_version, load_schema

ENTITY = "to be signed"
"""The id of the contract that is not there yet. No filing can have it, since ids hold no blanks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEUTRAL: dict[str, Any] = {
    "string": "",
    "int": 0,
    "long": 0,
    "boolean": False,
    "decimal": Decimal(0),
    "timestamp-micros": _EPOCH,
    "date": _EPOCH.date(),
    "array": [],
}


@dataclass(frozen=True, slots=True)
class AskedParty:
    """Someone who would sign, by document alone."""

    role: str
    id_type: str
    id_no: str


@dataclass(frozen=True, slots=True)
class Question:
    """A contract that somebody means to sign. ``subject`` is sale, lease or mortgage; ``details`` are further fields of
    it by name, such as ``rank`` or ``lease_end``."""

    principal: str
    subject: str
    house_code: str
    county_code: str
    contract_kind: str
    parties: tuple[AskedParty, ...] = ()
    details: tuple[tuple[str, Decimal | date | int | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What would be held against it as of that moment; a warning does not stand in the way."""

    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    as_of: datetime
    refs: tuple[str, ...] = ()
    """The ``party_ref`` of those who would sign."""

    @property
    def eligible(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Judge:
    """What judging takes besides the database."""

    law: Law
    states: Decoder
    fill_party_refs: Callable[[str, Body], None]
    slots: int

    def judge(self, db: Connection, question: Question, now: datetime) -> Judgement:
        """Ask the rules. Raises what the database raises."""
        candidate = self._candidate(question, now)
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            workspace = store.load(db, [candidate], self.states, locked=False)
        due = what_is_due(candidate, self.law.draft(candidate, workspace, now))
        found = objections(candidate, self.law.draft(candidate, due, now))
        refs = tuple(
            dict.fromkeys(party["party_ref"] for party in candidate.body["parties"] if party["party_ref"])
        )
        return Judgement(_of(found, refusing=True), _of(found, refusing=False), now, refs)

    def _candidate(self, question: Question, now: datetime) -> Candidate:
        body = _blank(question.subject) | {
            "event_id": str(uuid5(NAMESPACE_URL, ENTITY)),
            "event_type": "SIGNED",
            "entity_id": ENTITY,
            "version": 1,
            "source": question.principal,
            "occurred_at": now,
            "signed_at": now,
            "contract_status": "SIGNED",
            "contract_no": ENTITY,
            "county_code": question.county_code,
            "house_code": question.house_code,
            "contract_kind": question.contract_kind,
            "parties": [_party(party) for party in question.parties],
            **dict(question.details),
        }
        self.fill_party_refs(question.subject, body)
        place = Place("", slot_of(question.house_code, self.slots), 0)
        return Candidate(place, "", question.principal, question.subject, body)


def _of(reasons: Sequence[Reason], *, refusing: bool) -> tuple[Reason, ...]:
    return tuple(r for r in reasons if (r.severity is Severity.REFUSE) is refusing)


def _party(party: AskedParty) -> Body:
    return _blank_party() | {"role": party.role, "id_type": party.id_type, "id_no": clear(party.id_no)}


def _blank_party() -> Body:
    parties = next(f for f in load_schema("sale", latest_version("sale"))["fields"] if f["name"] == "parties")
    return {field["name"]: _neutral(field) for field in parties["type"]["items"]["fields"]}


@cache
def _blank_fields(subject: str) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (field["name"], _neutral(field)) for field in load_schema(subject, latest_version(subject))["fields"]
    )


def _blank(subject: str) -> Body:
    return dict(_blank_fields(subject))


def _neutral(field: dict[str, Any]) -> Any:
    if "default" in field:
        return field["default"]
    kind = field["type"]
    if isinstance(kind, dict):
        kind = kind.get("logicalType", kind["type"])
    return _NEUTRAL.get(kind)
