"""A whole exchange for tests: a deployed site on real servers, with its services as processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from qianbei.services import SERVICES, instance_name, running_services, start_services, started_services
from qianbei.services import child as service_child
from qianbei.site import Site, deploy_site, settings_from
from qianbei.stack import Supervisor
from tests.support.providers import Provider


def until(what: str, true: Callable[[], bool], seconds: float = 150.0) -> None:
    """Wait for a condition, a bounded time. Fails naming what did not come."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.02)


@dataclass(frozen=True)
class Exchange:
    """A deployed site and the supervisor of its services."""

    site: Site
    supervisor: Supervisor

    def ensure_services(self, instances: int = 1) -> None:
        """Exactly so many instances of each service run afterwards."""
        wanted = {instance_name(s, n) for s in started_services() for n in range(instances)}
        self.supervisor.stop(*(name for name in running_services(self.supervisor) if name not in wanted))
        start_services(self.site, self.supervisor, instances)

    def stop_services(self) -> None:
        self.supervisor.stop(*running_services(self.supervisor))

    def kill(self, name: str) -> None:
        """``kill -9`` one service process."""
        process = self.supervisor.process(name)
        assert process is not None, f"{name} does not run"
        os.kill(process.pid, signal.SIGKILL)
        until(f"{name} is gone", lambda: self.supervisor.process(name) is None, 10)

    def restart(self, service: str, instance: int = 0) -> None:
        """Start one instance again, without waiting until it is ready."""
        self.supervisor.start(service_child(self.site, SERVICES[service], instance))

    def read(self, topics: list[str], user: str = "qb-operator") -> list[Record]:
        """Every committed record of these topics, read to their present ends."""
        with PartitionReader(Connection.of(self.site.settings(user))) as reader:
            partitions = [p for topic in topics for p in reader.partitions_of(topic)]
            return list(read_out(reader, partitions))


def read_out(reader: PartitionReader, partitions: list[TopicPartition]) -> Iterator[Record]:
    """The records of these partitions from the first to the present end."""
    reader.assign(partitions)
    ends = reader.end_offsets(partitions)
    for partition, offset in reader.beginning_offsets(partitions).items():
        reader.seek(partition, offset)
    deadline = time.monotonic() + 120
    while any(reader.position(p) < end for p, end in ends.items()):
        assert time.monotonic() < deadline, "topics were not read out in 120 s"
        yield from reader.poll(0.1)


@contextmanager
def exchange_on(provider: Provider, home: Path) -> Iterator[Exchange]:
    """Deploy on the servers of a provider; services are stopped at the end."""
    with provider.servers(home) as environment:
        granted = Path(environment.get("QIANBEI_ENTITLEMENTS") or home / "entitlements")
        granted.mkdir(exist_ok=True)
        own = {**environment, "QIANBEI_ENTITLEMENTS": str(granted)}
        site = Site(settings_from(own), home / "secrets")
        deploy_site(site)
        supervisor = provider.supervisor(home)
        exchange = Exchange(site, supervisor)
        try:
            yield exchange
        finally:
            exchange.stop_services()
