"""``kill -9`` of the audit reader, at any moment: its chains go on rightly, no record twice, none left out."""

import os
import secrets
from random import Random

import psycopg
import pytest

from broker.kafka import Connection, PartitionReader
from broker.topics import AUDIT
from qianbei.audit import verify_chains
from qianbei.services import SERVICES, instance_name
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house

KILLS = int(os.environ.get("QIANBEI_AUDIT_KILLS", "2"))
TOPICS = ("intake.bureau", "decision.bureau", "exchange.unit", "exchange.sale", "dept.tax.sale.v1")
NAME = instance_name(SERVICES["audit"], 0)


def behind(exchange: Exchange) -> int:
    """How many offsets of the topics are not chained yet."""
    with (
        psycopg.connect(exchange.site.admin.dsn()) as db,
        PartitionReader(Connection.of(exchange.site.admin)) as reader,
    ):
        query = "SELECT topic, partition, next_offset FROM audit.position WHERE topic = ANY(%s)"
        positions = {(topic, partition): at for topic, partition, at in db.execute(query, (list(TOPICS),))}
        ends = reader.end_offsets([p for topic in TOPICS for p in reader.partitions_of(topic)])
    return sum(max(0, end - positions.get((*p,), 0)) for p, end in ends.items())


@pytest.mark.timeout(900)
def test_a_killed_audit_reader_goes_on_where_its_chains_end(exchange: Exchange) -> None:
    seed = int(os.environ.get("QIANBEI_AUDIT_SEED", secrets.randbelow(10**6)))
    print(f"QIANBEI_AUDIT_SEED={seed}")
    chance, settings = Random(seed), exchange.site.settings(AUDIT, role="qb_audit")
    exchange.restart("audit")
    try:
        until("it chains", lambda: behind(exchange) == 0, 180)
        for _ in range(KILLS):
            with sender(exchange.site, "bureau") as bureau:
                for _house in range(chance.randrange(5, 30)):
                    bureau.send(*sold_house())
            wanted = behind(exchange) * chance.random()
            until("it is in the midst of it", lambda wanted=wanted: behind(exchange) <= wanted, 120)
            exchange.kill(NAME)
            exchange.restart("audit")
        until("all is chained", lambda: behind(exchange) == 0, 180)
        report = verify_chains(settings, exchange.site.secrets / "audit", topics=TOPICS)
    finally:
        exchange.supervisor.stop(NAME)
    assert report.ok, report.as_dict()
    chained = [r for topic in TOPICS for r in exchange.read([topic])]
    assert report.records == len(chained) > 5 * KILLS
