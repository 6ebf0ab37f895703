"""What batches of several slots lock, read and tell one another, on a real Postgres."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import psycopg
import pytest

from broker.admission.model import Candidate, EntityKey
from broker.admission.store import Contended
from broker.admission.store.facts import BUCKETS, LOCK_CLASS, bucket_of, lock
from broker.admission.workspace import Workspace
from broker.store.connect import Connection, connected
from tests.support.batches import (
    Person,
    accept,
    accepted_batch,
    again,
    alias,
    candidate,
    listing,
    load,
    lookups,
    rows,
    sale,
    save,
)
from tests.support.story import example
from tests.support.waiting import wait_until

# -- locks -------------------------------------------------------------------------------------------------------------


def test_two_sales_of_one_buyer_do_not_wait_for_each_other(db: Connection, other: Connection) -> None:
    buyer = Person()
    with db.transaction(), other.transaction():
        load(db, sale(buyer))
        load(other, sale(buyer))


def test_a_listing_waits_for_a_sale_of_that_buyer(db: Connection, other: Connection) -> None:
    buyer = Person()
    with db.transaction():
        load(db, sale(Person(), buyer))
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            load(other, listing(buyer))


def test_a_sale_waits_for_a_listing_of_its_buyer(db: Connection, other: Connection) -> None:
    buyer = Person()
    with db.transaction():
        load(db, listing(buyer))
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            load(other, sale(buyer))


def test_a_sale_waits_for_a_listing_that_leaves_its_buyer(db: Connection, other: Connection) -> None:
    wrong, right = Person(), Person()
    first = listing(wrong)
    accepted_batch(db, (first, "LISTED"))
    with db.transaction():
        load(db, again(first, parties=listing(right).body["parties"]))
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            load(other, sale(wrong))


def test_a_bucket_wanted_both_ways_is_locked_exclusively_and_all_are_taken_in_one_go(db: Connection) -> None:
    shared = {f"party:{n}": False for n in range(300)}
    with db.transaction():
        lock(db, shared | {"party:7": True})
        held = dict(
            rows(
                db,
                "SELECT objid::int, mode FROM pg_locks WHERE classid = %s AND locktype = 'advisory'",
                LOCK_CLASS,
            )
        )
    assert set(held) == {bucket_of(name) for name in shared}
    assert {bucket for bucket, mode in held.items() if mode == "ExclusiveLock"} == {bucket_of("party:7")}
    assert all(0 <= bucket < BUCKETS for bucket in held)


def test_the_bucket_of_a_name_never_changes() -> None:
    # The check value of CRC-32, so that the names' hash is no process's own.
    assert bucket_of("123456789") == 0xCBF43926 % BUCKETS


@pytest.fixture
def meanwhile() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def load_elsewhere(dsn: str, *candidates: Candidate) -> Workspace:
    """What another session loads, after it has waited for those who hold what it needs."""
    with connected(dsn, "waiting") as waiting, waiting.transaction():
        return load(waiting, *candidates)


def until_someone_waits(db: Connection) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE classid = %s AND locktype = 'advisory' AND NOT granted"
    wait_until(lambda: bool(rows(db, waiting, LOCK_CLASS)))


def test_who_has_waited_sees_what_it_waited_for(
    dsn: str, db: Connection, meanwhile: ThreadPoolExecutor
) -> None:
    buyer, sold = Person(), []
    with db.transaction():
        workspace = load(db, sold_to := sale(buyer))
        accept(workspace, sold_to, "SIGNED")
        save(db, workspace)
        sold.append(sold_to.key)
        listed = meanwhile.submit(load_elsewhere, dsn, listing(buyer))
        until_someone_waits(db)
    assert lookups(listed.result(30), "buyer", [buyer]) == [sold]


# -- aliases -----------------------------------------------------------------------------------------------------------


def test_a_sale_sees_the_listings_of_all_who_are_the_same_party(db: Connection) -> None:
    one, two, three, stranger = Person(), Person(), Person(), Person()
    listed = listing(three)
    accepted_batch(db, (alias(one, two), "LINKED"), (alias(two, three), "LINKED"), (listed, "LISTED"))
    with db.transaction():
        workspace = load(db, sale(one, stranger))
    assert lookups(workspace, "listing", [one, two, three, stranger]) == [[], [], [listed.key], []]


def test_a_listing_of_one_number_waits_for_a_sale_to_the_other(db: Connection, other: Connection) -> None:
    one, two = Person(), Person()
    accepted_batch(db, (alias(one, two), "LINKED"))
    with db.transaction():
        load(db, sale(one))
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            load(other, listing(two))


def test_a_listing_that_leaves_one_number_leaves_the_others_too(db: Connection, other: Connection) -> None:
    one, two = Person(), Person()
    first = listing(one)
    accepted_batch(db, (alias(one, two), "LINKED"), (first, "LISTED"))
    with db.transaction():
        workspace = load(db, again(first, parties=listing(Person()).body["parties"]))
        assert workspace.facts("alias", two.ref)
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            load(other, sale(two))


def test_parties_linked_while_we_waited_make_us_begin_again(
    dsn: str, db: Connection, meanwhile: ThreadPoolExecutor
) -> None:
    one, two = Person(), Person()
    sold, listed = sale(one), listing(two)
    accepted_batch(db, (listed, "LISTED"))
    with db.transaction():
        workspace = load(db, linked := alias(one, two))
        accept(workspace, linked, "LINKED")
        save(db, workspace)
        late = meanwhile.submit(load_elsewhere, dsn, sold)
        until_someone_waits(db)
    with pytest.raises(Contended):
        late.result(30)
    assert lookups(load_elsewhere(dsn, sold), "listing", [two]) == [[listed.key]]


# -- facts -------------------------------------------------------------------------------------------------------------


def facts_of(db: Connection, key: EntityKey) -> list[tuple[Any, ...]]:
    statement = (
        "SELECT kind, key, revision FROM admission.fact WHERE subject = %s AND entity_id = %s ORDER BY 1, 2"
    )
    return rows(db, statement, *key)


def test_facts_are_replaced_by_those_of_the_next_revision(db: Connection) -> None:
    one, two, three = sorted((Person(), Person(), Person()), key=lambda person: person.ref)
    first = sale(one, two)
    number = first.body["contract_no"]
    accepted_batch(db, (first, "SIGNED"))
    seller = next(p["party_ref"] for p in first.body["parties"] if p["role"] == "SELLER")
    assert facts_of(db, first.key) == [
        ("buyer", one.ref, 1),
        ("buyer", two.ref, 1),
        ("contract", number, 1),
        ("party", seller, 1),
    ]
    parties = sale(two, three).body["parties"]
    accepted_batch(db, (second := again(first, parties=parties), "AMENDED"))
    assert facts_of(db, first.key) == [
        ("buyer", two.ref, 2),
        ("buyer", three.ref, 2),
        ("contract", number, 2),
        ("party", seller, 2),
    ]
    accepted_batch(db, (again(second), "CANCELLED"))
    assert facts_of(db, first.key) == [("contract", number, 3), ("ended", first.body["house_code"], 3)]


def test_a_later_record_of_the_batch_sees_what_an_earlier_one_told(db: Connection) -> None:
    wrong, right = Person(), Person()
    first = listing(wrong, expires_on=date(2027, 1, 31))
    accepted_batch(db, (first, "LISTED"))
    mended = again(first, parties=listing(right).body["parties"])
    sold = sale(wrong, right)
    with db.transaction():
        workspace = load(db, mended, sold)
        assert lookups(workspace, "listing", [wrong, right]) == [[first.key], []]
        accept(workspace, mended, "LISTED")
        assert lookups(workspace, "listing", [wrong, right]) == [[], [first.key]]
        fact = workspace.facts("listing", right.ref)[0]
        assert (fact.revision, fact.detail("expires_on")) == (2, "2027-01-31")


def test_a_fact_comes_back_as_it_was_told(db: Connection) -> None:
    person = Person()
    accepted_batch(db, (first := listing(person), "LISTED"))
    with db.transaction():
        told = load(db, again(first)).told[first.key]
    with db.transaction():
        workspace = load(db, first)
        accept(workspace, first, "LISTED", revision=1)
        assert workspace.told[first.key] == told


def test_of_two_terms_of_one_permit_memory_and_database_keep_the_same(db: Connection) -> None:
    number = f"商房预字第{uuid.uuid4()}号"
    (permit, *_) = example("project", "registered")["presale_permits"]
    terms = [permit | {"presale_permit_no": number, "valid_until": end} for end in (None, date(2027, 1, 1))]
    project, sold = candidate("project", presale_permits=terms), sale(Person(), presale_permit_no=number)
    with db.transaction():
        workspace = load(db, project, sold)
        accept(workspace, project, "ACTIVE")
        told = workspace.facts("permit", number)
        save(db, workspace)
    with db.transaction():
        assert load(db, sold).facts("permit", number) == told


def test_a_key_that_postgres_cannot_hold_finds_nothing(db: Connection) -> None:
    with db.transaction():
        workspace = load(db, sale(Person(), contract_no="HT-\0"))
    assert workspace.facts("held", "contract:HT-\0") == ()
