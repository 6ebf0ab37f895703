"""What a batch reads of a house, who may write an entity, and what is due, on a real Postgres."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from broker.admission import store
from broker.admission.model import Candidate, EntityKey
from broker.admission.store import Contended
from broker.admission.sweep import Sweep
from broker.codec import Decoder
from broker.kafka import Outgoing, TopicPartition
from broker.store.connect import Connection, connected
from schemas.catalogue import INTERNAL
from tests.support.batches import (
    NOW,
    SLOTS,
    Person,
    accept,
    accepted_batch,
    again,
    candidate,
    conflict,
    decoder,
    listing,
    load,
    rows,
    sale,
    save,
    seizure,
    slot_of,
)
from tests.support.story import new_house_code

# -- what stands on a house --------------------------------------------------------------------------------------------


def test_claims_come_back_as_they_were(db: Connection) -> None:
    house = new_house_code()
    lent = candidate(
        "mortgage", "bank.icbc", house_code=house, rank=2, secured_principal=Decimal("1200000.50")
    )
    seized = seizure(house_code=house)
    with db.transaction():
        workspace = load(db, lent, seized)
        accept(workspace, lent, "FILED", interested=["bank.icbc", "fund"])
        accept(workspace, seized, "EFFECTIVE", effective_kind="1")
        claims = dict(workspace.claims(house))
        save(db, workspace)
    with db.transaction():
        assert load(db, sale(Person(), house_code=house)).claims(house) == claims
    assert (claims[lent.key].rank, claims[lent.key].amount) == (2, Decimal("1200000.50"))
    assert claims[seized.key].principals == ()


def test_of_a_house_all_is_known_that_a_decision_may_look_at(db: Connection) -> None:
    house = new_house_code()
    sold, leased, seized = (
        sale(Person(), house_code=house),
        candidate("lease", house_code=house),
        seizure(house_code=house),
    )
    open_, resolved = conflict(house, sold.key, seized.key), conflict(house, sold.key)
    unit = candidate("unit", entity_id=house, house_code=house)
    accepted_batch(
        db,
        (unit, "ACTIVE"),
        (sold, "SIGNED"),
        (leased, "SIGNED"),
        (seized, "EFFECTIVE"),
        (open_, "OPEN"),
        (resolved, "RESOLVED"),
    )
    with db.transaction():
        workspace = load(db, candidate("title", "registry", house_code=house))
    assert set(workspace.entities) == {unit.key, sold.key, seized.key, open_.key, resolved.key}
    assert set(workspace.claims(house)) == {sold.key, leased.key, seized.key, open_.key}


def test_what_is_asked_within_knows_its_house_and_sides(db: Connection) -> None:
    house = new_house_code()
    sold, held = sale(Person(), house_code=house), seizure(house_code=None, contract_no="HT-1")
    accepted_batch(db, (sold, "CANCELLED"))
    bound = candidate("seizure", INTERNAL, **(held.body | {"bound_house_code": house, "source": "court"}))
    claimed_bound = candidate("seizure", "court", **(held.body | {"bound_house_code": house}))
    asked = conflict(house, EntityKey("defaulter", "SX-1"), sold.key)
    with db.transaction():
        assert EntityKey("sale", sold.key.entity_id) in load(db, asked).entities
        accepted_batch(db, (seized := seizure(house_code=house), "EFFECTIVE"))
        assert seized.key in load(db, bound).entities
        assert seized.key not in load(db, claimed_bound).entities


class Counting(Decoder):
    """A decoder that counts what it is asked for."""

    asked = 0

    def decode(self, value: bytes | None) -> tuple[str, dict[str, Any]]:
        self.asked += 1
        return decoder().decode(value)


def test_a_state_is_decoded_when_it_is_asked_for_and_once(db: Connection) -> None:
    accepted_batch(db, (sold := sale(Person()), "SIGNED"))
    counting = Counting({})
    with db.transaction():
        entity = store.load(db, [again(sold)], counting).entities[sold.key]
    assert (entity.status, entity.revision, counting.asked) == ("SIGNED", 1, 0)
    assert entity.known["contract_no"] == sold.body["contract_no"]
    assert entity.known is entity.state
    assert counting.asked == 1


def test_nothing_is_asked_when_there_is_nothing_to_ask() -> None:
    assert load(psycopg.Connection.__new__(psycopg.Connection)).entities == {}


# -- who may write an entity -------------------------------------------------------------------------------------------


def handed_over(db: Connection) -> tuple[Candidate, Candidate]:
    """A seizure of a contract, held in the slot of its own id until it was handed to another slot's house; and the
    next record on it there."""
    held = seizure(house_code=None, contract_no=f"HT-{new_house_code()}")
    house = next(code for code in iter(new_house_code, "") if slot_of(code, SLOTS) != held.place.partition)
    accepted_batch(db, (held, "HELD"))
    with db.transaction():
        workspace = load(db, found := again(held))
        accept(workspace, found, "HELD", handed_to=house)
        save(db, workspace)
    there = candidate("seizure", INTERNAL, **(found.body | {"house_code": house, "bound_house_code": house}))
    return found, there


def test_an_entity_handed_over_is_the_new_slots_to_write(db: Connection) -> None:
    _, there = handed_over(db)
    with db.transaction():
        workspace = load(db, there)
        assert workspace.entities[there.key].slot == there.place.partition
        accept(workspace, there, "EFFECTIVE")
        save(db, workspace)
    stored = rows(
        db, "SELECT slot, house_code, status FROM admission.entity WHERE entity_id = %s", there.key.entity_id
    )
    assert stored == [(there.place.partition, there.house_code, "EFFECTIVE")]


def test_who_read_an_entity_before_it_was_handed_over_cannot_write_it(db: Connection) -> None:
    held = seizure(house_code=None, contract_no="HT-2")
    house = next(code for code in iter(new_house_code, "") if slot_of(code, SLOTS) != held.place.partition)
    accepted_batch(db, (held, "HELD"))
    with db.transaction():
        late = load(db, again(held))
    with db.transaction():
        workspace = load(db, bound := again(held))
        accept(workspace, bound, "HELD", handed_to=house)
        save(db, workspace)
    accept(late, again(held), "RELEASED")
    with pytest.raises(Contended), db.transaction():
        store.save_entities(db, late)


def test_of_two_slots_that_meet_a_new_entity_one_begins_again(db: Connection) -> None:
    first = sale(Person())
    with db.transaction():
        early = load(db, first)
        late = load(db, second := sale(Person(), entity_id=first.key.entity_id))
    accept(early, first, "SIGNED")
    accept(late, second, "SIGNED")
    store.save_entities(db, early)
    with pytest.raises(Contended):
        store.save_entities(db, late)


def test_an_entity_made_and_handed_over_in_one_batch_belongs_to_the_house(db: Connection) -> None:
    held = seizure(house_code=None, contract_no="HT-3")
    house = next(code for code in iter(new_house_code, "") if slot_of(code, SLOTS) != held.place.partition)
    with db.transaction():
        workspace = load(db, held)
        accept(workspace, held, "HELD", handed_to=house)
        save(db, workspace)
    stored = rows(
        db, "SELECT slot, house_code FROM admission.entity WHERE entity_id = %s", held.key.entity_id
    )
    assert stored == [(slot_of(house, SLOTS), house)]


# -- timers ------------------------------------------------------------------------------------------------------------

ALL_SLOTS = range(SLOTS)
DUE = datetime(2026, 4, 30, 16, tzinfo=UTC)
"""The first moment of May in China."""


@pytest.fixture
def no_timers(db: Connection) -> None:
    db.execute("DELETE FROM admission.timer")


@pytest.mark.usefixtures("no_timers")
def test_a_timer_is_due_when_the_last_day_has_ended_in_china(db: Connection) -> None:
    listed = listing(Person(), expires_on=date(2026, 4, 30))
    accepted_batch(db, (listed, "LISTED"))
    assert store.due_timers(db, ALL_SLOTS, DUE - timedelta(microseconds=1), 9) == []
    (due,) = store.due_timers(db, ALL_SLOTS, DUE, 9)
    assert (due.key, due.slot, due.timer.due_at) == (listed.key, listed.place.partition, DUE)
    assert store.due_timers(db, set(ALL_SLOTS) - {due.slot}, DUE, 9) == []
    assert store.due_timers(db, (), DUE, 9) == []


@pytest.mark.usefixtures("no_timers")
def test_a_timer_moves_and_ends_with_its_entity(db: Connection) -> None:
    first = seizure(house_code=new_house_code())
    term = {"effective_until": date(2026, 4, 30)}
    with db.transaction():
        workspace = load(db, first)
        accept(workspace, first, "EFFECTIVE", **term)
        save(db, workspace)
    (before,) = store.due_timers(db, ALL_SLOTS, DUE, 9)
    with db.transaction():
        workspace = load(db, renewed := again(first))
        accept(workspace, renewed, "EFFECTIVE", effective_until=date(2026, 5, 1))
        save(db, workspace)
    assert store.due_timers(db, ALL_SLOTS, DUE, 9) == []
    (after,) = store.due_timers(db, ALL_SLOTS, DUE + timedelta(days=1), 9)
    assert after.timer.event_id != before.timer.event_id
    accepted_batch(db, (again(renewed), "RELEASED"))
    assert rows(db, "SELECT 1 FROM admission.timer") == []


@pytest.mark.usefixtures("no_timers")
def test_the_sweep_asks_for_what_is_due_once_a_session(db: Connection) -> None:
    listed = [listing(Person(), expires_on=date(2026, 4, n)) for n in (28, 29, 30)]
    accepted_batch(db, *((one, "LISTED") for one in listed))
    sweep = Sweep(decoder(), most=2)
    asked = [sweep.due(db, ALL_SLOTS, DUE) for _ in range(3)]
    assert [[r.body["entity_id"] for r in requests] for requests in asked] == [
        [one.key.entity_id for one in listed[:2]],
        [listed[2].key.entity_id],
        [],
    ]
    assert len(Sweep(decoder()).due(db, ALL_SLOTS, DUE)) == 3


@pytest.mark.usefixtures("no_timers")
def test_what_the_sweep_asks_is_the_entity_as_it_is_with_the_timers_event(db: Connection) -> None:
    accepted_batch(db, (first := listing(Person(), expires_on=date(2026, 4, 30)), "LISTED"))
    accepted_batch(db, (second := again(first, duty="偿还本金"), "LISTED"))
    (due,) = store.due_timers(db, ALL_SLOTS, NOW, 9)
    (request,) = Sweep(decoder()).due(db, ALL_SLOTS, NOW)
    assert request.subject == "defaulter"
    assert {
        name: request.body[name] for name in ("event_id", "event_type", "occurred_at", "version", "duty")
    } == {
        "event_id": due.timer.event_id,
        "event_type": "EXPIRED",
        "occurred_at": DUE,
        "version": second.body["version"],
        "duty": "偿还本金",
    }


# -- the outbox --------------------------------------------------------------------------------------------------------


def test_a_message_keeps_the_partition_of_another_slot(db: Connection) -> None:
    message = Outgoing("intake.internal", 3, b"key", b"value", (("name", b"value"),))
    intake = TopicPartition("intake.court", 1)
    row = store.OutboxRow(1, 7, 0, intake, 40, message)
    with db.transaction():
        store.replace_outbox(db, {1: 7}, [row])
    assert store.unpublished(db, {intake: 40}) == [row]
    assert store.unpublished(db, {intake: 41}) == []


def test_those_who_wait_hear_of_a_committed_batch_only(dsn: str, db: Connection) -> None:
    with connected(dsn, "front door") as waiting:
        waiting.execute(f"LISTEN {store.DECIDED}".encode())
        with db.transaction(force_rollback=True):
            store.tell_waiting(db)
        assert list(waiting.notifies(timeout=0)) == []
        with db.transaction():
            store.tell_waiting(db)
        heard = list(waiting.notifies(timeout=10, stop_after=1))
    assert [one.channel for one in heard] == [store.DECIDED]
