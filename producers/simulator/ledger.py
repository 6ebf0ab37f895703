"""What the simulator planned and what it sent: all that the model may know of a record besides its place in the order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

Record = dict[str, Any]
Terms = Mapping[str, Any]

NO_TERMS: Terms = MappingProxyType({})


class Facts(NamedTuple):
    """The part of a record on which its decision depends. ``principal`` is the topic's, ``source`` the record's own word.

    ``terms`` are what the law asks besides of its subject: see ``terms_of``.
    """

    principal: str
    subject: str
    event_id: str
    event_type: str
    entity_id: str
    version: int
    source: str
    house_code: str | None = None
    contract_status: str | None = None
    filing_no: str | None = None
    lender_uscc: str | None = None
    mortgagee_uscc: str | None = None
    sale_contract_no: str | None = None
    baseline: bool = False
    terms: Terms = NO_TERMS


_TERMS = {
    "unit": ("realty_unit_no", "sale_status", "restrictions"),
    "sale": ("contract_no", "contract_kind", "presale_permit_no", "signed_at"),
    "lease": ("contract_no", "lease_start", "lease_end"),
    "mortgage": ("contract_no", "contract_kind", "rank", "secured_principal", "appraisal_price"),
    "seizure": (
        "kind",
        "occurred_at",
        "served_at",
        "start_date",
        "end_date",
        "waiting_term",
        "contract_no",
        "realty_unit_no",
        "disposal",
    ),
    "defaulter": ("list_type", "expires_on"),
    "watch": ("expires_on",),
    "feedback": ("feedback_kind", "about_subject"),
    "title": ("title_kind", "rights_status_code"),
}
_PARTIES = {"sale": "BUYER", "defaulter": "DEFAULTER", "alias": None}
_PERMIT = ("presale_permit_no", "valid_from", "valid_until")


def terms_of(subject: str, record: Record) -> Terms:
    """The fields that the law looks at, by name.

    ``parties``: (id type, id number) of a sale's buyers, of those who are listed, or of an alias. ``permits``: number and
    term of each presale permit of a project.
    """
    get = record.get
    terms = {name: get(name) for name in _TERMS.get(subject, ())}
    if subject in _PARTIES:
        role = _PARTIES[subject]
        terms["parties"] = tuple(
            (party["id_type"], party["id_no"]["ciphertext"].decode())
            for party in record["parties"]
            if role is None or party["role"] == role
        )
    elif subject == "project":
        terms["permits"] = tuple(tuple(map(permit.get, _PERMIT)) for permit in record["presale_permits"])
    return terms


class Planned(NamedTuple):
    """One record to be sent.

    ``body`` is the Avro body, before which the schema id of ``schema`` is put; with ``schema`` None it is the whole value
    as it stands, and None is a null value. ``record`` is what the body holds, if it holds one. ``partition`` overrides the
    slot of the key. ``dirt`` names what is wrong with it; the model's tables say what must come of that.
    """

    principal: str
    topic: str
    key: bytes | None
    subject: str
    schema: str | None
    body: bytes | None
    record: Record | None
    facts: Facts | None
    dirt: str | None = None
    partition: int | None = None


@dataclass(slots=True)
class Sent:
    """One value that was sent to a topic, perhaps several times."""

    facts: Facts | None
    dirt: str | None
    times: int = 0


@dataclass(slots=True)
class Ledger:
    """All that was sent, by topic and SHA-256 of the bytes (hex). A null value counts as no bytes."""

    entries: dict[tuple[str, str], Sent] = field(default_factory=dict)
    total: int = 0

    def add(self, planned: Planned, value: bytes | None) -> str:
        """Enter a record as sent and return the hash of its bytes. Raises ValueError if the same bytes mean two things."""
        digest = sha256(value or b"").hexdigest()
        entry = self.entries.setdefault((planned.topic, digest), Sent(planned.facts, planned.dirt))
        if entry.facts != planned.facts:
            raise ValueError(f"two different records with the same bytes on {planned.topic}")
        entry.times += 1
        self.total += 1
        return digest

    def find(self, topic: str, digest: str) -> Sent | None:
        """What was sent with these bytes, or None if nothing was."""
        return self.entries.get((topic, digest))

    def merge(self, others: Iterable["Ledger"]) -> "Ledger":
        """This and other ledgers as one, as several runs on one stack need."""
        merged = Ledger(total=self.total)
        for ledger in (self, *others):
            for place, sent in ledger.entries.items():
                entry = merged.entries.setdefault(place, Sent(sent.facts, sent.dirt))
                entry.times += sent.times
        merged.total = sum(entry.times for entry in merged.entries.values())
        return merged

    def dirt_counts(self) -> Counter[str]:
        """How many records of each kind of dirt were sent; duplicates count as often as they were sent."""
        return Counter({dirt: times for dirt, times in self._dirt_times() if times})

    def _dirt_times(self) -> Iterable[tuple[str, int]]:
        counts: Counter[str] = Counter()
        for sent in self.entries.values():
            if sent.dirt is not None:
                counts[sent.dirt] += sent.times
        return counts.items()
