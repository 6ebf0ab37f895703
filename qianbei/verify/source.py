"""One record of the exchange, as the checks want it: a few of its fields at once, the rest when it is needed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from qianbei.verify.avro import Reader, Readers, Record, Schema
from qianbei.verify.entitlement import clearing
from qianbei.verify.keys import Open, in_clear
from qianbei.verify.released import Complete, completing
from qianbei.verify.slices import NotSliceable, Pieces, Slice, long_of, slicer, text_of, texts_of, top_fields


class Sent(NamedTuple):
    """A record as it lies in a topic; ``revision`` is its header ``qb_revision``, ``at_ms`` when it was appended."""

    offset: int
    key: bytes | None
    revision: bytes | None
    value: bytes | None
    at_ms: int = 0

    @property
    def identity(self) -> tuple[bytes | None, bytes | None]:
        return self.key, self.revision


class Facts(NamedTuple):
    """What conservation asks of an exchange record."""

    entity_id: str
    revision: int | None
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What is made once for a schema of the exchange.

    ``slice_record`` is None if its records must be decoded, ``complete`` if they have every field of the newest schema.
    """

    reader: Reader
    slice_record: Slice | None
    places: dict[str, int]
    clear: Callable[[Record], None]
    complete: Complete | None


@dataclass(slots=True)
class Source:
    """One exchange record. ``pieces`` is None if it has to be decoded, or was not cut yet."""

    sent: Sent
    kind: Kind
    pieces: Pieces | None
    opened: Record | None = None
    """``in_clear``, once it was asked for: every department that gets the record is compared with it."""

    @property
    def value(self) -> bytes:
        assert self.sent.value is not None
        return self.sent.value

    def facts(self) -> Facts:
        """Raises Unreadable."""
        if self.pieces is None:
            record = self.kind.reader.plain(self.value)
            return Facts(record["entity_id"], record["revision"], record["decision_id"])
        piece = self._piece
        return Facts(
            text_of(piece("entity_id")) or "", long_of(piece("revision")), text_of(piece("decision_id"))
        )

    def interests(self) -> tuple[list[str], list[str]]:
        """The organisations interested now and before. Raises Unreadable."""
        if self.pieces is None:
            record = self.kind.reader.plain(self.value)
            return record["interested"] or [], record["interested_before"] or []
        return texts_of(self._piece("interested")), texts_of(self._piece("interested_before"))

    def complete(self) -> Record:
        """The record with the fields of the newest schema, its protected values as they lie. Raises Unreadable."""
        record = self.kind.reader.plain(self.value)
        if self.kind.complete:
            self.kind.complete(record)
        return record

    def in_clear(self) -> Record:
        """The record, complete, with its protected values in clear. Raises Unreadable or Sealed."""
        if self.opened is None:
            record = self.kind.reader.plain(self.value)
            self.kind.clear(record)
            if self.kind.complete:
                self.kind.complete(record)
            self.opened = record
        return self.opened

    def cut(self) -> None:
        """Cut it into pieces if that can be done."""
        if self.pieces is None:
            self.pieces = pieces_of(self.kind, self.value)

    def _piece(self, name: str) -> Any:
        assert self.pieces is not None
        return self.pieces[self.kind.places[name]]


def pieces_of(kind: Kind, value: bytes) -> Pieces | None:
    """The pieces of a record, None if it has to be decoded."""
    if kind.slice_record is None:
        return None
    try:
        return kind.slice_record(value)
    except NotSliceable:
        return None


@dataclass(slots=True)
class Sources:
    """Makes sources; knows each schema of the exchange once. ``newest`` gives a subject's newest schema."""

    readers: Readers
    newest: Mapping[str, Schema] = field(default_factory=dict)
    opens: Open = in_clear
    kinds: dict[tuple[str, int], Kind] = field(default_factory=dict)

    def of(self, topic: str, sent: Sent) -> Source:
        """Raises Unreadable if the value names no known schema."""
        reader = self.readers.of(sent.value)
        kind = self.kinds.get((topic, reader.schema_id)) or self._kind(topic, reader)
        assert sent.value is not None
        return Source(sent, kind, pieces_of(kind, sent.value))

    def _kind(self, topic: str, reader: Reader) -> Kind:
        try:
            slice_record = slicer(reader.schema)
        except NotSliceable:
            slice_record = None
        schema = reader.schema
        complete = completing(schema, self.newest.get(topic.removeprefix("exchange.")))
        kind = Kind(reader, slice_record, top_fields(schema), clearing(schema, self.opens), complete)
        return self.kinds.setdefault((topic, reader.schema_id), kind)
