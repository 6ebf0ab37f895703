"""Which record goes to which check."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from broker.kafka import Record as KafkaRecord
from qianbei.verify.avro import Reader, Readers, Record, Unreadable
from qianbei.verify.conservation import Conservation
from qianbei.verify.deeds import DEEDS
from qianbei.verify.fold import Fold, Newest
from qianbei.verify.granted import Granted
from qianbei.verify.keys import KeyTable
from qianbei.verify.law import Law
from qianbei.verify.outcome import REDRIVE, decision, quarantine
from qianbei.verify.projection import Projection
from qianbei.verify.redriven import Redrives
from qianbei.verify.released import newest_schemas
from qianbei.verify.report import Findings, place_of
from qianbei.verify.rulings import Rulings
from qianbei.verify.source import Sent, Sources
from qianbei.verify.stream import Stream
from qianbei.verify.window import Partition
from schemas.said import said

KINDS = ("intake", "decision", "quarantine", "exchange", "dept")
"""The kinds of topics that are read; a topic's name begins with its kind."""


class Checks:
    """The checks of one run, and which record goes to which of them."""

    def __init__(
        self,
        stream: Stream,
        readers: Readers,
        rulings: Rulings,
        granted: Granted,
        keys: KeyTable,
        filled: Mapping[Partition, int],
    ) -> None:
        self.readers = readers
        self.schemas = newest_schemas()
        self.keys = keys
        self._sources = Sources(readers, self.schemas, keys.open)
        self.conservation = Conservation(stream.window)
        self.redrives = Redrives(stream.window, self.conservation.findings)
        self.fold = Fold()
        self.projection = Projection(granted, stream.partitions, stream.window, readers, filled)
        self.law = Law(rulings, stream.window)
        self.fold_findings = Findings()
        self._feeds: Mapping[str, Callable[[KafkaRecord], None]] = {
            "intake": self._intake,
            "decision": self._decision,
            "quarantine": self._quarantine,
            "exchange": self._exchange,
            "dept": self._dept,
        }

    def feed(self, batch: Sequence[KafkaRecord]) -> None:
        """Give each record to the checks that want it."""
        feeds = self._feeds
        for record in batch:
            feeds[record.topic.partition(".")[0]](record)
        self.projection.advance()
        self.law.advance()

    def waits(self) -> bool:
        """Whether more reading may bring what is missing."""
        return self.conservation.waits() or self.projection.waits() or self.law.waits()

    def _intake(self, record: KafkaRecord) -> None:
        sha256 = _sha256(record.value)
        self.conservation.add_intake(record.topic, record.partition, record.offset, sha256)
        if record.topic == REDRIVE:
            self.redrives.add_intake(record.partition, record.offset, sha256, record.headers)

    def _decision(self, record: KafkaRecord) -> None:
        body = self._read(record)
        if body is not None:
            outcome = decision(record.topic, record.partition, record.offset, body)
            self.conservation.add_outcome(outcome)
            self.redrives.add_outcome(outcome, body)
            self.law.add_decision(record.topic, record.partition, record.offset, body)

    def _quarantine(self, record: KafkaRecord) -> None:
        body = self._read(record)
        if body is None:
            return
        outcome = quarantine(record.topic, record.partition, record.offset, body)
        self.conservation.add_outcome(outcome)
        self.redrives.add_outcome(outcome, body)
        self.law.add_quarantine(body)
        if _sha256(body["value"]) != outcome.sha256:
            self.conservation.findings.add(
                "WRONG_BYTES", outcome.place, said("holds other bytes than its digest states")
            )

    def _exchange(self, record: KafkaRecord) -> None:
        topic, partition, offset = record.topic, record.partition, record.offset
        try:
            source = self._sources.of(topic, _sent(record))
            facts = source.facts()
            if topic in DEEDS:
                self.law.add_exchange(topic, partition, offset, source.complete())
        except Unreadable as error:
            self.conservation.findings.add("UNREADABLE", place_of(topic, partition, offset), str(error))
            return
        self._check_headers(record, facts.entity_id, facts.revision)
        self.conservation.add_exchange(topic, partition, offset, *facts)
        newest = Newest(facts.revision or 0, partition, offset, source.value)
        self.fold.add(topic, facts.entity_id, newest)
        self.projection.add_exchange(topic, partition, source)

    def _check_headers(self, record: KafkaRecord, entity_id: str, revision: int | None) -> None:
        if record.key != entity_id.encode() or record.header("qb_revision") != str(revision).encode():
            place = place_of(record.topic, record.partition, record.offset)
            self.conservation.findings.add(
                "WRONG_KEY", place, said("its key or qb_revision is not what the record says")
            )

    def _dept(self, record: KafkaRecord) -> None:
        self.projection.add_dept(record.topic, record.partition, _sent(record))

    def _read(self, record: KafkaRecord) -> Record | None:
        try:
            reader: Reader = self.readers.of(record.value)
            return reader.plain(record.value or b"")
        except Unreadable as error:
            self.conservation.findings.add(
                "UNREADABLE", place_of(record.topic, record.partition, record.offset), str(error)
            )
            return None


def _sha256(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()


def _sent(record: KafkaRecord) -> Sent:
    return Sent(record.offset, record.key, record.header("qb_revision"), record.value, record.timestamp_ms)
