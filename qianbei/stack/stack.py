"""The embedded stack: Kafka, Postgres and the schema registry as one thing to start, ask and stop.

Guarantees
* `up` returns when all three answer, or raises `StackError` and leaves running nothing that it started.
* A second `up` starts only what does not run, on the same ports, with the same passwords and data.
* Data of a first start that never finished were never in anybody's hands: they are set aside and made anew.
  Data of a finished one are never touched.
* `down` stops the registry, then Postgres and Kafka, and only processes that are proven ours.
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from qianbei.stack import kafka_server, locked, passwords, ports, postgres, registry
from qianbei.stack.artifacts import Programs, ensure_programs
from qianbei.stack.children import Child, ChildState, ChildStatus, Lifetime
from qianbei.stack.commands import Command, run_all
from qianbei.stack.disk import MIB, require_free
from qianbei.stack.errors import StackError
from qianbei.stack.home import Home
from qianbei.stack.line import Line
from qianbei.stack.locks import held
from qianbei.stack.supervisor import Supervisor
from schemas.said import said

SERVERS = (kafka_server.NAME, postgres.NAME, registry.NAME)
FREE_BYTES = 1024 * MIB
LOCK_SECONDS = 180.0


def quiet(_message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Stack:
    """The stack in one home. Making one touches nothing. `say` is told what takes time; `line` is where Kafka
    also listens for those who come over a dedicated line, if it does."""

    home: Path
    lifetime: Lifetime = Lifetime.DAEMON
    say: Callable[[str], None] = quiet
    free_bytes: int = FREE_BYTES
    line: Line | None = None

    @property
    def places(self) -> Home:
        return Home(self.home.expanduser().absolute())

    @property
    def supervisor(self) -> Supervisor:
        """For other children of the same home, such as the services."""
        return Supervisor(self.places.run, self.places.log, self.lifetime)

    def up(self) -> None:
        """Start what does not run. Raises `StackError`."""
        with _system_errors_told():
            require_free(self.places.root, self.free_bytes)
            programs = ensure_programs(self.say)
            self.places.prepare()
            with self.locked():
                _Start(self, programs).run()

    def down(self) -> None:
        """Stop every child of the home: services first, since they use the servers. Does nothing where
        nothing runs."""
        if not self.places.run.exists():
            return
        with _system_errors_told(), self.locked():
            stop_in_order(self.supervisor, self.supervisor.names())

    def status(self) -> list[ChildStatus]:
        """One line a server, then one for every other child of the home."""
        supervisor = self.supervisor
        others = [name for name in supervisor.names() if name not in SERVERS]
        return [supervisor.status(name) for name in (*SERVERS, *others)]

    def settings_env(self) -> dict[str, str]:
        """What the exchange's settings need to use this stack, as environment variables. Holds passwords."""
        if not self.places.is_ready():
            raise StackError(
                said("the stack has not been started"), str(self.places.root), said("run `qianbei up`")
            )
        self.places.entitlements.mkdir(exist_ok=True, mode=0o700)  # a home of an earlier version has none
        known_ports, known_passwords = (
            ports.load_or_choose(self.places.ports),
            passwords.load_or_make(self.places),
        )
        return {
            "QIANBEI_KAFKA_BOOTSTRAP": f"127.0.0.1:{known_ports.kafka}",
            "QIANBEI_KAFKA_SECURITY": "SASL_PLAINTEXT",
            "QIANBEI_KAFKA_USERNAME": kafka_server.ADMIN,
            "QIANBEI_KAFKA_PASSWORD": known_passwords.kafka_admin,
            "QIANBEI_POSTGRES_DSN": postgres.dsn(known_ports, known_passwords),
            "SCHEMA_REGISTRY_URL": registry.url(known_ports),
            "QIANBEI_ENTITLEMENTS": str(self.places.entitlements),
        }

    def locked(self) -> AbstractContextManager[None]:
        """Hold it around `supervisor.start` and `stop` of other children; `up` and `down` take it
        themselves."""
        return held(self.places.lock, LOCK_SECONDS, "another process is starting or stopping this stack")


def _versions() -> dict[str, str]:
    lock = locked.load()
    return {"kafka": lock.kafka_version, "postgres": postgres.MAJOR, "registry": lock.registry.version}


def stop_in_order(supervisor: Supervisor, names: Sequence[str]) -> None:
    """Services before the servers that they use, the registry before its database."""
    services = [name for name in names if name not in SERVERS]
    for together in (services, [registry.NAME], [kafka_server.NAME, postgres.NAME]):
        supervisor.stop(*(name for name in together if name in names))


