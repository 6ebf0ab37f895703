"""``verify`` on a real exchange: it passes on what the services have done, and finds what was changed behind them."""

import hashlib
from collections.abc import Iterator

import psycopg
import pytest

from broker.kafka import Connection, IdempotentProducer, Outgoing
from qianbei.inspect.lag import measure
from qianbei.verify import Report, verify
from tests.support.exchange import Exchange, exchange_on, until
from tests.support.providers import Embedded
from tests.support.story import sender, sold_house

ICBC_USCC = "91411400MA4000012N"


def send_a_little_of_everything(exchange: Exchange) -> str:
    """Accepted, refused, repeated and unreadable records; gives the contract that was filed."""
    events = sold_house(lender_uscc=ICBC_USCC)
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*events, events[1], events[-1])
        message = bureau.message(events[0])
    with IdempotentProducer(Connection.of(exchange.site.settings("bureau"))) as producer:
        for value in (b"junk", None, message.value[:-3] if message.value else b""):
            producer.send(message._replace(value=value))()
    contract: str = events[-1].record["entity_id"]
    return contract


def check(exchange: Exchange) -> Report:
    return verify(exchange.site, patience_s=60)


def found(report: Report, check_name: str) -> dict[str, int]:
    return dict(report.checks[check_name].found)


def test_what_the_services_have_done_is_right(exchange: Exchange) -> None:
    send_a_little_of_everything(exchange)
    report = check(exchange)
    assert report.ok, report.as_dict()
    counts = report.checks["conservation"].counts
    assert min(counts[kind] for kind in ("accepted", "duplicate", "quarantined", "effects")) > 0
    assert report.checks["fold"].counts["party_rows"] > 0
    assert report.checks["projection"].counts["dept_schemas"] >= 4


def test_a_changed_cell_and_a_missing_party_are_found(exchange: Exchange) -> None:
    contract = send_a_little_of_everything(exchange)
    assert check(exchange).ok
    with psycopg.connect(exchange.site.admin.dsn(), autocommit=True) as db:
        with db.transaction(force_rollback=False):
            db.execute(
                "CREATE TABLE public.kept AS SELECT * FROM latest.sale_parties WHERE entity_id = %s",
                (contract,),
            )
            db.execute(
                "UPDATE latest.sale SET total_price = total_price + 0.01 WHERE entity_id = %s", (contract,)
            )
            db.execute("DELETE FROM latest.sale_parties WHERE entity_id = %s AND position = 1", (contract,))
        try:
            report = check(exchange)
        finally:
            with db.transaction():
                db.execute(
                    "UPDATE latest.sale SET total_price = total_price - 0.01 WHERE entity_id = %s",
                    (contract,),
                )
                db.execute("INSERT INTO latest.sale_parties SELECT * FROM public.kept WHERE position = 1")
                db.execute("DROP TABLE public.kept")
    assert found(report, "fold") == {"WRONG_ROW": 1, "WRONG_PARTY_ROWS": 1}
    assert any(v.detail == "latest.sale: differs in total_price" for v in report.checks["fold"].violations)
    assert not report.ok
    assert check(exchange).ok, "it was put back"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange of our own: what is planted in a log stays in it."""
    with exchange_on(Embedded(), tmp_path_factory.mktemp("own")) as exchange:
        exchange.ensure_services(1)
        yield exchange


def test_what_was_planted_in_the_logs_is_found(own: Exchange) -> None:
    contract = send_a_little_of_everything(own)
    assert check(own).ok
    own.stop_services()
    sent = next(r for r in own.read(["dept.tax.sale.v1"]) if r.key == contract.encode())
    filed = [r for r in own.read(["exchange.sale"]) if r.key == contract.encode()][-1]
    with IdempotentProducer(Connection.of(own.site.admin)) as producer:
        # A record that a department has twice, one of the exchange that nothing explains, one that was never decided.
        for record in (sent, filed):
            producer.send(
                Outgoing(record.topic, record.partition, record.key, record.value, record.headers)
            )()
        producer.send(Outgoing("intake.court", 0, b"x", b"never decided"))()
    report = verify(own.site, patience_s=3)
    assert found(report, "conservation") == {"REVISION_ORDER": 1, "NO_DECISION": 1, "BEHIND": 1}
    assert found(report, "projection") == {"UNEXPECTED_RECORD": 1, "BEHIND": 1}
    assert found(report, "fold") == {"BEHIND": 1}
    behind = {one.service: one for one in measure(own.site).services}
    assert {name: one.behind for name, one in behind.items()} == {
        "admission": 1,
        "routing": 1,
        "compaction": 1,
        "report": 1,
    }
    assert all(one.exact and one.oldest_s is not None for one in behind.values())

    own.ensure_services(1)
    until("the services have caught up", lambda: measure(own.site).behind == 0)
    caught_up = verify(own.site, patience_s=60)
    assert found(caught_up, "conservation") == {"REVISION_ORDER": 1, "NO_DECISION": 1}
    assert caught_up.checks["conservation"].counts["quarantined"] == 4
    digest = hashlib.sha256(b"never decided").hexdigest()
    assert digest not in str(caught_up.as_dict()), "a violation names places, not contents"
