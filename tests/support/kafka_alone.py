"""A Kafka alone, for tests that stop it and touch its files; always the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qianbei.stack import Lifetime, Supervisor, kafka_server, passwords, ports
from qianbei.stack.artifacts import ensure_programs
from qianbei.stack.children import Child
from qianbei.stack.commands import run_all
from qianbei.stack.home import Home


@dataclass(frozen=True)
class KafkaAlone:
    """A node that was started, and can be stopped and started again."""

    home: Home
    supervisor: Supervisor
    child: Child
    port: int
    password: str

    @property
    def files(self) -> Path:
        return kafka_server.data_dir(self.home)

    def start(self) -> None:
        self.supervisor.start(self.child)
        self.supervisor.wait_ready(self.child)

    def stop(self) -> None:
        self.supervisor.stop(self.child.name)


@contextmanager
def kafka_alone(folder: Path) -> Iterator[KafkaAlone]:
    """A running node with an empty log."""
    home = Home(folder)
    home.prepare()
    programs = ensure_programs(lambda _said: None)
    known, chosen = passwords.load_or_make(home), ports.load_or_choose(home.ports)
    kafka_server.write_configuration(home, programs, chosen, known)
    run_all([kafka_server.format_command(home, programs, known)])
    supervisor = Supervisor(home.run, home.log, Lifetime.PARENT)
    child = kafka_server.child(home, programs, chosen)
    node = KafkaAlone(home, supervisor, child, chosen.kafka, known.kafka_admin)
    node.start()
    try:
        yield node
    finally:
        node.stop()
