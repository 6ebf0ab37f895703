"""A principal reads its own topics and groups and nothing else, writes its own intake and nothing else."""

import pytest

from broker.errors import AccessDenied, Unavailable
from broker.kafka import Connection, GroupConsumer, IdempotentProducer, Outgoing, PartitionReader
from broker.topics import group_prefix
from consumers.subscription import Subscription
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house


class Never:
    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        return False


def test_a_department_reads_its_own_topics(exchange: Exchange) -> None:
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*sold_house())
    until("tax's records", lambda: bool(exchange.read(["dept.tax.sale.v1"], user="tax")))


@pytest.mark.parametrize(
    "topic",
    [
        "dept.court.sale.v1",
        "exchange.sale",
        "intake.bureau",
        "decision.bureau",
        "quarantine.tax",
        "intake.tax",
    ],
)
def test_it_cannot_read_others(deployed: Exchange, topic: str) -> None:
    settings = deployed.site.settings("tax")
    subscription = Subscription(settings, group_prefix("tax") + "test", [topic], dead_letters=False)
    with pytest.raises(AccessDenied, match=r"tax"):
        subscription.run(lambda record: None, Never())


@pytest.mark.parametrize("topic", ["dept.tax.sale.v1", "exchange.sale", "intake.court", "decision.tax"])
def test_it_cannot_write(deployed: Exchange, topic: str) -> None:
    settings = deployed.site.settings("tax")
    with (
        IdempotentProducer(Connection.of(settings)) as producer,
        pytest.raises(AccessDenied, match=r"does not allow tax"),
    ):
        producer.send(Outgoing(topic, 0, b"k", b"v"))()


def test_it_cannot_join_anothers_group(deployed: Exchange) -> None:
    connection = Connection.of(deployed.site.settings("tax"))
    with (
        GroupConsumer(connection, group_prefix("court") + "x", ["dept.tax.sale.v1"]) as consumer,
        pytest.raises(AccessDenied, match=r"GroupAuthorizationFailed"),
    ):
        until("the refusal", lambda: bool(consumer.poll(0.1)), 20)


def test_a_wrong_password_is_a_clear_error(deployed: Exchange) -> None:
    settings = deployed.site.admin.as_user("tax", "wrong")
    with (
        pytest.raises(Unavailable, match=r"user tax and its password"),
        PartitionReader(Connection.of(settings)),
    ):
        pass
