"""The contract test on a real broker: feed the program, kill it, start it again, and judge what was seen."""

import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.errors import ConfigError
from broker.kafka import Admin, Connection, IdempotentProducer, PartitionReader, TopicPartition
from broker.registry import Registry
from broker.topics import ROUTING, group_prefix
from qianbei.contract.judge import Expectation, Seen, State, held, judge, newest_of
from qianbei.contract.program import Program, running
from qianbei.contract.records import Halves, Sent, granted_to, make, newer_schema
from qianbei.demo.sandbox import write_connection
from qianbei.inspect.connection import client_connection, variables_of
from qianbei.site import Site
from schemas.entitlements import Grant, newest_schemas
from schemas.said import said

STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How a program is tested. ``seconds``: how long it may take to hold what it was sent, in each of its lives."""

    department: str
    topics: Sequence[str]
    command: Sequence[str]
    seconds: float = 60.0


def contract_test(site: Site, terms: Terms) -> list[Expectation]:
    """Run the program on this exchange, whose routing does not run. Raises ConfigError if the command cannot be started."""
    granted = granted_to(terms.department, terms.topics)
    with Registry(site.admin.registry_url) as registry:
        _register_newer(registry, granted)
        sent = make(granted, registry, site.admin.slots, secrets.token_hex(3))
    with tempfile.TemporaryDirectory(prefix="qianbei-contract-") as folder:
        seen = _watched(site, terms, granted, sent, Path(folder))
    return judge(sent, seen)


def _register_newer(registry: Registry, granted: Iterable[Grant]) -> None:
    for grant in granted:
        schema = grant.schema(newest_schemas()[grant.subject])
        registry.register(f"{grant.topic}-value", newer_schema(schema))


def _watched(site: Site, terms: Terms, granted: Sequence[Grant], sent: Halves, folder: Path) -> Seen:
    environment = _environment(site, terms.department, granted, folder)
    try:
        _write(site, sent.first)
        with running(terms.command, environment, folder, "first") as program:
            _settle(program, sent.first, terms.seconds)
            died, before = program.died(), program.states()
        _expel(site, terms.department)
        _write(site, sent.second)  # while it is dead, as in life
        with running(terms.command, environment, folder, "second") as program:
            _settle(program, sent.second, terms.seconds)
            groups, uncommitted = _commits(site, terms, granted, program)
            died = died or program.died()
            code = None if died else program.stop(STOP_S)
            return Seen(before, program.states(), died, code, uncommitted, groups)
    except OSError as error:
        raise ConfigError(
            said("{command} cannot be started: {strerror}", command=terms.command[0], strerror=error.strerror)
        ) from None


def _environment(site: Site, department: str, granted: Sequence[Grant], folder: Path) -> dict[str, str]:
    """What ``qianbei connection`` prints, as variables; and where the properties file is, for Java."""
    connection = client_connection(site, department)
    files = write_connection(connection, folder)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QIANBEI_")}
    own = {"QIANBEI_DEPT_TOPICS": ",".join(grant.topic for grant in granted)}
    return inherited | variables_of(connection) | own | {"QIANBEI_PROPERTIES": str(files["java"])}


def _expel(site: Site, department: str) -> None:
    """The broker would else wait for the killed program until its session ends, and the second life with it."""
    with Admin(Connection.of(site.admin)) as admin:
        for group in admin.groups(group_prefix(department)):
            admin.expel_members(group)


def _write(site: Site, sent: Iterable[Sent]) -> None:
    with IdempotentProducer(Connection.of(site.settings(ROUTING))) as producer:
        for receipt in [producer.send(one.message) for one in sent]:
            receipt()


def _settle(program: Program, sent: Sequence[Sent], seconds: float) -> None:
    """Until the program holds the newest of what was sent, or ends, or its time is over."""
    wanted = newest_of(sent)
    program.until(lambda: _holds(program.states(), wanted), seconds)


def _holds(states: Iterable[State], wanted: Mapping[str, int]) -> bool:
    kept = held(states)
    return all(kept.get(entity) == revision for entity, revision in wanted.items())


def _commits(
    site: Site, terms: Terms, granted: Sequence[Grant], program: Program
) -> tuple[Sequence[str], int]:
    """The department's groups, and how many records none of them has committed; given a moment to come to zero."""
    with Admin(Connection.of(site.admin)) as admin, PartitionReader(Connection.of(site.admin)) as reader:
        ends = reader.end_offsets([p for grant in granted for p in reader.partitions_of(grant.topic)])

        def positions() -> dict[str, dict[TopicPartition, int]]:
            return {
                group: admin.group_offsets(group) for group in admin.groups(group_prefix(terms.department))
            }

        def left() -> int:
            done = _furthest(positions().values())
            return sum(max(0, end - done.get(partition, 0)) for partition, end in ends.items())

        program.until(lambda: left() == 0, min(STOP_S, terms.seconds))
        return sorted(group for group, done in positions().items() if done), left()


def _furthest(positions: Iterable[Mapping[TopicPartition, int]]) -> dict[TopicPartition, int]:
    found: dict[TopicPartition, int] = {}
    for group in positions:
        for partition, offset in group.items():
            found[partition] = max(offset, found.get(partition, 0))
    return found
