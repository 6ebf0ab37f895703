"""The catalogue of topics: names, keys, retention, who writes and who reads. Topics and rights are created from it.

Everything not granted here is denied: a department reads its own topics and no other, and writes none but its own
dead letters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from broker.errors import ConfigError
from broker.kafka import Acl
from schemas.catalogue import Catalogue, Principal
from schemas.entitlements import Entitlement, Grant
from schemas.said import said

ADMISSION, ROUTING, COMPACTION, OPERATOR = "qb-admission", "qb-routing", "qb-compaction", "qb-operator"
API, REPORT = "qb-api", "qb-report"
#: Reads every topic, and writes none.
AUDIT = "qb-audit"
#: Whoever may look may not send in, and the other way round: a user of its own, with one right.
REDRIVER = "qb-redrive"
#: Fills departments' topics from history; routing takes them over, under the same names of groups and transactions.
FILLER = "qb-fill"
SERVICE_USERS = (ADMISSION, ROUTING, COMPACTION, API, REPORT, AUDIT, OPERATOR, REDRIVER, FILLER)
FILL_GROUPS = f"{FILLER}-"
INTERNAL = "internal"
REDRIVE = "redrive"
"""Whose topic ``intake.redrive`` is: no principal's, since each record there is its original source's."""

_DAY_MS = 24 * 3600 * 1000
INTAKE_DAYS = DEAD_LETTER_DAYS = 400
FOR_EVER = None

OWN_RECORD_BYTES = 2 * 1024 * 1024
# A dead letter is a department's whole record with a few headers more: what came must always fit.
DEAD_LETTER_BYTES = OWN_RECORD_BYTES + 64 * 1024
INTAKE_LIMITS = {
    # Whatever a source can send must fit whole into a quarantine record, or one record would stop admission.
    "max.message.bytes": str(OWN_RECORD_BYTES * 5 // 8),
    # The limit counts compressed bytes. Stored without compression, a batch that unpacks to more is refused by the broker.
    "compression.type": "uncompressed",
}

Kind = Literal["intake", "decision", "quarantine", "exchange", "dept", "dlq"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. ``principal`` is whose it is (for ``exchange``: None), ``days`` its retention (None: for ever).

    Where ``closed``, the principal is revoked and has no right to it; what lies there is kept, and still decided.
    """

    name: str
    kind: Kind
    key: str
    days: int | None
    principal: str | None = None
    subject: str | None = None
    version: int = 1
    closed: bool = False

    def config(self, replication: int) -> dict[str, str]:
        """The topic's configuration at the broker, where each partition has so many copies."""
        retention = -1 if self.days is None else self.days * _DAY_MS
        return self._limits() | {
            "cleanup.policy": "delete",
            "retention.ms": str(retention),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, replication - 1)),
        }

    def _limits(self) -> dict[str, str]:
        if self.kind == "intake":
            return INTAKE_LIMITS
        return {"max.message.bytes": str(DEAD_LETTER_BYTES if self.kind == "dlq" else OWN_RECORD_BYTES)}


def intake_topic(principal: str) -> str:
    """Where a principal's events enter; the topic fixes the source, since Kafka does not show who wrote a record."""
    return f"intake.{principal}"


def intake_topics(catalogue: Catalogue) -> list[str]:
    """Every topic by which records enter: one a principal, and the operators' for what is sent in again."""
    return [intake_topic(name) for name in (*catalogue.principals, REDRIVE)]


def routed_topics(grants: Iterable[Grant]) -> list[str]:
    """The topics that routing reads for these grants."""
    return sorted({exchange_topic(grant.subject) for grant in grants})


def quarantine_topics(catalogue: Catalogue) -> list[str]:
    """Every topic in which records are set apart. In that of ``redrive`` lies what does not say whose it is."""
    return [quarantine_topic(name) for name in (*catalogue.principals, REDRIVE)]


def decision_topic(principal: str) -> str:
    """Where a principal reads what was decided of its events."""
    return f"decision.{principal}"


