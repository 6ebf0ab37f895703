"""The rows of a topic's candidates, ready for COPY."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro

from broker.avro_walk import walk
from broker.compaction.gather import Candidate
from broker.compaction.rejects import Rejected, rejected
from broker.compaction.tables import TableSpec
from broker.compaction.transcode import REFUSALS, Transcode, compile_transcoder
from broker.errors import DecodeError

_HEADER_BYTES = 5
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Candidates and their rows: ``main[n]`` is that of ``candidates[n]``, ``children`` are lists for each child table.

    ``ends[n]`` says up to where each child list belongs to the candidates up to ``n``.
    """

    candidates: Sequence[Candidate]
    main: Sequence[bytes]
    children: Sequence[Sequence[bytes]]
    ends: Sequence[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.main)

    def of(self, some: Sequence[Candidate]) -> "Rows":
        """The rows of some of the candidates, which must be in the same order."""
        wanted = {one.place for one in some}
        main: list[bytes] = []
        ends: list[tuple[int, ...]] = []
        children: list[list[bytes]] = [[] for _ in self.children]
        for n, candidate in enumerate(self.candidates):
            if candidate.place not in wanted:
                continue
            main.append(self.main[n])
            for number, child in enumerate(self.children):
                begin = self.ends[n - 1][number] if n else 0
                children[number] += child[begin : self.ends[n][number]]
            ends.append(tuple(map(len, children)))
        return Rows(some, main, children, ends)


class RowMaker:
    """Makes the rows of one topic. A transcoder is compiled when its schema is first met."""

    def __init__(self, spec: TableSpec, schema_of: Callable[[int], Schema | None]) -> None:
        self._spec = spec
        self._schema_of = schema_of
        self._writers: dict[bytes, _Writer | None] = {}

    def rows(self, candidates: Sequence[Candidate]) -> tuple[Rows, list[Rejected]]:
        """The rows of the candidates that are sound, and why the others are not.

        Raises ConfigError if a record was written with a newer schema than the tables were made for.
        """
        fit: list[Candidate] = []
        main: list[bytes] = []
        ends: list[tuple[int, ...]] = []
        children: tuple[list[bytes], ...] = tuple([] for _ in self._spec.children)
        unfit: list[Rejected] = []
        writers = self._writers
        for one in candidates:
            record = one.record
            value = record.value or b""
            writer = writers.get(value[:_HEADER_BYTES]) or self._writer(value[:_HEADER_BYTES])
            if writer is None:
                unfit.append(rejected(one.place, value, "UNKNOWN_SCHEMA"))
                continue
            label: tuple[bytes, int] | None
            try:
                label = writer.transcode(value, _HEADER_BYTES, main, children)
            except REFUSALS:
                label = writer.try_again(value, main, children)
            if label == (record.key, one.revision):
                fit.append(one)
                ends.append(tuple(map(len, children)))
                continue
            if label is not None:
                _take_back(main, children, ends)
            unfit.append(rejected(one.place, value, "MISLABELLED" if label else "UNDECODABLE"))
        return Rows(fit, main, children, ends), unfit

    def _writer(self, header: bytes) -> "_Writer | None":
        if header in self._writers:
            return self._writers[header]
        schema = None
        if len(header) == _HEADER_BYTES and not header[0]:
            schema = self._schema_of(int.from_bytes(header[1:], "big"))
        self._writers[header] = None if schema is None else _Writer(schema, self._spec)
        return self._writers[header]


class _Writer:
    """One writer's schema: its transcoder, and the long way for bytes that are sound but not in canonical form."""

    def __init__(self, schema: Schema, spec: TableSpec) -> None:
        self._parsed: Any = fastavro.parse_schema(dict(schema), _force=True)
        self.transcode: Transcode = compile_transcoder(schema, spec)

    def try_again(
        self, value: bytes, main: list[bytes], children: Sequence[list[bytes]]
    ) -> tuple[bytes, int] | None:
        """Bring the bytes into canonical form and transcode those; None if they are no record of the schema."""
        body = value[_HEADER_BYTES:]
        try:
            walk(self._parsed, body)
            record: Any = fastavro.schemaless_reader(BytesIO(body), self._parsed, None)
            out = BytesIO()
            fastavro.schemaless_writer(out, self._parsed, record)
            return self.transcode(out.getvalue(), 0, main, children)
        except (*REFUSALS, DecodeError, EOFError, TypeError, KeyError, ArithmeticError):
            return None


def _take_back(main: list[bytes], children: Sequence[list[bytes]], ends: Sequence[tuple[int, ...]]) -> None:
    main.pop()
    before = ends[-1] if ends else (0,) * len(children)
    for child, end in zip(children, before, strict=True):
        del child[end:]
