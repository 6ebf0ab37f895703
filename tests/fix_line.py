"""A Kafka alone with a dedicated line: TLS, and nobody without a certificate. Schemas are those of the shared exchange."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.deploy import installation_topics
from broker.kafka import Admin, Connection
from broker.settings import Settings
from broker.topics import acls
from qianbei.line import Issued, issue, make_ca
from qianbei.stack import Lifetime, Supervisor, kafka_server, passwords, ports
from qianbei.stack.artifacts import ensure_programs
from qianbei.stack.commands import run_all
from qianbei.stack.home import Home
from qianbei.stack.line import FOLDER, TRUSTED, Line, line_at
from tests.support.exchange import Exchange

SLOTS = 4
WHOSE = ("tax", "bank.icbc")


@dataclass(frozen=True)
class LineKafka:
    """The node as its administrator sees it, and the certificates of its line."""

    admin: Settings
    line: Line
    folder: Path

    def settings(self, name: str, **changes: object) -> Settings:
        """What a client with this certificate is given."""
        own = {
            "kafka_bootstrap": self.line.address,
            "kafka_security": "SSL",
            "kafka_username": None,
            "kafka_password": None,
            "kafka_cafile": self.folder / TRUSTED,
            "kafka_certfile": self.folder / f"{name}.pem",
            "kafka_keyfile": self.folder / f"{name}.key",
        }
        return self.admin.model_copy(update=own | changes)


@pytest.fixture(scope="session")
def line_kafka(deployed: Exchange) -> Iterator[LineKafka]:
    folder = tempfile.TemporaryDirectory(prefix="qianbei-line-", ignore_cleanup_errors=True)
    with folder as place, _kafka(Path(place)) as (admin, line):
        known = admin.model_copy(update={"registry_url": deployed.site.admin.registry_url})
        _deploy(known)
        yield LineKafka(known, line, line.truststore.parent)


@contextmanager
def _kafka(place: Path) -> Iterator[tuple[Settings, Line]]:
    home = Home(place)
    home.prepare()
    known, chosen = passwords.load_or_make(home), ports.load_or_choose(home.ports)
    line = _certified(place, chosen.registry)
    programs = ensure_programs(lambda _text: None)
    kafka_server.write_configuration(home, programs, chosen, known, line)
    run_all([kafka_server.format_command(home, programs, known)])
    supervisor = Supervisor(home.run, home.log, Lifetime.PARENT)
    child = kafka_server.child(home, programs, chosen, line)
    supervisor.start(child)
    try:
        supervisor.wait_ready(child)
        login = {"kafka_username": kafka_server.ADMIN, "kafka_password": known.kafka_admin}
        bootstrap = f"127.0.0.1:{chosen.kafka}"
        values = login | {"kafka_bootstrap": bootstrap, "SCHEMA_REGISTRY_URL": "http://127.0.0.1:9/"}
        yield Settings.model_validate(values), line
    finally:
        supervisor.stop(child.name)


def _certified(place: Path, port: int) -> Line:
    """The line's certificates: its own, those of its clients, one that has expired, and those of names that may not."""
    folder = place / FOLDER
    make_ca(folder)
    issue(folder, "server", hosts=["127.0.0.1", "localhost"])
    for name in (*WHOSE, kafka_server.ADMIN, "qb-operator"):
        issue(folder, name)
    return line_at(f"127.0.0.1:{port}", place)


def expired(folder: Path, name: str) -> Issued:
    """A certificate of the line's authority that was valid until yesterday."""
    begun = datetime.now(UTC) - timedelta(days=31)
    return issue(folder, name, days=30, now=begun, into=folder / "expired")


def _deploy(admin: Settings) -> None:
    topics = [one for one in installation_topics(admin.installation()) if one.principal in WHOSE]
    with Admin(Connection.of(admin)) as client:
        client.create_topics({one.name: one.config(1) for one in topics}, SLOTS, 1)
        client.grant(acl for acl in acls(topics) if acl.user in WHOSE)
