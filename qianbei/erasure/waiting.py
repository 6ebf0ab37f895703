"""Waiting until all that was decided so far is published and folded into ``latest``: only then is a search complete."""

import time
from collections.abc import Callable, Mapping

from broker.admission.erasing import ERASABLE
from broker.admission.store import positions
from broker.compaction.positions import reached
from broker.compaction.tables import LATEST
from broker.errors import Unavailable
from broker.kafka import Admin, Connection, PartitionReader, TopicPartition
from broker.store.connect import Connection as Database
from broker.topics import ADMISSION, COMPACTION, exchange_topic
from schemas.said import said

_PAUSE_S = 0.2

Offsets = Mapping[TopicPartition, int]


def await_folded(db: Database, kafka: Connection, patience_s: float) -> None:
    """Until ``latest`` holds whatever was decided before the call. Raises Unavailable naming the service that is behind."""
    deadline = time.monotonic() + patience_s
    decided = positions(db)
    with Admin(kafka) as admin, PartitionReader(kafka) as reader:
        _await("admission", lambda: _behind(decided, admin.group_offsets(ADMISSION)), deadline, patience_s)
        topics = map(exchange_topic, sorted(ERASABLE))
        ends = reader.end_offsets([p for topic in topics for p in reader.partitions_of(topic)])
    _await("compaction", lambda: _behind(ends, reached(db, LATEST, COMPACTION)), deadline, patience_s)


def _behind(goal: Offsets, positions: Offsets) -> bool:
    return any(positions.get(partition, 0) < offset for partition, offset in goal.items())


def _await(service: str, behind: Callable[[], bool], deadline: float, patience_s: float) -> None:
    while behind():
        if time.monotonic() > deadline:
            raise Unavailable(
                said(
                    "{service} did not come to the end within {patience:.0f} s: see `qianbei lag`, and run this again",
                    service=service,
                    patience=patience_s,
                )
            )
        time.sleep(_PAUSE_S)
