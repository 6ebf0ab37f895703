"""Asking who saw what: whom or what is meant, how far the index has come, the disclosures, and the row of this look."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from broker.compaction.positions import reached
from broker.deploy import installation_topics
from broker.disclosed import finding
from broker.disclosed.finding import Database, Disclosure, Matter
from broker.errors import ConfigError
from broker.kafka import Connection, PartitionReader
from broker.settings import Settings
from broker.store.connect import connected, translated
from broker.store.roles import AUDIT as AUDIT_ROLE
from broker.store.roles import READER
from broker.topics import AUDIT, OPERATOR
from qianbei.acts import Act
from qianbei.documents import Document
from qianbei.site import Site
from qianbei.who.recording import Look
from qianbei.who.telling import as_dict
from schemas.said import said

_INDEXED = ("exchange", "dept")


@dataclass(frozen=True, slots=True)
class Found:
    """What was disclosed, as far as the index goes: ``behind`` offsets are not in it yet."""

    access_id: uuid.UUID
    as_of: datetime
    behind: int
    disclosures: tuple[Disclosure, ...]


Meant = Callable[[Database], Matter]
"""Whom or what is meant, by what stands in ``latest``."""


def person(settings: Settings, document: Document) -> Meant:
    """Whoever has the document."""
    ref = document.ref(settings.party_key())
    return lambda db: finding.person(db, ref)


def house(code: str) -> Meant:
    """A house by any of its codes."""
    return lambda db: finding.house(db, code)


def contract(number: str) -> Meant:
    """A contract by contract number, filing number or entity id; any other entity by its id."""
    return lambda db: finding.contract(db, number)


def who(site: Site, meant: Meant, act: Act, since: datetime | None, until: datetime | None) -> Found:
    """Look, and write the look down before it is told. Raises AccessDenied, ConfigError or Unavailable."""
    begun, as_of = time.monotonic(), datetime.now(UTC)
    reader, own = site.settings(OPERATOR, role=READER), site.settings(AUDIT, role=AUDIT_ROLE)
    with translated(reader.dsn()), connected(reader.dsn(), "qianbei audit who") as db:
        matter = meant(db)
    with translated(own.dsn()), connected(own.dsn(), "qianbei audit who") as db:
        left = behind(own, db)
        found = tuple(finding.disclosures(db, matter, since, until))
        told = [as_dict(one) for one in found]
        look = Look("who", act, as_of, matter.refs, matter.houses, matter.numbers)
        access_id = look.written(db, told, begun)
    return Found(access_id, as_of, left, found)


def behind(settings: Settings, db: Database) -> int:
    """How many offsets the index has yet to read. Raises ConfigError where there is none."""
    read = reached(db, "audit", AUDIT)
    if not read:
        raise ConfigError(
            said(
                "the index is empty, since the audit reader has never run: start it with `qianbei up --audit` "
                "and ask again when it has caught up"
            )
        )
    topics = [t.name for t in installation_topics(settings.installation()) if t.kind in _INDEXED]
    with PartitionReader(Connection.of(settings)) as reader:
        ends = reader.end_offsets([p for topic in topics for p in reader.partitions_of(topic)])
    return sum(max(0, end - read.get(place, 0)) for place, end in ends.items())
