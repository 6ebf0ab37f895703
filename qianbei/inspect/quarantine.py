"""``qianbei quarantine``: the records that could not be decided on, why, and what to do about them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from broker.admission.reasons import REASONS
from broker.errors import ConfigError
from broker.kafka import PartitionReader, Record, TopicPartition
from broker.replay.decoding import AnyDecoder
from broker.topics import REDRIVE, principal_of, quarantine_topic
from qianbei.inspect.reading import parse_place, place_of, retained
from schemas.catalogue import load_catalogue
from schemas.said import said

SHOWN_BYTES = 256


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One quarantine record. ``place`` is that of the intake record, by which it is asked for.

    ``principal`` is whose it is, also if an operator had sent it in; ``redrive`` if it does not say whose.
    """

    place: str
    kept_at: str
    principal: str
    recorded_at: str
    reason: str
    detail: str
    sha256: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def size(self) -> int:
        return len(self.value or b"")

    def as_dict(self) -> dict[str, Any]:
        """For a list: without the bytes."""
        return {
            "place": self.place,
            "kept_at": self.kept_at,
            "principal": self.principal,
            "recorded_at": self.recorded_at,
            "reason": self.reason,
            "detail": self.detail,
            "bytes": self.size,
            "sha256": self.sha256,
        }

    def as_dict_in_full(self) -> dict[str, Any]:
        """For one record: with its bytes in base64 and what to do about it."""
        explained = explanation(self.reason)
        return self.as_dict() | {
            "zh": explained.zh,
            "en": explained.en,
            "key": _base64(self.key),
            "value": _base64(self.value),
            "headers": [{"name": name, "value": _base64(value)} for name, value in self.headers],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason in both languages: what is wrong and how the source mends it."""

    zh: str
    en: str


def explanation(reason: str) -> Explanation:
    """What a reason code means; a code that this version does not know is said to be unknown."""
    kind = REASONS.get(reason)
    if kind is None:
        return Explanation("本版本不认识的理由代码。", "A reason code that this version does not know.")
    return Explanation(kind.zh, kind.en)


def topics_of(reader: PartitionReader, principals: list[str]) -> list[TopicPartition]:
    """The quarantine partitions of these principals. Raises ConfigError for one that has none."""
    found: list[TopicPartition] = []
    for principal in principals:
        partitions = reader.partitions_of(quarantine_topic(principal))
        if not partitions:
            raise ConfigError(
                said(
                    "there is no topic {principal}: is {principal2} a principal?",
                    principal=quarantine_topic(principal),
                    principal2=principal,
                )
            )
        found += partitions
    return found


def read_quarantine(
    reader: PartitionReader, decoder: AnyDecoder, partitions: list[TopicPartition], reason: str | None = None
) -> Iterator[Quarantined]:
    """All retained quarantine records of these partitions, those of one reason if one is given.

    Raises DecodeError for a record that is none: only admission writes there.
    """
    for record in retained(reader, partitions):
        found = _quarantined(record, decoder.decode(record.value))
        if reason is None or found.reason == reason:
            yield found


def find(reader: PartitionReader, decoder: AnyDecoder, text: str) -> Quarantined:
    """The quarantine record of an intake place. Raises ConfigError if the place is malformed or nothing is kept of it."""
    partition, offset = parse_place(text)
    if not partition.topic.startswith("intake."):
        raise ConfigError(
            said(
                "{text!r} is no place in an intake topic: write intake.<principal>/partition/offset",
                text=text,
            )
        )
    place = place_of(partition.topic, partition.partition, offset)
    owner = principal_of(partition.topic)
    # Whose it is that was sent in again, its headers say, and we do not have them yet.
    owners = [*load_catalogue().principals, REDRIVE] if owner == REDRIVE else [owner]
    candidates = [p for p in topics_of(reader, owners) if p.partition == partition.partition]
    for found in read_quarantine(reader, decoder, candidates):
        if found.place == place:
            return found
    where = "any quarantine topic" if owner == REDRIVE else quarantine_topic(owner)
    raise ConfigError(
        said(
            "nothing of {place} is in {where}: the record was decided, or is gone after its retention",
            place=place,
            where=where,
        )
    )


def _quarantined(record: Record, body: dict[str, Any]) -> Quarantined:
    return Quarantined(
        place=place_of(body["intake_topic"], body["intake_partition"], body["intake_offset"]),
        kept_at=place_of(record.topic, record.partition, record.offset),
        principal=record.topic.removeprefix("quarantine."),
        recorded_at=body["recorded_at"],
        reason=body["reason"],
        detail=body["detail"],
        sha256=body["intake_sha256"],
        key=_bytes(body["key"]),
        value=_bytes(body["value"]),
        headers=tuple((header["name"], _bytes(header["value"])) for header in body["headers"]),
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def hex_dump(value: bytes, limit: int = SHOWN_BYTES) -> str:
    """Offset, sixteen bytes in hexadecimal and as ASCII, a line; at most ``limit`` bytes."""
    lines = []
    for start in range(0, min(len(value), limit), 16):
        row = value[start : start + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  |{shown}|")
    if len(value) > limit:
        lines.append(f"… {len(value) - limit} more bytes")
    return "\n".join(lines)
