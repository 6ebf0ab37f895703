"""Batches of admission without its rules: what a test accepts is accepted. For the store on a real Postgres."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import psycopg

from broker.admission import store
from broker.admission.model import (
    Body,
    Candidate,
    Emission,
    EntityKey,
    Outcome,
    Place,
    Verdict,
)
from broker.admission.workspace import Workspace
from broker.codec import Decoder, Encode, Released, encoder
from broker.protected import clear, fill_party_refs, party_lists
from broker.slots import slot_key, slot_of
from broker.store.connect import Connection
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed, released_versions
from tests.support.story import example, new_house_code

SLOTS = 4
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
_KEY = b"a key of no exchange"
_SUBJECTS = tuple(load_catalogue().subjects)
_EXAMPLES = {
    "sale": "presale",
    "mortgage": "filed",
    "seizure": "seized",
    "defaulter": "listed",
    "alias": "id-card-renewed",
    "conflict": "raised",
    "unit": "registered",
    "lease": "filed",
    "project": "registered",
    "title": "registered",
}


def _id(subject: str, version: int) -> int:
    return 1000 + 20 * _SUBJECTS.index(subject) + version


@cache
def encoders() -> dict[str, Encode]:
    """By subject, in the newest version."""
    return {s: encoder(_id(s, latest_version(s)), parsed(s, latest_version(s))) for s in _SUBJECTS}


@cache
def decoder() -> Decoder:
    known = [Released(s, v, _id(s, v), parsed(s, v)) for s in _SUBJECTS for v in released_versions(s)]
    return Decoder({found.schema_id: found for found in known})


class Person:
    """Somebody whom no other call made."""

    def __init__(self) -> None:
        self.id_no = f"E{uuid.uuid4().int % 10**8:08d}"
        party: dict[str, Any] = {"id_type": "2", "id_no": clear(self.id_no)}
        fill_party_refs({"parties": [party]}, _KEY, ["parties"])
        self.ref: str = party["party_ref"]

    def party(self, template: Body, role: str) -> Body:
        return template | {"role": role, "id_type": "2", "id_no": clear(self.id_no)}


def candidate(subject: str, principal: str = "bureau", **changes: Any) -> Candidate:
    """A record of that subject about an entity of its own, unless ``entity_id`` is given."""
    given = {"event_id": str(uuid.uuid4()), "entity_id": str(uuid.uuid4()), "source": principal}
    body = example(subject, _EXAMPLES[subject]) | given | changes
    schema = load_schema(subject, latest_version(subject))
    fill_party_refs(body, _KEY, party_lists(schema))
    slot = slot_of(slot_key(load_catalogue(), subject, body), SLOTS)
    return Candidate(Place(f"intake.{principal}", slot, 0), uuid.uuid4().hex, principal, subject, body)


def sale(*buyers: Person, **changes: Any) -> Candidate:
    parties = example("sale", "presale")["parties"]
    seller = next(p for p in parties if p["role"] == "SELLER")
    template = next(p for p in parties if p["role"] == "BUYER")
    house = {"house_code": new_house_code(), "contract_no": f"HT-{uuid.uuid4()}", "presale_permit_no": None}
    own = house | {"parties": [seller, *(b.party(template, "BUYER") for b in buyers)]}
    return candidate("sale", **(own | changes))


def listing(person: Person, **changes: Any) -> Candidate:
    template = example("defaulter", "listed")["parties"][0]
    return candidate("defaulter", "court", parties=[person.party(template, "DEFAULTER")], **changes)


def alias(old: Person, new: Person, **changes: Any) -> Candidate:
    template = example("alias", "id-card-renewed")["parties"][0]
    parties = [old.party(template, "OLD"), new.party(template, "NEW")]
    return candidate("alias", "police", parties=parties, **changes)


def seizure(**changes: Any) -> Candidate:
    return candidate("seizure", "court", **changes)


def conflict(house: str, *sides: EntityKey, **changes: Any) -> Candidate:
    told = [{"subject": s, "entity_id": e, "revision": 1, "source": "bureau"} for s, e in sides]
    return candidate("conflict", "internal", house_code=house, sides=told, **changes)


def again(earlier: Candidate, **changes: Any) -> Candidate:
    """The next version of that entity."""
    body = earlier.body | {"event_id": str(uuid.uuid4()), "version": earlier.body["version"] + 1} | changes
    return Candidate(earlier.place, uuid.uuid4().hex, earlier.principal, earlier.subject, body)


def load(db: Connection, *candidates: Candidate) -> Workspace:
    return store.load(db, candidates, decoder())


def accept(
    workspace: Workspace, accepted: Candidate, status: str, *, handed_to: str | None = None, **changes: Any
) -> Emission:
    """Make the candidate the entity's next revision, with that status."""
    known = workspace.entity(accepted.key)
    given = {"revision": (known.revision if known else 0) + 1, "recorded_at": NOW, "interested": []}
    body = accepted.body | given | {"decision_id": str(uuid.uuid4())} | changes
    if "status" in body:
        body["status"] = status
    emission = Emission(accepted.key, body, status)
    handed_over = {accepted.key: handed_to} if handed_to else {}
    verdict = Verdict(
        Outcome.ACCEPTED,
        body["decision_id"],
        NOW,
        advances=True,
        emissions=(emission,),
        handed_over=handed_over,
    )
    workspace.apply(accepted, verdict, SLOTS)
    workspace.wire[emission.key] = encoders()[accepted.subject](body)
    return emission


def save(db: Connection, workspace: Workspace) -> None:
    store.save_entities(db, workspace)
    store.save_claims(db, workspace)
    store.save_facts(db, workspace)
    store.save_timers(db, workspace)


def accepted_batch(db: Connection, *accepted: tuple[Candidate, str]) -> None:
    """A whole batch in a transaction of its own."""
    with db.transaction():
        workspace = load(db, *(found for found, _ in accepted))
        for found, status in accepted:
            accept(workspace, found, status)
        save(db, workspace)


def rows(db: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    return db.execute(statement.encode(), values).fetchall()


@contextmanager
def impatient(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that raises LockNotAvailable instead of waiting for others."""
    with psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=200ms -c TimeZone=UTC") as db:
        yield db


def lookups(workspace: Workspace, kind: str, people: Iterable[Person]) -> list[list[EntityKey]]:
    """Of whom the facts of that kind about each person are."""
    return [[fact.entity for fact in workspace.facts(kind, person.ref)] for person in people]