def quarantine_topic(principal: str) -> str:
    """Where a principal's unreadable or misplaced records are kept for the operators."""
    return f"quarantine.{principal}"


def exchange_topic(subject: str) -> str:
    """The source of truth for a subject: every accepted revision, for ever."""
    return f"exchange.{subject}"


def dept_topic(department: str, subject: str, version: int) -> str:
    """What one department may see of one subject."""
    return f"dept.{department}.{subject}.v{version}"


def fill_group(topic: str) -> str:
    """The group whose offsets say how far a department's topic is filled from history (``broker.backfill``)."""
    return f"{FILL_GROUPS}{topic}"


def fill_line(topic: str, partition: int) -> str:
    """The transactional id of whoever fills, or joins, one partition of a department's topic."""
    return f"{FILL_GROUPS}{topic}-{partition}"


def dead_letter_topic(department: str) -> str:
    """Where a department keeps the records that it could not handle, and those that wait behind them."""
    return f"dlq.{department}"


def department_of(topic: str) -> str:
    """``dept.bank.icbc.sale.v1`` -> ``bank.icbc``. Raises ConfigError for what is no department's topic."""
    if topic.count(".") < 3 or not topic.startswith("dept."):
        raise ConfigError(
            said(
                "{topic} is no department's topic: these are named dept.<department>.<subject>.v<N>",
                topic=topic,
            )
        )
    return topic.removeprefix("dept.").rsplit(".", 2)[0]


def principal_of(intake: str) -> str:
    """The principal whose intake topic this is."""
    return intake.removeprefix("intake.")


def group_prefix(principal: str) -> str:
    """The prefix of consumer groups that a principal may use. A dash, so that no bank's name begins another's."""
    return f"{principal}-"


def topic_catalogue(catalogue: Catalogue, entitlements: Iterable[Entitlement]) -> tuple[TopicSpec, ...]:
    """All topics of an installation."""
    return (
        *(spec for principal in catalogue.principals.values() for spec in _principal_topics(principal)),
        TopicSpec(intake_topic(REDRIVE), "intake", "slot key", INTAKE_DAYS, REDRIVE),
        TopicSpec(quarantine_topic(REDRIVE), "quarantine", "original key", INTAKE_DAYS, REDRIVE),
        *(
            TopicSpec(exchange_topic(s), "exchange", "entity_id", FOR_EVER, subject=s)
            for s in catalogue.subjects
        ),
        *(spec for entitlement in entitlements for spec in _department_topics(entitlement)),
    )


def _principal_topics(principal: Principal) -> tuple[TopicSpec, ...]:
    name, closed = principal.name, principal.revoked
    return (
        TopicSpec(intake_topic(name), "intake", "slot key", INTAKE_DAYS, name, closed=closed),
        TopicSpec(decision_topic(name), "decision", "entity_id", FOR_EVER, name, closed=closed),
        TopicSpec(quarantine_topic(name), "quarantine", "original key", INTAKE_DAYS, name, closed=closed),
    )


def _department_topics(entitlement: Entitlement) -> list[TopicSpec]:
    return [
        TopicSpec(
            dept_topic(department, subject, granted.version),
            "dept",
            "entity_id",
            granted.retention_days,
            department,
            subject,
            granted.version,
        )
        for department in entitlement.departments
        for subject, newest in entitlement.subjects.items()
        for granted in newest.versions
    ] + [
        TopicSpec(dead_letter_topic(department), "dlq", "entity_id", DEAD_LETTER_DAYS, department)
        for department in entitlement.departments
        if entitlement.subjects
    ]


def acls(topics: Sequence[TopicSpec]) -> set[Acl]:
    """Every right in force in an installation with these topics."""
    granted: set[Acl] = set()
    for topic in topics:
        granted |= _topic_acls(topic)
    return granted | _service_acls()


