"""Erasing a person: what admission makes of what is asked of it, on a real Postgres."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from broker.admission.store.facts import _found
from broker.keys.ciphers import Algorithm
from broker.keys.store import destroy, retire
from broker.protected import erased, is_sealed
from broker.topics import exchange_topic
from tests.machine.books import Event
from tests.machine.exchange import Exchange
from tests.machine.knowledge import decoder
from tests.machine.on_postgres import OnPostgres
from tests.machine.sealing import Opener, sealer, values_of
from tests.support.story import sold_house

Body = dict[str, Any]


@pytest.fixture
def backend(machine: Exchange) -> Iterator[OnPostgres]:
    backend = OnPostgres(machine)
    backend.begin()
    machine.own.execute("DELETE FROM keys.person_key")
    yield backend
    machine.own.execute("DELETE FROM keys.request")
    machine.sealer = None


@pytest.fixture
def story(backend: OnPostgres) -> list[Event]:
    """A sale, signed and filed, and its cancellation, still to be sent."""
    events = [Event(one.principal, one.subject, one.record) for one in sold_house()]
    for one in events:
        backend.send(one)
    backend.flow()
    filed = events[-1].body
    ended = {"event_type": "CANCELLED", "contract_status": "CANCELLED", "version": 3}
    return [*events, Event("bureau", "sale", filed | ended | {"event_id": str(uuid.uuid4())})]


def revisions(exchange: Exchange, subject: str = "sale") -> list[Body]:
    """What lies in an exchange topic, oldest first."""
    partitions = [p for p in exchange.log.topics("exchange.") if p.topic == exchange_topic(subject)]
    return [decoder().decode(record.value)[1] for p in partitions for record in exchange.log.read(p)]


def ask(exchange: Exchange, sale: Body, *refs: str) -> str:
    event_id = str(uuid.uuid4())
    exchange.own.execute(
        "INSERT INTO keys.request (event_id, erasure_id, subject, entity_id, refs, alone)"
        " VALUES (%s, 'e1', 'sale', %s, %s, false)",
        (event_id, sale["entity_id"], list(refs)),
    )
    return event_id


def party(sale: Body, role: str) -> Body:
    return next(one for one in sale["parties"] if one["role"] == role)


def outcomes(exchange: Exchange, event_id: str) -> list[tuple[str, list[str]]]:
    lane = [p for p in exchange.log.topics("decision.") if p.topic == "decision.internal"]
    found = [decoder().decode(record.value)[1] for p in lane for record in exchange.log.read(p)]
    return [
        (one["outcome"], [reason["code"] for reason in one["reasons"]])
        for one in found
        if one["event_id"] == event_id
    ]


@pytest.mark.parametrize("algorithm", [None, *Algorithm], ids=str)
def test_the_revision_has_nothing_of_the_person_and_all_of_the_others(
    backend: OnPostgres, story: list[Event], algorithm: Algorithm | None
) -> None:
    """What came in clear, before encryption was turned on, is erased as what is encrypted."""
    exchange = backend.exchange
    backend.exchange.sealer = sealer(algorithm) if algorithm else None
    for instance in exchange.instances:
        instance.session = None
    backend.flow()
    backend.send(story[-1])
    backend.flow()
    before = revisions(exchange)[-1]
    buyer, seller = party(before, "BUYER"), party(before, "SELLER")
    asked = ask(exchange, before, buyer["party_ref"])
    backend.sweep()
    after = revisions(exchange)[-1]
    assert outcomes(exchange, asked) == [("ACCEPTED", [])]
    assert (after["event_type"], after["contract_status"]) == ("PARTY_ERASED", "CANCELLED")
    assert after["occurred_at"] == before["occurred_at"]
    assert party(after, "BUYER") == buyer | {"party_ref": None} | {
        name: erased() for name in ("name", "id_no", "phone", "contact_address", "legal_rep") if buyer[name]
    }
    assert party(after, "SELLER") == seller, "carried over as it lay"
    left = [envelope for _, holder, envelope in values_of("sale", after) if holder["party_ref"]]
    assert {is_sealed(envelope) for envelope in left} == {algorithm is not None}
    # Again: it has been done, and a second asking of another revision finds nobody.
    again = ask(exchange, before, buyer["party_ref"])
    backend.jump(1)
    backend.sweep()
    assert outcomes(exchange, again) == [("REFUSED", ["MOOT"])]
    assert len(revisions(exchange)) == before["revision"] + 1


def test_a_record_that_stands_is_not_erased_from(backend: OnPostgres, story: list[Event]) -> None:
    exchange = backend.exchange
    live = revisions(exchange)[-1]
    asked = ask(exchange, live, party(live, "BUYER")["party_ref"])
    backend.sweep()
    assert outcomes(exchange, asked) == [("REFUSED", ["ILLEGAL_TRANSITION"])]
    assert revisions(exchange)[-1] == live
    # Once it has ended, what was asked in vain is asked again and done.
    backend.send(story[-1])
    backend.flow()
    backend.jump(1)
    backend.sweep()
    assert outcomes(exchange, asked)[-1] == ("ACCEPTED", [])


def test_with_its_last_person_a_record_loses_the_rest_and_is_found_by_nobody(
    backend: OnPostgres, story: list[Event]
) -> None:
    exchange = backend.exchange
    backend.send(story[-1])
    backend.flow()
    sale = revisions(exchange)[-1]
    refs = sorted({one["party_ref"] for one in sale["parties"]})
    ask(exchange, sale, *refs)
    backend.sweep()
    after = revisions(exchange)[-1]
    assert not [one["party_ref"] for one in after["parties"] if one["party_ref"]]
    assert {envelope["key_id"] for _, _, envelope in values_of("sale", after)} == {"erased"}
    lookups = {(kind, ref) for kind in ("buyer", "party") for ref in refs}
    assert not list(_found(exchange.own, lookups))


def test_what_is_sealed_after_the_keys_were_retired_is_under_another_key(
    backend: OnPostgres, story: list[Event]
) -> None:
    """Else a person who buys again while he is erased would lose his new contract too."""
    exchange = backend.exchange
    exchange.sealer = sealer(Algorithm.AES)
    for instance in exchange.instances:
        instance.session = None
    backend.flow()
    backend.send(story[-1])
    backend.flow()
    old = party(revisions(exchange)[-1], "BUYER")
    ref = old["party_ref"]
    with exchange.own.transaction():
        assert retire(exchange.own, {ref}, "e1") == 1
    again = [Event(one.principal, one.subject, one.record) for one in sold_house()]
    for one in again:
        backend.send(one)
    backend.flow()
    new = next(
        party(one, "BUYER")
        for one in revisions(exchange)
        if one["entity_id"] == again[-1].body["entity_id"] and one["revision"] == 2
    )
    assert new["party_ref"] == ref
    assert new["name"]["key_id"] != old["name"]["key_id"]
    with exchange.own.transaction():
        assert destroy(exchange.own, {ref}, "e1") == 1
    opened = Opener(exchange)
    assert opened(new["name"], ref)
    with pytest.raises(AssertionError, match="destroyed"):
        opened(old["name"], ref)
