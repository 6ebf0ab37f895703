"""What a tamperer with the broker's disk or the database could do, each with the place at which it must be found."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
from crc32c import crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CRC_AT, _CRC_FROM = 17, 21
_EPOCH_BYTES = range(12, 16)
"""Of a batch: the leader's epoch. It holds nothing of the records and no checksum covers it."""


@dataclass(frozen=True)
class Batch:
    """A batch of records in a segment file, as bytes."""

    raw: bytes

    @property
    def base(self) -> int:
        return int(_HEADER.unpack_from(self.raw)[0])

    @property
    def last(self) -> int:
        return self.base + int(_HEADER.unpack_from(self.raw)[6])

    @property
    def control(self) -> bool:
        return bool(_HEADER.unpack_from(self.raw)[5] & 0x20)

    @property
    def count(self) -> int:
        return int(_HEADER.unpack_from(self.raw)[12])

    def summed(self) -> "Batch":
        """The same with a checksum that is right."""
        crc = crc32c(self.raw[_CRC_FROM:])
        return Batch(self.raw[:_CRC_AT] + crc.to_bytes(4, "big") + self.raw[_CRC_FROM:])

    def at(self, base: int) -> "Batch":
        """The same at another offset, of which the checksum knows nothing."""
        return Batch(base.to_bytes(8, "big") + self.raw[8:])


def batches_of(raw: bytes) -> Iterator[Batch]:
    at = 0
    while at < len(raw):
        end = at + 12 + int.from_bytes(raw[at + 8 : at + 12], "big")
        yield Batch(raw[at:end])
        at = end


@dataclass(frozen=True)
class Planted:
    """What was done, and the first and last offset of what it touched."""

    what: str
    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class Disk:
    """The files of a stopped broker; ``chained``: the offsets of each partition's records."""

    files: Path
    chained: dict[tuple[str, int], list[int]]
    random: Random

    def flip(self, topic: str, partition: int) -> Planted:
        """One bit, anywhere in a batch that holds committed records: readers look at the checksum of no other."""
        path, batches = self._read(topic, partition)
        n = self.random.choice(self._committed(topic, partition, batches))
        raw = bytearray(batches[n].raw)
        at = self.random.choice([i for i in range(len(raw)) if i not in _EPOCH_BYTES])
        raw[at] ^= 1 << self.random.randrange(8)
        first, last = batches[n].base, batches[n].last
        path.write_bytes(
            b"".join([*(b.raw for b in batches[:n]), bytes(raw), *(b.raw for b in batches[n + 1 :])])
        )
        return Planted(f"flip byte {at}", topic, partition, first, last)

    def flip_value(self, topic: str, partition: int) -> Planted:
        """One bit of a record's value, and the checksum with it."""
        path, batches = self._read(topic, partition)
        offset = self.random.choice(self.chained[topic, partition])
        value = f"value {topic} {partition} {offset} ".encode()
        n = next(n for n, b in enumerate(batches) if b.base <= offset <= b.last)
        raw = bytearray(batches[n].raw)
        at = raw.find(b"value ", _record_at(batches[n], offset - batches[n].base))
        raw[at + self.random.randrange(len(value) - 10)] ^= 1
        batches[n] = Batch(bytes(raw)).summed()
        path.write_bytes(b"".join(b.raw for b in batches))
        return Planted("flip in a value, checksum made anew", topic, partition, offset, offset)

    def drop(self, topic: str, partition: int) -> Planted:
        """A range of batches."""
        path, batches = self._read(topic, partition)
        own = self._committed(topic, partition, batches)
        n = self.random.choice(own)
        end = self.random.randrange(n, min(n + 3, len(batches))) + 1
        gone = [at for b in batches[n:end] for at in range(b.base, b.last + 1)]
        touched = sorted(set(gone) & set(self.chained[topic, partition]))
        path.write_bytes(b"".join(b.raw for b in (*batches[:n], *batches[end:])))
        for index in path.parent.glob("*.*index"):
            index.unlink()
        return Planted("drop", topic, partition, touched[0], touched[-1])

    def swap(self, topic: str, partition: int) -> Planted:
        """The records of two batches of equal length change places; the checksums are right."""
        path, batches = self._read(topic, partition)
        own = self._committed(topic, partition, batches)
        pairs = [(a, b) for a in own for b in own if a < b and batches[a].count == batches[b].count]
        a, b = self.random.choice(pairs)
        first, second = batches[a], batches[b]
        batches[a], batches[b] = second.at(first.base), first.at(second.base)
        path.write_bytes(b"".join(one.raw for one in batches))
        return Planted("swap", topic, partition, first.base, second.last)

    def insert(self, topic: str, partition: int) -> Planted:
        """A marker between transactions gives way to a copy of a record batch."""
        path, batches = self._read(topic, partition)
        own = self._committed(topic, partition, batches)
        single = [n for n in own if batches[n].count == 1]
        markers = [n for n, b in enumerate(batches) if b.control]
        n = self.random.choice(markers[:-1])
        copy = batches[self.random.choice(single)].at(batches[n].base)
        # As a record of no producer: its transaction needs no marker then.
        raw = bytearray(copy.raw)
        attributes = int.from_bytes(raw[21:23], "big") & ~0x10
        raw[21:23] = attributes.to_bytes(2, "big")
        raw[43:57] = b"\xff" * 14
        batches[n] = Batch(bytes(raw)).summed()
        path.write_bytes(b"".join(one.raw for one in batches))
        for index in path.parent.glob("*.*index"):
            index.unlink()
        return Planted("insert", topic, partition, batches[n].base, batches[n].base)

    def _committed(self, topic: str, partition: int, batches: Sequence[Batch]) -> list[int]:
        own = set(self.chained[topic, partition])
        return [n for n, b in enumerate(batches) if not b.control and b.base in own]

    def _read(self, topic: str, partition: int) -> tuple[Path, list[Batch]]:
        [path] = (self.files / f"{topic}-{partition}").glob("*.log")
        return path, list(batches_of(path.read_bytes()))


