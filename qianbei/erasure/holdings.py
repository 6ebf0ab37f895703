"""The records that name a person, as ``latest`` has them, and the grounds on which they must be kept."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from broker.admission.erasing import ERASABLE, has_ended
from broker.compaction.opening import latest_spec
from broker.compaction.tables import LATEST, TableSpec
from broker.keys.places import PARTY_REF
from broker.store.connect import Connection
from schemas.catalogue import load_catalogue
from schemas.dates import day_in_china
from schemas.retention import PARTY_ERASED, Retention, until

LIVE_FACTS = ("buyer", "listing", "party", "watched_party")
"""What admission tells of a person for whom something stands: also of what is decided and not yet in ``latest``."""

_STATUS = ("contract_status", "status")


@dataclass(frozen=True, slots=True)
class Holding:
    """A record that names the person. ``alone``: it names nobody else."""

    subject: str
    entity_id: str
    revision: int
    status: str
    county_code: str
    occurred_at: datetime
    lease_end: date | None
    alone: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a record must be kept whole. ``until`` None: as long as it stands."""

    subject: str
    entity_id: str
    until: date | None
    legal_basis: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "subject": self.subject,
            "entity_id": self.entity_id,
            "kept_until": self.until.isoformat() if self.until else None,
            "legal_basis": self.legal_basis,
        }


def holdings(db: Connection, refs: Collection[str]) -> list[Holding]:
    """Every record of ``latest`` that names one of these references, in whatever role."""
    return [one for subject in sorted(ERASABLE) for one in _of_subject(db, subject, refs)]


def _of_subject(db: Connection, subject: str, refs: Collection[str]) -> Iterator[Holding]:
    spec = latest_spec(subject, sa.MetaData())
    for row in db.execute(_query(spec), {"refs": sorted(refs)}).fetchall():
        values: tuple[Any, ...] = row
        yield Holding(subject, *values)


def _query(spec: TableSpec) -> sql.Composed:
    status = next(name for name in _STATUS if name in spec.columns)
    named = sql.SQL(" UNION ").join(
        sql.SQL("SELECT entity_id FROM {} WHERE {} = ANY(%(refs)s)").format(_table(name), _REF)
        for name in _lists(spec)
    )
    others = sql.SQL(" OR ").join(
        sql.SQL("EXISTS (SELECT FROM {} o WHERE o.entity_id = t.entity_id AND o.{} <> ALL(%(refs)s))").format(
            _table(name), _REF
        )
        for name in _lists(spec)
    )
    lease_end = sql.SQL("t.lease_end") if "lease_end" in spec.columns else sql.SQL("NULL::date")
    return sql.SQL(
        "SELECT t.entity_id, t.revision, t.{}, t.county_code, t.occurred_at, {}, NOT ({}) FROM {} t"
        " WHERE t.entity_id IN ({}) ORDER BY t.entity_id"
    ).format(sql.Identifier(status), lease_end, others, _table(spec.subject), named)


_REF = sql.Identifier(PARTY_REF)


def _lists(spec: TableSpec) -> list[str]:
    return [child.table.name for child in spec.children]


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(LATEST, name)


# --- grounds ------------------------------------------------------------------------------------------------------------


def grounds(held: Iterable[Holding], retention: Retention, today: date) -> list[Ground]:
    """What stands against erasing the person from these records."""
    found = (_ground(one, retention, today) for one in held)
    return [ground for ground in found if ground is not None]


def _ground(one: Holding, retention: Retention, today: date) -> Ground | None:
    step = load_catalogue().transition(one.subject, PARTY_ERASED)
    if not has_ended(step, one.status, {"lease_end": one.lease_end}, today):
        return Ground(one.subject, one.entity_id, None, None)
    keeping = retention.keeping.on(one.county_code, today)
    if keeping is None:
        return Ground(one.subject, one.entity_id, None, None)
    kept = until(_ended(one), keeping.years[one.subject])
    # With no years to keep it, it may go on the very day.
    if today > kept or not keeping.years[one.subject]:
        return None
    return Ground(one.subject, one.entity_id, kept, keeping.legal_basis)


def _ended(one: Holding) -> date:
    ended = day_in_china(one.occurred_at)
    runs_out = one.status in ("FILED", "AMENDED") and one.lease_end is not None
    return max(ended, one.lease_end) if runs_out and one.lease_end else ended


def standing(db: Connection, refs: Collection[str]) -> list[Ground]:
    """What stands for the person by admission's own word, decided this moment or long ago."""
    rows = db.execute(
        "SELECT DISTINCT subject, entity_id FROM admission.fact WHERE kind = ANY(%s) AND key = ANY(%s)"
        " ORDER BY subject, entity_id",
        (list(LIVE_FACTS), sorted(refs)),
    ).fetchall()
    return [Ground(str(subject), str(entity_id), None, None) for subject, entity_id in rows]
