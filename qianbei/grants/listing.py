"""Every principal with what it sends and sees, and what can be told of it without reading much."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from broker.api.tokens import Token, load
from broker.deploy import installation_topics
from broker.kafka import Admin, Connection, PartitionReader
from broker.store.connect import connected, translated
from broker.topics import OPERATOR, intake_topic
from qianbei.site import Site
from schemas.catalogue import INTERNAL, Principal
from schemas.installation import Installation

_READ_S = 3.0


class Origin(StrEnum):
    """Where a principal comes from, and whether it takes part."""

    SHIPPED = "shipped"
    SITE = "site"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a department sees of one subject: which rows, how many fields, on what basis, in which topic."""

    subject: str
    rows: str
    fields: int
    legal_basis: str
    topic: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One principal. ``tokens`` are those that open something now; ``last_sent_at`` is its newest record in the intake.

    ``credential``: a password file is here, and Kafka knows the user. ``topics`` are those that are there, of how many.
    """

    name: str
    zh: str
    en: str
    uscc: str | None
    origin: Origin
    since: datetime | None
    sends: Mapping[str, tuple[str, ...]]
    sees: tuple[Seen, ...]
    credential: bool
    topics: tuple[int, int]
    tokens: int
    last_sent_at: datetime | None
    last_token_use_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        times = {
            name: None if at is None else at.isoformat(timespec="seconds")
            for name, at in (
                ("since", self.since),
                ("last_sent_at", self.last_sent_at),
                ("last_token_use_at", self.last_token_use_at),
            )
        }
        topics = {"there": self.topics[0], "of": self.topics[1]}
        return asdict(self) | times | {"origin": self.origin.value, "topics": topics}


def listed(site: Site) -> list[Listed]:
    """All principals but the exchange itself. Raises Unavailable, AccessDenied or ConfigError."""
    installation = site.admin.installation()
    connection = Connection.of(site.admin)
    with Admin(connection) as admin:
        present, users = admin.topics(), admin.users()
    with PartitionReader(Connection.of(site.settings(OPERATOR))) as reader:
        sent = _last_sent(reader, [intake_topic(name) for name in installation.catalogue.principals])
    dsn = site.admin.dsn()
    with translated(dsn), connected(dsn, "qianbei principals") as db:
        tokens = load(db)
    return [
        Listed(
            name,
            principal.zh,
            principal.en,
            principal.uscc,
            _origin(installation, principal),
            _since(installation, name),
            {subject: tuple(sorted(types)) for subject, types in sorted(principal.sends.items())},
            _seen(installation, name),
            name in users and (site.secrets / "kafka" / name).exists(),
            _topics(installation, name, present),
            sum(token.valid(datetime.now(UTC)) for token in _of(tokens, name)),
            sent.get(intake_topic(name)),
            max((t.last_used_at for t in _of(tokens, name) if t.last_used_at is not None), default=None),
        )
        for name, principal in installation.catalogue.principals.items()
        if name != INTERNAL
    ]


def _origin(installation: Installation, principal: Principal) -> Origin:
    if principal.revoked:
        return Origin.REVOKED
    file = installation.site.get(principal.name)
    return Origin.SHIPPED if file is None or file.principal is None else Origin.SITE


def _since(installation: Installation, name: str) -> datetime | None:
    file = installation.site.get(name)
    return None if file is None else file.revoked or file.granted


def _seen(installation: Installation, name: str) -> tuple[Seen, ...]:
    return tuple(
        Seen(g.subject, g.terms.rows.value, len(g.terms.fields), g.terms.legal_basis, g.topic)
        for g in installation.grants
        if g.department == name
    )


def _topics(installation: Installation, name: str, present: set[str]) -> tuple[int, int]:
    own = {topic.name for topic in installation_topics(installation) if topic.principal == name}
    return len(own & present), len(own)


def _of(tokens: Iterable[Token], name: str) -> list[Token]:
    return [token for token in tokens if token.principal == name]


def _last_sent(reader: PartitionReader, topics: Iterable[str]) -> dict[str, datetime]:
    """When each topic's newest record was appended, by reading the last one of each partition."""
    partitions = [p for topic in topics for p in reader.partitions_of(topic)]
    ends, begins = reader.end_offsets(partitions), reader.beginning_offsets(partitions)
    waited = {p for p in partitions if ends[p] > begins[p]}
    reader.assign(waited)
    for partition in waited:
        reader.seek(partition, ends[partition] - 1)
    newest: dict[str, int] = {}
    deadline = time.monotonic() + _READ_S
    while waited and time.monotonic() < deadline:
        for record in reader.poll(0.1):
            newest[record.topic] = max(newest.get(record.topic, 0), record.timestamp_ms)
        # The last offset of a transaction is its marker: the position passes over it without a record.
        waited = {p for p in waited if reader.position(p) < ends[p]}
    return {topic: datetime.fromtimestamp(ms / 1000, UTC) for topic, ms in newest.items()}