class _Start:
    """One run of `up`, with the lock held."""

    def __init__(self, stack: Stack, programs: Programs) -> None:
        self.stack = stack
        self.home = stack.places
        self.programs = programs
        self.supervisor = stack.supervisor
        self.started: list[str] = []

    def run(self) -> None:
        try:
            self._start_all()
        except BaseException:
            # Also for Ctrl-C: a half-started stack helps nobody and its processes would be forgotten.
            stop_in_order(self.supervisor, self.started)
            raise

    def _start_all(self) -> None:
        first = not self.home.is_ready()
        if first:
            self._clear_unfinished()
        self.passwords = passwords.load_or_make(self.home)
        self.ports = ports.load_or_choose(self.home.ports)
        self._check_ports()
        if not first:
            self._check_data()
        self._prepare()
        self._start_servers()
        if first:
            self.home.mark_ready(_versions())

    def _clear_unfinished(self) -> None:
        stop_in_order(self.supervisor, self.supervisor.names())  # of a first start that was killed
        if self.home.set_aside_unfinished():
            self.stack.say(
                said("an earlier first start did not finish: its data are set aside and made anew")
            )

    def _check_ports(self) -> None:
        wanted = {
            kafka_server.NAME: (self.ports.kafka, self.ports.kafka_controller),
            postgres.NAME: (self.ports.postgres,),
            registry.NAME: (self.ports.registry, self.ports.registry_management),
        }
        for name, numbers in wanted.items():
            if self.supervisor.process(name):
                self._check_same_port(name, numbers[0])
                if name == kafka_server.NAME:
                    self._check_same_line()
                continue
            for number in numbers:
                ports.require_free_port(name, number, self.home.ports)

    def _check_data(self) -> None:
        """Empty directories would otherwise be filled anew, and nobody would be told that the data are
        lost."""
        if not (kafka_server.is_formatted(self.home) and postgres.is_initialised(self.home)):
            raise StackError(
                said("the data of this stack are missing"),
                str(self.home.data),
                said("restore them, or use a new QIANBEI_HOME"),
            )

    def _check_same_port(self, name: str, expected: int) -> None:
        """Whoever removed ports.json under a running stack would get servers that do not find each other."""
        record = self.supervisor.record(name)
        if record and record.port != expected:
            raise StackError(
                said(
                    "{name} runs on port {port}, not on {expected}",
                    name=name,
                    port=record.port,
                    expected=expected,
                ),
                str(self.home.ports),
                said("run `qianbei down`, then `qianbei up`"),
            )

    def _check_same_line(self) -> None:
        """A running Kafka keeps its listeners."""
        if not kafka_server.listens_as(self.home, self.ports, self.stack.line):
            raise StackError(
                said("kafka runs with another line than it is asked for, or none"),
                str(self.home.conf / "kafka.properties"),
                said("run `qianbei down`, then `qianbei up` with the --line that it shall have"),
            )

    def _prepare(self) -> None:
        """Configuration, and on the first start the two data directories, made at the same time."""
        if not any(self.supervisor.process(name) for name in self.supervisor.names()):
            self.home.empty_tmp()
        kafka_server.write_configuration(
            self.home, self.programs, self.ports, self.passwords, self.stack.line
        )
        postgres.prepare(self.home)
        commands: list[Command] = []
        if not kafka_server.is_formatted(self.home):
            commands.append(kafka_server.format_command(self.home, self.programs, self.passwords))
        if not postgres.is_initialised(self.home):
            commands.append(postgres.init_command(self.home, self.passwords))
        try:
            run_all(commands)
        finally:
            postgres.forget_password_file(self.home)
            (self.home.conf / "kafka-format.args").unlink(missing_ok=True)

    def _start_servers(self) -> None:
        kafka = kafka_server.child(self.home, self.programs, self.ports, self.stack.line)
        database = postgres.child(self.home, self.ports)
        schemas = registry.child(self.home, self.programs, self.ports, self.passwords)
        self._start(database)
        self._start(kafka)
        self.supervisor.wait_ready(database)
        postgres.ensure_database(self.ports, self.passwords, postgres.DATABASE)
        postgres.ensure_database(
            self.ports, self.passwords, registry.DATABASE, registry.ROLE, self.passwords.registry_database
        )
        self._start(schemas)
        self.supervisor.wait_ready(kafka, schemas)

    def _start(self, child: Child) -> None:
        before = self.supervisor.status(child.name)
        if before.state is ChildState.DIED:
            self.stack.say(said("{name} had died ({detail})", name=child.name, detail=before.detail))
        if not self.supervisor.process(child.name):
            self.started.append(child.name)  # before it starts: Ctrl-C may come at any moment
            self.stack.say(said("starting {name} on port {port}", name=child.name, port=child.port))
            self.supervisor.start(child)


@contextmanager
def _system_errors_told() -> Iterator[None]:
    """What the operating system refuses (a full disk, a missing right) becomes one clear error."""
    try:
        yield
    except OSError as error:
        mend = MENDS.get(error.errno or 0, "mend that, then try again")
        raise StackError(
            said("the system said: {strerror}", strerror=error.strerror),
            str(error.filename or "the stack's home"),
            mend,
        ) from error


MENDS = {
    errno.ENOSPC: "free some space, or choose another QIANBEI_HOME",
    errno.EDQUOT: "free some of your quota, or choose another QIANBEI_HOME",
    errno.EACCES: "run as the user who made the home, or choose another QIANBEI_HOME",
    errno.EPERM: "run as the user who made the home, or choose another QIANBEI_HOME",
    errno.EROFS: "choose a QIANBEI_HOME that can be written",
}
