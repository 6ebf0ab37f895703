"""Both ends of an upload in one process: a ledger, a receiver, and a link that can be cut."""

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from broker.batches import Channel
from broker.errors import Unavailable
from broker.kafka import TopicPartition
from consumers.upload import store as stored
from consumers.upload.config import Upload, load_upload
from consumers.upload.dispatch import Dispatched, Dispatcher
from consumers.upload.filing import Filing, Key
from consumers.upload.ledger import Ledger
from consumers.upload.link import Backoff, Link, PatientLink
from consumers.upload.parcel import Answer, Parcel, Question
from consumers.upload.receiver import Receiver
from consumers.upload.running import send
from consumers.upload.store import Store

COUNTIES = ("411402", "411481", "4114A1")
KEY = "5a" * 32
QUICK = Backoff(attempts=3, pause_s=0.001)
FEED = TopicPartition("dept.monitoring.sale.v1", 0)


def quick_disk(patch: pytest.MonkeyPatch) -> None:
    """Processes are killed here, not machines: what was written is there without waiting for the disk."""
    patch.setattr(os, "fsync", lambda _file: None)


@dataclass
class InProcess:
    """A link without a network. ``cut``: so many of the next calls do not come through."""

    receiver: Receiver
    cut: int = 0
    asked: list[Question] = field(default_factory=list)
    delivered: list[tuple[str, int]] = field(default_factory=list)

    def deliver(self, channel: Channel, number: int, parcel: Parcel) -> Answer:
        self._or_cut()
        self.delivered.append((channel.name, number))
        return self.receiver.deliver(channel.name, number, parcel)

    def ask(self, channel: Channel, day: str, question: Question) -> dict[str, Any]:
        self._or_cut()
        self.asked.append(question)
        return self.receiver.ask(channel.name, day, question)

    def _or_cut(self) -> None:
        if self.cut:
            self.cut -= 1
            raise Unavailable("the line is cut")


@dataclass
class Ends:
    """A sender's folder with its configuration, and a receiver with its database."""

    folder: Path
    dsn: str
    config: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Link] | None = None

    def __post_init__(self) -> None:
        self.store = Store(self.dsn)
        self.store.prepare()
        self.receiver = Receiver(self.folder / "received", self.store, bytes.fromhex(KEY))
        self.link = InProcess(self.receiver)

    def upload(self, **changes: Any) -> Upload:
        key = self.folder / "both.key"
        key.write_text(KEY)
        key.chmod(0o600)
        way = {"url": "http://127.0.0.1:1", "key": "both.key"}
        file: dict[str, Any] = {"store": "sender", "ways": {"city": way, "province": way}}
        path = self.folder / "upload.yaml"
        path.write_text(yaml.safe_dump({**file, **self.config, **changes}, allow_unicode=True))
        return load_upload(path)

    @contextmanager
    def sender(self, **changes: Any) -> Iterator[tuple[Ledger, Upload, Dispatcher]]:
        upload = self.upload(**changes)
        stop = threading.Event()
        patient = PatientLink(self.link, stop, QUICK)
        links = {"city": patient, "province": patient} if self.links is None else self.links
        with Ledger(upload.ledger) as ledger:
            yield ledger, upload, Dispatcher(upload, ledger, links.get, stop)

    def send(self, filings: list[Filing], **changes: Any) -> Dispatched:
        """Read what the ledger does not have of these, as of a topic, and send it."""
        with self.sender(**changes) as (ledger, upload, dispatcher):
            read(ledger, filings)
            return send(ledger, upload, dispatcher)

    def held(self) -> Counter[tuple[str, Key]]:
        """How often each filing is stored, by channel."""
        with self.store.begin() as db:
            rows = db.execute(sa.select(stored.row)).all()
        return Counter((one.channel, Key(one.subject, one.entity_id, one.revision)) for one in rows)


def read(ledger: Ledger, filings: list[Filing]) -> None:
    """As a subscription does, five records a batch."""
    at = ledger.positions([FEED])[FEED]
    while at < len(filings):
        for one in filings[at : at + 5]:
            ledger.take(one, datetime.now(UTC).timestamp(), ())
        at = min(at + 5, len(filings))
        ledger.keep({FEED: at})


def some_filings(count: int, days: tuple[str, ...], seed: int = 7) -> list[Filing]:
    """Sales and leases of three counties."""
    draw = random.Random(seed)
    return [_filing(n, draw, days) for n in range(count)]


def _filing(n: int, draw: random.Random, days: tuple[str, ...]) -> Filing:
    items: dict[str, Any] = {"HTZT": draw.choice(["SIGNED", "FILED"]), "JZMJ": f"{draw.randint(40, 200)}.50"}
    if subject := draw.choice(["sale", "lease"]):
        money = f"{draw.randint(100, 999999)}.00"
        items |= {"HTLX": "11", "HTJE": money} if subject == "sale" else {"HTLX": "31", "rent_amount": money}
    items["FWBM"] = f"{n:026d}"
    return Filing(Key(subject, f"e{n}", 1), "FILED", draw.choice(days), draw.choice(COUNTIES), items)


def carry(source: Path, target: Path) -> None:
    """As a person with a disk does."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(path.read_bytes())
