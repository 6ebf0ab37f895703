"""Check 4 on a real exchange: it passes on what admission decides, and finds an acceptance that was planted."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker.kafka import Connection, IdempotentProducer, Outgoing, Record
from broker.registry import Registry
from broker.released import RegistrySubject, decoder, encode_newest, exchange_subject, topic_subject
from qianbei.verify import Report, verify
from tests.fix_exchange import home
from tests.support.exchange import Exchange, exchange_on
from tests.support.law_story import Case, case, whole_story
from tests.support.providers import Embedded

Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def own() -> Iterator[Exchange]:
    """An exchange of our own: what is planted in a log stays in it."""
    with home() as folder, exchange_on(Embedded(), folder) as exchange:
        exchange.ensure_services(1)
        yield exchange


def rewrite(own: Exchange, record: Record, subject: RegistrySubject, change: Change) -> Outgoing:
    """A record as it lies in a topic, with another body."""
    with Registry(own.site.admin.registry_url) as registry:
        body = change(decoder(registry, [subject]).decode(record.value)[1])
        value = encode_newest(registry, subject)(body)
    headers = tuple(
        (name, str(body["revision"]).encode() if name == "qb_revision" else one)
        for name, one in record.headers
    )
    return Outgoing(record.topic, record.partition, body["entity_id"].encode(), value, headers)


def plant_acceptance(own: Exchange, like: Case, **of_sale: Any) -> None:
    """Write as if admission had accepted another sale of the house, right after all that its slot has decided."""
    decided = own.read(["decision.bureau", "decision.court", "decision.internal"])
    signed = next(r for r in own.read(["exchange.sale"]) if r.key == like.contract.encode())
    decision = next(r for r in decided if r.topic == "decision.bureau" and r.key == like.contract.encode())
    name, decision_id, event_id = f"{like.contract}-planted", str(uuid.uuid4()), str(uuid.uuid4())
    made = {"entity_id": name, "decision_id": decision_id, "event_id": event_id, "revision": 1}
    slot_seq = sum(r.partition == signed.partition for r in decided) + 1
    effect = {"topic": "exchange.sale", "entity_id": name, "revision": 1}
    sale = rewrite(own, signed, exchange_subject("sale"), lambda body: body | made | of_sale)
    answer = rewrite(
        own,
        decision,
        topic_subject("decision.bureau", "decision"),
        lambda body: body | made | {"slot_seq": slot_seq, "effects": [effect]},
    )
    with IdempotentProducer(Connection.of(own.site.admin)) as producer:
        for record in (sale, answer):
            producer.send(record)()


def law(report: Report) -> dict[str, int]:
    return dict(report.checks["law"].found)


def test_the_law_is_kept_and_what_was_planted_is_found(own: Exchange) -> None:
    with case(own) as told:
        whole_story(told)
        report = verify(own.site, patience_s=60)
        assert report.ok, report.as_dict()
        counts = report.checks["law"].counts
        compared = (
            "sales_judged",
            "buyers",
            "seizure_revisions",
            "defaulter_revisions",
            "conflict_revisions",
        )
        assert min(counts[name] for name in compared) > 0, counts
        assert counts["listings_met_sales"] == 1

        told.accepted(told.seizure(entity_id="CF-2", seizure_id="CF-2"))
        assert verify(own.site, patience_s=60).ok
        own.stop_services()
        plant_acceptance(own, told, contract_status="SIGNED", event_type="SIGNED")
        found = law(verify(own.site, patience_s=3))
        assert found == {"SOLD_WHILE_SEIZED": 1, "TWO_LIVE_SALES": 1}
