"""One filing goes in once; every entitled department gets it, and Postgres holds the latest state."""

from typing import Any

import psycopg

from broker.kafka import Record
from broker.registry import Registry
from broker.released import decoder, topic_subject
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house

ICBC_USCC = "91411400MA4000012N"


def decisions_of(exchange: Exchange, principal: str, entity_id: str) -> list[dict[str, Any]]:
    topic = f"decision.{principal}"
    with Registry(exchange.site.admin.registry_url) as registry:
        known = decoder(registry, [topic_subject(topic, "decision")])
    found = [known.decode(record.value)[1] for record in exchange.read([topic])]
    return [decision for decision in found if decision["entity_id"] == entity_id]


def keyed(records: list[Record], key: str) -> list[Record]:
    return [record for record in records if record.key == key.encode()]


def test_a_filing_reaches_every_entitled_department(exchange: Exchange) -> None:
    events = sold_house(lender_uscc=ICBC_USCC)
    contract = events[-1].record["entity_id"]
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*events)
    until("decisions", lambda: len(decisions_of(exchange, "bureau", contract)) == 2)
    assert [d["outcome"] for d in decisions_of(exchange, "bureau", contract)] == ["ACCEPTED", "ACCEPTED"]

    for topic in (
        "dept.tax.sale.v1",
        "dept.court.sale.v1",
        "dept.monitoring.sale.v1",
        "dept.bank.icbc.sale.v1",
    ):
        until(topic, lambda topic=topic: len(keyed(exchange.read([topic]), contract)) == 2)
    assert not keyed(exchange.read(["dept.bank.ccb.sale.v1"]), contract), (
        "the other bank has no interest in it"
    )


def test_latest_holds_the_newest_revision(exchange: Exchange) -> None:
    events = sold_house()
    contract = events[-1].record["entity_id"]
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*events)

    def row() -> tuple[Any, ...] | None:
        with psycopg.connect(exchange.site.admin.dsn()) as db:
            return db.execute(
                "SELECT revision, contract_status, total_price FROM latest.sale WHERE entity_id = %s",
                (contract,),
            ).fetchone()

    until("the row", lambda: (row() or (0,))[0] == 2)
    assert row() == (2, "FILED", events[-1].record["total_price"])
