"""A department's sandbox: an exchange of its own, a simulated city that never ends, and what arrives of it."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from broker.errors import ConfigError
from broker.kafka import Connection, PartitionReader, Record
from producers.simulator.drive import drive
from qianbei.demo.run import Say, exchange_in, throw_away_exchange
from qianbei.inspect.connection import FORMATS, ClientConnection
from qianbei.site import Site, current_site
from qianbei.stack import Stack
from qianbei.stack.home import write_private
from schemas.installation import load_installation
from schemas.said import said

CITY_EVENTS = 2_000
"""The size of one city; when its year is over, another one begins."""
HISTORY = 450
"""So many of its events come at once: the building table, in which there is nothing for most departments, and some contracts."""
_POLL_S = 0.2

Told = Callable[["Arrival"], None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that came to the department, by what Kafka shows without decoding."""

    topic: str
    entity_id: str
    revision: int
    event_type: str

    @classmethod
    def of(cls, record: Record) -> Self:
        """From a record of a ``dept.*`` topic."""
        kind = (record.header("ce_type") or b"").decode().rpartition(".")[2]
        revision = int(record.header("qb_revision") or b"0")
        return cls(record.topic, (record.key or b"").decode(), revision, kind)


@contextmanager
def sandbox_exchange(home: Path | None, say: Say, *, keep: bool) -> Iterator[Site]:
    """The exchange of a sandbox: one that ends with the block and leaves nothing, or that of a home.

    What runs in that home already is used, and runs on; else it is started there, and only its data stay.
    """
    if home is None:
        with throw_away_exchange(say, keep=keep) as site:
            yield site
    elif any(Stack(home).supervisor.process(name) for name in Stack(home).supervisor.names()):
        say(said("using what runs in {home}", home=home))
        yield current_site({}, home)
    else:
        home.mkdir(parents=True, exist_ok=True)
        with exchange_in(home, say) as site:
            yield site


def require_topics(department: str) -> None:
    """Raises ConfigError for a department to which nothing is sent."""
    known = sorted({grant.department for grant in load_installation(None).grants})
    if department not in known:
        raise ConfigError(
            said(
                "nothing is sent to {department}: the departments with topics are {known}",
                department=department,
                known=", ".join(known),
            )
        )


def write_connection(connection: ClientConnection, folder: Path) -> dict[str, Path]:
    """The connection in every form, each in a file of mode 0600; gives them by form."""
    endings = {"env": "env", "json": "json", "java": "properties", "kcat": "conf"}
    files = {form: folder / f"{connection.principal}.{ending}" for form, ending in endings.items()}
    for form, file in files.items():
        write_private(file, FORMATS[form](connection) + "\n")
    return files


def live(site: Site, connection: ClientConnection, rate: float, stop: threading.Event, told: Told) -> None:
    """Let cities live, one after another, ``rate`` events a second, and tell what arrives, until ``stop`` is set."""
    with PartitionReader(Connection.of(site.settings(connection.principal))) as reader:
        _read_from_now_on(reader, connection)
        while not stop.is_set():
            pace = _Pace(reader, rate, stop, told, time.monotonic())
            seed = random.SystemRandom().randrange(1_000_000)
            drive(site.admin, seed, CITY_EVENTS, account=site.settings, progress=pace, stop=stop.is_set)


@dataclass(frozen=True, slots=True)
class _Pace:
    """Holds the city to its rate: between its events, the department's records are read."""

    reader: PartitionReader
    rate: float
    stop: threading.Event
    told: Told
    begun: float

    def __call__(self, number: int) -> None:
        """After so many events."""
        due = self.begun + max(0, number - HISTORY) / self.rate
        while not self.stop.is_set() and (left := due - time.monotonic()) > 0:
            for record in self.reader.poll(min(left, _POLL_S)):
                self.told(Arrival.of(record))


def _read_from_now_on(reader: PartitionReader, connection: ClientConnection) -> None:
    partitions = [p for topic in connection.dept_topics for p in reader.partitions_of(topic)]
    reader.assign(partitions)
    for partition, offset in reader.end_offsets(partitions).items():
        reader.seek(partition, offset)
