"""That a quarantined record has a decision is remembered in Postgres, where all slots see it."""

from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from broker.admission import store
from broker.admission.model import Candidate, Outcome, Place, Redriven, Verdict
from broker.admission.workspace import Workspace
from broker.store.connect import Connection
from tests.support.batches import Person, load, sale

NOW = datetime(2021, 3, 1, tzinfo=UTC)


def redriven(offset: int) -> Candidate:
    origin = Place("intake.bureau", 2, offset)
    return replace(sale(Person()), redriven=Redriven(origin, "0" * 64, origin, "wang", "why", NOW))


def decided(db: Connection, one: Candidate) -> Workspace:
    workspace = load(db, one)
    workspace.apply(one, Verdict(Outcome.REFUSED, f"decision of {one.event_id}", NOW), 4)
    return workspace


def test_what_is_decided_is_known_to_the_next_batch(db: Connection) -> None:
    first, again, other = redriven(1), redriven(1), redriven(2)
    with db.transaction():
        store.save_origins(db, decided(db, first))
    with db.transaction():
        workspace = load(db, again, other, sale(Person()))
        assert again.redriven is not None
        assert workspace.settled(again.redriven.origin) == f"decision of {first.event_id}"
        assert workspace.settled(Place("intake.bureau", 2, 2)) is None
        # A later redrive of it changes nothing of that.
        workspace.apply(again, Verdict(Outcome.REFUSED, "another", NOW), 4)
        store.save_origins(db, workspace)
    assert load(db, first).settled(again.redriven.origin) == f"decision of {first.event_id}"


def test_of_two_slots_that_decide_it_at_once_one_must_look_again(db: Connection, other: Connection) -> None:
    """Edited in two ways it may lie in two slots. Whoever is second is rolled back by Postgres, as with an event id."""
    one, another = redriven(3), redriven(3)
    mine, theirs = decided(db, one), decided(other, another)
    store.save_origins(db, mine)
    with pytest.raises(psycopg.errors.UniqueViolation):
        store.save_origins(other, theirs)
