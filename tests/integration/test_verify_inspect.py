"""Looking into a real exchange: ``tail``, ``quarantine``, ``lag`` and ``connection``."""

import itertools

import pytest

from broker.errors import AccessDenied, ConfigError
from broker.kafka import Connection, IdempotentProducer, TopicPartition
from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from qianbei.inspect.connection import as_kcat, client_connection
from qianbei.inspect.lag import measure
from qianbei.inspect.quarantine import find, read_quarantine, topics_of
from qianbei.inspect.reading import partitions_of, reader_of
from qianbei.inspect.tail import Line, Tail, Wanted
from schemas.installation import load_installation
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house


@pytest.fixture
def contract(exchange: Exchange) -> str:
    """A filed contract that has reached tax."""
    events = sold_house()
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*events)
    entity: str = events[-1].record["entity_id"]
    until(
        "tax's records",
        lambda: sum(r.key == entity.encode() for r in exchange.read(["dept.tax.sale.v1"])) == 2,
    )
    return entity


def look(
    exchange: Exchange,
    topic: str,
    user: str,
    wanted: Wanted,
    *,
    from_start: bool = False,
    limit: int | None = None,
) -> list[Line]:
    with Registry(exchange.site.admin.registry_url) as registry, reader_of(exchange.site, user) as reader:
        tail = Tail(
            reader, AnyDecoder(registry), partitions_of(reader, topic, user, load_installation(None)), wanted
        )
        return list(tail.lines(from_start=from_start, follow=False, limit=limit))


def test_tail_shows_a_department_its_records(exchange: Exchange, contract: str) -> None:
    lines = look(exchange, "dept.tax.sale.v1", "tax", Wanted.of(contract, None, []), from_start=True)
    assert [line.record["event_type"] for line in lines if line.record] == ["SIGNED", "FILED"]
    assert [line.record["revision"] for line in lines if line.record] == [1, 2]
    (newest,) = look(exchange, "dept.tax.sale.v1", "tax", Wanted.of(contract, None, []), limit=1)
    assert newest == lines[-1]
    filed = Wanted.of(contract, "FILED", ["parties.role=BUYER"])
    assert look(exchange, "exchange.sale", "qb-operator", filed)[0].key == contract


def test_tail_follows_what_comes(exchange: Exchange) -> None:
    with (
        Registry(exchange.site.admin.registry_url) as registry,
        reader_of(exchange.site, "qb-operator") as reader,
    ):
        partitions = partitions_of(reader, "decision.bureau", "qb-operator", load_installation(None))
        tail = Tail(reader, AnyDecoder(registry), partitions, Wanted())
        events = sold_house()
        ends = reader.end_offsets(partitions)
        with sender(exchange.site, "bureau") as bureau:
            bureau.send(*events)
        coming = tail._read(ends, None)
        lines = list(itertools.islice(coming, 3))
    assert {line.record["outcome"] for line in lines if line.record} == {"ACCEPTED"}


@pytest.mark.parametrize("topic", ["dept.court.sale.v1", "exchange.sale", "intake.bureau"])
def test_tail_says_clearly_what_is_denied(exchange: Exchange, topic: str) -> None:
    with pytest.raises(AccessDenied, match="tax"):
        look(exchange, topic, "tax", Wanted())


def test_a_topic_that_one_may_write_and_not_read_is_denied(exchange: Exchange, contract: str) -> None:
    assert contract
    with pytest.raises(AccessDenied, match="bureau"):
        look(exchange, "intake.bureau", "bureau", Wanted())


def test_a_topic_that_is_not_there_is_named_with_the_nearest(exchange: Exchange) -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*exchange\.sale"):
        look(exchange, "exchange.sales", "qb-operator", Wanted())


def test_quarantine_gives_the_record_back_by_its_place(exchange: Exchange) -> None:
    with sender(exchange.site, "bureau") as bureau:
        message = bureau.message(sold_house()[0])._replace(value=b"\x1b[31mno record")
        offset = bureau.producers["bureau"].send(message)()
    place = f"intake.bureau/{message.partition}/{offset}"
    with (
        Registry(exchange.site.admin.registry_url) as registry,
        reader_of(exchange.site, "qb-operator") as reader,
    ):
        decoder, partitions = AnyDecoder(registry), topics_of(reader, ["bureau"])

        def listed() -> bool:
            return any(
                one.place == place for one in read_quarantine(reader, decoder, partitions, "BAD_MAGIC")
            )

        until("the quarantine record", listed)
        found = find(reader, decoder, place)
        assert (found.reason, found.value, found.key) == ("BAD_MAGIC", b"\x1b[31mno record", message.key)
        with pytest.raises(ConfigError, match="nothing of"):
            find(reader, decoder, f"intake.bureau/{message.partition}/99999999")
        with pytest.raises(ConfigError, match="is court2 a principal"):
            find(reader, decoder, "intake.court2/0/0")


def test_lag_comes_down_to_nothing(exchange: Exchange, contract: str) -> None:
    assert contract
    until("nothing is behind", lambda: measure(exchange.site).behind == 0)
    found = {
        one.service: one
        for one in measure(exchange.site, exchange.supervisor.run.parent, sample_s=0.1).services
    }
    assert set(found) == {"admission", "routing", "compaction", "report"}
    for one in found.values():
        assert one.exact
        assert len(one.instances) == 1
        assert one.rate is not None


def test_a_connection_can_write_and_read_as_it_says(exchange: Exchange) -> None:
    given = client_connection(exchange.site, "tax")
    connection = Connection(given.bootstrap_servers, given.security_protocol, given.username, given.password)
    with reader_of(exchange.site, "tax") as reader:
        for topic in (*given.dept_topics, given.decision_topic):
            assert len(partitions_of(reader, topic, "tax", load_installation(None))) == given.partitions
    with IdempotentProducer(connection) as producer, sender(exchange.site, "bureau") as bureau:
        junk = bureau.message(sold_house()[0])._replace(topic=given.intake_topic, value=b"junk of tax")
        assert producer.send(junk)() >= 0
    assert f"sasl.password={given.password}" in as_kcat(given)
    assert TopicPartition(given.intake_topic, 0).topic == "intake.tax"