def _record_at(batch: Batch, wanted: int) -> int:
    """Where the record of this number begins."""
    at = _HEADER.size
    for _ in range(wanted):
        shift = length = 0
        while True:
            byte = batch.raw[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        at += (length >> 1) ^ -(length & 1)
    return at


Edit = Callable[[psycopg.Connection[tuple[object, ...]], str, int, Random], Planted]


def _segment(
    db: psycopg.Connection[tuple[object, ...]], topic: str, partition: int, random: Random
) -> tuple[int, int, int]:
    rows = db.execute(
        "SELECT number, first, last FROM audit.segment WHERE topic = %s AND partition = %s ORDER BY 1",
        (topic, partition),
    ).fetchall()
    number, first, last = random.choice(rows)
    assert isinstance(number, int)
    assert isinstance(first, int)
    assert isinstance(last, int)
    return number, first, last


def edit_segment(change: str) -> Edit:
    """An UPDATE of a segment's row."""

    def edit(
        db: psycopg.Connection[tuple[object, ...]], topic: str, partition: int, random: Random
    ) -> Planted:
        number, first, last = _segment(db, topic, partition, random)
        where = " WHERE topic = %s AND partition = %s AND number = %s"
        db.execute(f"UPDATE audit.segment SET {change}" + where, (topic, partition, number))  # type: ignore[arg-type]
        return Planted(f"segment: {change}", topic, partition, first, last)

    return edit


def drop_segment(
    db: psycopg.Connection[tuple[object, ...]], topic: str, partition: int, random: Random
) -> Planted:
    number, first, last = _segment(db, topic, partition, random)
    db.execute(
        "DELETE FROM audit.segment WHERE topic = %s AND partition = %s AND number = %s",
        (topic, partition, number),
    )
    return Planted("segment dropped", topic, partition, first, last)


def edit_index(statement: str) -> Edit:
    """A change of the index at one record."""

    def edit(
        db: psycopg.Connection[tuple[object, ...]], topic: str, partition: int, random: Random
    ) -> Planted:
        rows = db.execute(
            'SELECT "offset" FROM audit.place WHERE topic = %s AND partition = %s ORDER BY 1',
            (topic, partition),
        ).fetchall()
        [offset] = random.choice(rows)
        assert isinstance(offset, int)
        db.execute(statement, {"t": topic, "p": partition, "o": offset})  # type: ignore[arg-type]
        return Planted(statement.split(" WHERE", maxsplit=1)[0], topic, partition, offset, offset)

    return edit


_HERE = ' WHERE topic = %(t)s AND partition = %(p)s AND "offset" = %(o)s'
EDITS: tuple[Edit, ...] = (
    edit_segment("sha256 = set_byte(sha256, 3, get_byte(sha256, 3) # 1)"),
    edit_segment("sm3 = set_byte(sm3, 31, get_byte(sm3, 31) # 128)"),
    edit_segment("marks = set_byte(marks, 20, get_byte(marks, 20) # 4)"),
    edit_segment("marks = set_byte(marks, 15, get_byte(marks, 15) # 4)"),
    edit_segment("last = last + 1"),
    edit_segment("records = records - 1"),
    edit_segment("places_sha256 = set_byte(places_sha256, 0, get_byte(places_sha256, 0) # 1)"),
    drop_segment,
    edit_index("UPDATE audit.place SET entity_id = entity_id || 'x'" + _HERE),
    edit_index("UPDATE audit.place SET revision = revision + 1" + _HERE),
    edit_index("DELETE FROM audit.place" + _HERE),
    edit_index(
        "INSERT INTO audit.place_party VALUES ('ref', %(t)s, %(p)s, %(o)s)"  # a row too many
    ),
)
"""What could be done to rows of one partition."""
