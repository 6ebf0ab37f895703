"""Slots: which record belongs where, so that all about one house is decided by one writer, in order.

The partition number is the *slot*, the same for every topic of a record's way. Its key is the house code for what
concerns a house, else the entity's own id; the catalogue says which for each subject.
"""

from typing import Any

from broker.kafka import partition_of
from schemas.catalogue import Catalogue, KeyKind


def slot_key(catalogue: Catalogue, subject: str, record: dict[str, Any]) -> str:
    """The key that this record must have. A seizure that names no house is keyed by its own id."""
    if catalogue.subject(subject).key is KeyKind.HOUSE_CODE:
        return str(record.get("house_code") or record["entity_id"])
    return str(record["entity_id"])


def slot_of(key: str, slots: int) -> int:
    """The slot of a key: murmur2, as Kafka's Java client partitions."""
    return partition_of(key.encode(), slots)