def _topic_acls(topic: TopicSpec) -> set[Acl]:
    who = topic.principal
    if who is None or who == INTERNAL or topic.closed:
        return set()
    if topic.kind == "intake" and who == REDRIVE:
        return {Acl(REDRIVER, "TOPIC", topic.name, right) for right in ("WRITE", "DESCRIBE")}
    if topic.kind == "intake":
        # The front door writes for every principal, by that principal's token; what the exchange asks of itself it may not.
        return {
            Acl(user, "TOPIC", topic.name, right) for user in (who, API) for right in ("WRITE", "DESCRIBE")
        }
    if topic.kind in ("decision", "dept"):
        return _reads(who, topic.name) | {Acl(who, "GROUP", group_prefix(who), "READ", prefixed=True)}
    return _keeps_dead_letters(who, topic.name) if topic.kind == "dlq" else set()


def _keeps_dead_letters(user: str, topic: str) -> set[Acl]:
    """A dead letter and the offsets that it lets pass are one transaction: so a department may have transactions."""
    return (
        _reads(user, topic)
        | {Acl(user, "TOPIC", topic, "WRITE")}
        | {Acl(user, "TRANSACTIONAL_ID", group_prefix(user), right, True) for right in ("WRITE", "DESCRIBE")}
    )


def _reads(user: str, topic: str, *, prefixed: bool = False) -> set[Acl]:
    return {Acl(user, "TOPIC", topic, "READ", prefixed), Acl(user, "TOPIC", topic, "DESCRIBE", prefixed)}


def _writes(user: str, topic: str) -> set[Acl]:
    return {Acl(user, "TOPIC", topic, "WRITE", True), Acl(user, "TOPIC", topic, "DESCRIBE", True)}


def _member(user: str, *, transactional: bool, prefix: str | None = None) -> set[Acl]:
    """Rights to groups, and to transactions, whose names begin with ``prefix``; by default, with the user's own."""
    own = prefix or user
    rights = {Acl(user, "GROUP", own, "READ", True), Acl(user, "GROUP", own, "DESCRIBE", True)}
    if transactional:
        rights |= {
            Acl(user, "TRANSACTIONAL_ID", own, "WRITE", True),
            Acl(user, "TRANSACTIONAL_ID", own, "DESCRIBE", True),
        }
    return rights


def _service_acls() -> set[Acl]:
    admission = _member(ADMISSION, transactional=True) | _reads(ADMISSION, "intake.", prefixed=True)
    for prefix in ("exchange.", "decision.", "quarantine.", "intake.internal"):
        admission |= _writes(ADMISSION, prefix)
    projecting = {
        user: _reads(user, "exchange.", prefixed=True) | _writes(user, "dept.") for user in (ROUTING, FILLER)
    }
    routing = projecting[ROUTING] | _member(ROUTING, transactional=True)
    # The join: routing ends the filler's transactions, and commits its mark.
    routing |= _member(ROUTING, transactional=True, prefix=FILLER)
    filler = projecting[FILLER] | _member(FILLER, transactional=True)
    filler |= {Acl(FILLER, "GROUP", ROUTING, "DESCRIBE", True)}
    compaction = _member(COMPACTION, transactional=False) | _reads(COMPACTION, "exchange.", prefixed=True)
    report = _member(REPORT, transactional=False)
    for prefix in ("exchange.", "decision.", "quarantine."):
        report |= _reads(REPORT, prefix, prefixed=True)
    audit = _member(AUDIT, transactional=False)
    for prefix in ("intake.", "decision.", "quarantine.", "exchange.", "dept.", "dlq."):
        audit |= _reads(AUDIT, prefix, prefixed=True)
    operator = {Acl(OPERATOR, "GROUP", "qb-", "DESCRIBE", True)}
    for prefix in ("intake.", "decision.", "quarantine.", "exchange.", "dept."):
        operator |= _reads(OPERATOR, prefix, prefixed=True)
    return (
        admission
        | routing
        | filler
        | compaction
        | report
        | audit
        | operator
        | {Acl(OPERATOR, "GROUP", OPERATOR, "READ", True)}
    )
