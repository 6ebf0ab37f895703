"""What the exchange needs of its three servers, asked of every provider that is present here."""

from collections.abc import Iterator

import psycopg
import pytest

from broker.errors import ConfigError
from broker.kafka import (
    Acl,
    Admin,
    Commit,
    Connection,
    GroupConsumer,
    IdempotentProducer,
    Outgoing,
    TransactionalProducer,
)
from broker.registry import Registry
from broker.settings import Settings
from qianbei.site import settings_from
from tests.fix_exchange import home
from tests.support.exchange import until
from tests.support.providers import Provider, present_providers

SCHEMA = {
    "type": "record",
    "namespace": "cn.qianbei.contract",
    "name": "Probe",
    "fields": [{"name": "a", "type": "string"}],
}
BROKEN = SCHEMA | {"fields": [{"name": "b", "type": "long"}]}


@pytest.fixture(scope="module", params=present_providers(), ids=lambda provider: provider.name)
def servers(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """The administrator's settings on each provider in turn."""
    provider: Provider = request.param
    print(f"\nprovider: {provider.name}")
    with home() as folder, provider.servers(folder) as environment:
        yield settings_from(environment)


def test_topics_users_and_rights(servers: Settings) -> None:
    with Admin(Connection.of(servers)) as admin:
        if "contract.probe" not in admin.topics():
            admin.create_topics({"contract.probe": {"message.timestamp.type": "LogAppendTime"}}, 2, 1)
        assert admin.partition_counts(["contract.probe"]) == {"contract.probe": 2}
        admin.set_passwords({"contract-user": "p4ssw0rd-for-a-test"})
        assert "contract-user" in admin.users()
        right = Acl("contract-user", "TOPIC", "contract.probe", "WRITE")
        admin.grant([right])
        admin.revoke([right])
        assert right not in admin.acls()


def test_a_transaction_is_seen_whole(servers: Settings) -> None:
    connection = Connection.of(servers)
    with Admin(connection) as admin:
        if "contract.in" not in admin.topics():
            admin.create_topics({"contract.in": {}, "contract.out": {}}, 1, 1)
    with IdempotentProducer(connection) as producer:
        producer.send(Outgoing("contract.in", 0, b"k", b"v"))()
    with (
        TransactionalProducer(connection, "contract-tx") as producer,
        GroupConsumer(connection, "contract-group", ["contract.in"]) as consumer,
    ):
        found = []
        assignment = None

        def step() -> bool:
            nonlocal assignment
            records = consumer.poll(0.1)
            if consumer.moved:
                assignment = consumer.take_assignment()
                for p in assignment.partitions if assignment else ():
                    consumer.seek(p, consumer.committed(p) or 0)
            found.extend(records)
            return bool(found)

        until("the record", step)
        assert assignment is not None
        (partition,) = assignment.partitions
        offsets = {partition: found[-1].offset + 1}
        out = [Outgoing("contract.out", 0, b"k", bytes([n])) for n in range(10)]
        producer.publish(out, Commit("contract-group", offsets, assignment.generation))
        assert consumer.committed(partition) == found[-1].offset + 1


def test_postgres_takes_a_password_over_tcp(servers: Settings) -> None:
    with psycopg.connect(servers.dsn()) as db:
        row = db.execute("SELECT current_setting('server_version_num')::int").fetchone()
    assert row is not None
    assert row[0] >= 150_000


def test_the_registry_keeps_schemas_and_refuses_breaks(servers: Settings) -> None:
    with Registry(servers.registry_url) as registry:
        registry.set_compatibility("FULL_TRANSITIVE")
        first = registry.register("contract.probe-value", SCHEMA)
        assert registry.register("contract.probe-value", SCHEMA) == first
        assert registry.lookup("contract.probe-value", SCHEMA) == first
        assert registry.lookup("contract.probe-value", BROKEN) is None
        assert registry.schema(first) == SCHEMA
        with pytest.raises(ConfigError, match=r"released version is never edited"):
            registry.register("contract.probe-value", BROKEN)
