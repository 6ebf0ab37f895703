"""What a department's program is fed with: the golden records of each of its topics, and the edges of the contract.

Everything is sent in two halves; between them the program is killed. Each entity ends in the second half or was whole in
the first, so that a program which keeps its state in memory alone can pass too.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastavro import parse_schema

from broker.cloudevents import cloud_event
from broker.codec import HEADER_BYTES, encoder, wire_header
from broker.errors import ConfigError
from broker.kafka import Outgoing, partition_of
from broker.registry import SchemaIds
from consumers.testing import MemoryExchange
from schemas.catalogue import load_catalogue
from schemas.derive import LEFT
from schemas.entitlements import Grant, Rows, grants, load_entitlements, newest_schemas
from schemas.said import said

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
LARGEST = 85_000
"""Characters in the longest field of the largest record: an intake record may have 256 KiB."""
ADDED = "contract_test_added"
"""The field that a newer schema has."""

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One record, and which expectation it is sent for."""

    case: str
    entity_id: str
    revision: int
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Halves:
    """All records, before and after the program is killed."""

    first: tuple[Sent, ...]
    second: tuple[Sent, ...]

    @property
    def all(self) -> tuple[Sent, ...]:
        return (*self.first, *self.second)


def granted_to(department: str, topics: Sequence[str] = ()) -> tuple[Grant, ...]:
    """The department's topics, or those of them that are named. Raises ConfigError if there is no such one."""
    mine = tuple(grant for grant in grants(load_entitlements()) if grant.department == department)
    names = [grant.topic for grant in mine]
    if unknown := [topic for topic in topics if topic not in names] or ([] if mine else [department]):
        raise ConfigError(
            said(
                "nothing is sent to {department} by {unknown}; its topics: {topics}",
                department=department,
                unknown=unknown[0],
                topics=", ".join(names) or "none",
            )
        )
    return tuple(grant for grant in mine if not topics or grant.topic in topics)


def newer_schema(schema: Schema) -> dict[str, Any]:
    """A later version of a topic's schema: one nullable field more, as the exchange adds them."""
    added = {
        "name": ADDED,
        "type": ["null", "string"],
        "default": None,
        "doc": "a field that you do not know",
    }
    return {**schema, "fields": [*schema["fields"], added]}


def make(granted: Sequence[Grant], registry: SchemaIds, slots: int, run: str) -> Halves:
    """The records of these topics. ``run`` keeps the entities of two runs on one broker apart.

    The newer schema of each topic must be registered. Raises LookupError if a schema is not.
    """
    memory = MemoryExchange(slots)
    makers = [_Maker(grant, registry, memory, run) for grant in granted]
    return Halves(
        tuple(sent for maker in makers for sent in maker.first_half()),
        tuple(sent for maker in makers for sent in maker.second_half()),
    )


class _Maker:
    """Makes the records of one topic."""

    def __init__(self, grant: Grant, registry: SchemaIds, memory: MemoryExchange, run: str) -> None:
        self._grant, self._memory, self._run = grant, memory, run
        self._schema = grant.schema(newest_schemas()[grant.subject])
        subject = f"{grant.topic}-value"
        newer = newer_schema(self._schema)
        self._id, newer_id = (_registered(registry, subject, one) for one in (self._schema, newer))
        self._encode = encoder(self._id, parse_schema(self._schema))
        self._encode_newer = encoder(newer_id, parse_schema(newer))

    def first_half(self) -> Iterator[Sent]:
        """What a program meets on its first day."""
        yield from self._golden()
        for number, kind in enumerate(load_catalogue().subject(self._grant.subject).event_types):
            yield self._bare(
                said("every field null but the key, every event type"), f"bare-{number}", 1, kind
            )
        twice = self._bare(said("the same record twice"), "twice", 1)
        yield from (twice, twice)

    def second_half(self) -> Iterator[Sent]:
        """What it meets after it was killed."""
        late = said("an older revision after a newer one")
        for revision in (1, 3, 2):
            yield self._bare(late, "late", revision)
        yield self._sent(
            said("a newer schema with a field more"),
            "newer",
            1,
            "CHANGED",
            self._encode_newer,
            {ADDED: "new"},
        )
        if text := _longest_text(self._schema):
            yield self._sent(
                said("the largest record"), "large", 1, "CHANGED", self._encode, {text: "长" * LARGEST}
            )
        if self._grant.terms.rows is Rows.INTERESTED:
            for revision, kind in ((1, "FILED"), (2, LEFT), (5, "AMENDED")):
                yield self._bare(said("LEFT, and back with a gap"), "left", revision, kind)

    def _golden(self) -> Iterator[Sent]:
        """The examples of the subject, each as an entity of its own, projected as the exchange projects them."""
        grant, exchange = self._grant, self._memory
        for number, file in enumerate(sorted((EXAMPLES / grant.subject).glob("v*/*.json"))):
            example = json.loads(file.read_text(encoding="utf-8")) | {
                "entity_id": self._entity(f"golden-{number}")
            }
            exchange.put(grant.subject, example, interested=[grant.department])
        for record in exchange.servers(grant.department).read(grant.topic):
            assert record.key is not None
            assert record.value is not None
            value = wire_header(self._id) + record.value[HEADER_BYTES:]
            message = Outgoing(grant.topic, record.partition, record.key, value, record.headers)
            yield Sent(
                said("golden records"),
                record.key.decode(),
                int(record.header("qb_revision") or b"0"),
                message,
            )

    def _bare(self, case: str, name: str, revision: int, kind: str = "CHANGED") -> Sent:
        return self._sent(case, name, revision, kind, self._encode, {})

    def _sent(
        self, case: str, name: str, revision: int, kind: str, encode: Any, fields: Mapping[str, Any]
    ) -> Sent:
        entity = self._entity(name)
        value = encode({"entity_id": entity, "revision": revision, "event_type": kind, **fields})
        event = {
            "event_id": str(uuid.uuid4()),
            "source": "bureau",
            "event_type": kind,
            "occurred_at": datetime.now(UTC),
            "entity_id": entity,
            "revision": revision,
        }
        key = entity.encode()
        headers = cloud_event(event, self._grant.subject)
        message = Outgoing(self._grant.topic, partition_of(key, self._memory.partitions), key, value, headers)
        return Sent(case, entity, revision, message)

    def _entity(self, name: str) -> str:
        return f"CT-{self._run}-{self._grant.subject}-{name}"


def _registered(registry: SchemaIds, subject: str, schema: dict[str, Any]) -> int:
    found = registry.lookup(subject, schema)
    if found is None:
        raise LookupError(f"{subject} is not registered")
    return found


def _longest_text(schema: Schema) -> str | None:
    """A field that can hold a long text."""
    texts = [f["name"] for f in schema["fields"] if "string" in _plain(f["type"])]
    wanted = [
        name for name in texts if name not in ("entity_id", "event_type", "event_id", "source", "county_code")
    ]
    return wanted[0] if wanted else None


def _plain(type_: Any) -> list[Any]:
    return [one for one in (type_ if isinstance(type_, list) else [type_]) if isinstance(one, str)]
