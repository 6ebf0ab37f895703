"""Reasons: why a record is refused, warned about, or quarantined.

Vocabulary.  A *code* names the kind of reason; `REASONS` holds all of them with their default severity, their text in
both languages, and the rule they rest on.  A `Reason` is one occurrence: code, text, the path of the field, and the
evidence, that is the entities (with revisions) that were looked at.

Guarantees.  A text is written for a clerk or a citizen and says how to mend the record.  No reason ever holds a value
of the record: it goes into decisions, notices and logs.  Codes are never renamed or reused; new ones are added.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from broker.admission.reason_texts import TEXTS
from broker.admission.reason_texts_fields import FIELD_TEXTS
from broker.admission.reason_texts_law import LAW_TEXTS


class Severity(StrEnum):
    """What a reason does to its record."""

    REFUSE = "REFUSE"
    """The record is refused; its source gets the reasons and sends a mended one."""
    WARN = "WARN"
    """The record is accepted, and its source is asked to look at it."""
    QUARANTINE = "QUARANTINE"
    """The bytes could not be decided on; an operator looks at them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entity that a decision looked at.  ``revision`` None: it did not exist."""

    subject: str
    entity_id: str
    revision: int | None

    @property
    def fields(self) -> dict[str, Any]:
        """As a record carries it."""
        return {"subject": self.subject, "entity_id": self.entity_id, "revision": self.revision}


@dataclass(frozen=True, slots=True)
class Reason:
    """One occurrence of a code.  ``field`` is the path of the value, such as ``parties[1].id_no``.

    ``rule_version``: the edition of the policy that a rule of law was applied by; None for any other reason.
    """

    code: str
    severity: Severity
    zh: str
    en: str
    legal_basis: str
    field: str | None = None
    evidence: tuple[Evidence, ...] = ()
    rule_version: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """As a record carries it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "zh": self.zh,
            "en": self.en,
            "legal_basis": self.legal_basis,
            "field": self.field,
            "evidence": [seen.fields for seen in self.evidence],
            "rule_version": self.rule_version,
        }


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """What all reasons of a code share.  ``stage`` is that of the decision (0 quarantine … 5 rules)."""

    severity: Severity
    stage: int
    zh: str
    en: str
    legal_basis: str


class Detail(Protocol):
    """What more can be said of one occurrence, in both languages and without values."""

    @property
    def zh(self) -> str: ...

    @property
    def en(self) -> str: ...


REASONS: dict[str, ReasonKind] = {
    code: ReasonKind(Severity(severity), stage, zh, en, basis)
    for code, severity, stage, zh, en, basis in (*TEXTS, *FIELD_TEXTS, *LAW_TEXTS)
}


def reason(
    code: str, *, field: str | None = None, evidence: tuple[Evidence, ...] = (), detail: Detail | None = None
) -> Reason:
    """One occurrence of `code`, with its default severity.  Raises KeyError for a code that `REASONS` lacks."""
    kind = REASONS[code]
    if detail is None:
        return Reason(code, kind.severity, kind.zh, kind.en, kind.legal_basis, field, evidence)
    zh, en = f"{kind.zh}（{detail.zh}）", f"{kind.en} ({detail.en})"
    return Reason(code, kind.severity, zh, en, kind.legal_basis, field, evidence)
