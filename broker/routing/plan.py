"""The plan: for each exchange topic the department topics that are filled from it, and how.

Made once when the service starts, from the released schemas, the entitlements and the registry's ids. Routing a record
is then a pure function of it: same key, same partition, the envelope's headers, and each department's own value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from broker.codec import HEADER_BYTES, Released, wire_header
from broker.errors import ConfigError, DecodeError
from broker.kafka import Header, Outgoing, Record
from broker.protected import Reveal, UnreadableValue, present
from broker.registry import SchemaIds
from broker.released import exchange_subject, lookup
from broker.routing.cut import Cutter
from broker.topics import exchange_topic
from schemas.derive import LEFT, Schema
from schemas.entitlements import Grant, newest_schemas
from schemas.said import said

_COPIED = frozenset(
    {
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_subject",
        "content-type",
        "qb_revision",
    }
)
"""Headers are shared by the same rule as fields: what is not listed does not leave."""

_LEFT_SOURCE = b"qianbei:internal"


@dataclass(frozen=True, slots=True)
class Route:
    """One exchange topic: a cutter for each released version by its registry id, and the outputs' topics in order."""

    subject: str
    cutters: Mapping[int, Cutter]
    outputs: tuple[str, ...]

    def messages(self, record: Record) -> list[Outgoing]:
        """The departments' records. Raises DecodeError with the record's place, ConfigError for a key that is missing."""
        value = record.value or b""
        schema_id = int.from_bytes(value[1:HEADER_BYTES], "big")
        cutter = self.cutters.get(schema_id)
        if cutter is None or value[0] != 0:
            raise DecodeError(
                "UNKNOWN_SCHEMA",
                said(
                    "{record}: schema id {schema_id} is no version of {subject}",
                    record=_place(record),
                    schema_id=schema_id,
                    subject=self.subject,
                ),
            )
        try:
            cuts = cutter.cut(value, HEADER_BYTES)
        except DecodeError as error:
            raise DecodeError(
                error.code, said("{where}: {error}", where=_place(record), error=error.detail)
            ) from None
        except UnreadableValue as error:
            raise ConfigError(said("{where}: {error}", where=_place(record), error=error)) from None
        whole = tuple(header for header in record.headers if header[0] in _COPIED)
        return [
            Outgoing(
                self.outputs[cut.output],
                record.partition,
                record.key,
                cut.value,
                _left_headers(whole, self.subject) if cut.left else whole,
            )
            for cut in cuts
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """The routes by exchange topic."""

    routes: Mapping[str, Route]

    @property
    def topics(self) -> tuple[str, ...]:
        """The exchange topics that routing reads: those of which any department sees anything."""
        return tuple(self.routes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The department topics that routing writes."""
        return tuple(topic for route in self.routes.values() for topic in route.outputs)

    def messages(self, records: Iterable[Record], only: str | None = None) -> list[Outgoing]:
        """What a batch gives, in the batch's order; ``only``: to one department topic."""
        routes = self.routes
        found = [message for record in records for message in routes[record.topic].messages(record)]
        return found if only is None else [message for message in found if message.topic == only]


def _left_headers(headers: Iterable[Header], subject: str) -> tuple[Header, ...]:
    """A LEFT says neither when nor by whom: that another bank has come is not for the one that goes."""
    changed = {"ce_type": f"cn.qianbei.{subject}.{LEFT}".encode(), "ce_source": _LEFT_SOURCE}
    return tuple((name, changed.get(name, value)) for name, value in headers if name != "ce_time")


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition} at offset {record.offset}"


# --- making it --------------------------------------------------------------------------------------------------------


def make_plan(registry: SchemaIds, granted: Iterable[Grant], reveal: Reveal = present) -> Plan:
    """The plan of these grants. ``reveal`` opens protected values.

    Raises ConfigError if the registry lacks one of their schemas, Unavailable if it does not answer.
    """
    newest = newest_schemas()
    by_subject: dict[str, list[Grant]] = {}
    for grant in granted:
        by_subject.setdefault(grant.subject, []).append(grant)
    return Plan(
        {
            exchange_topic(subject): make_route(
                newest[subject],
                tuple(lookup(registry, exchange_subject(subject))),
                [(grant, _registered(registry, grant, newest[subject])) for grant in its],
                reveal,
            )
            for subject, its in by_subject.items()
        }
    )


def make_route(
    newest: Schema,
    released: Sequence[Released],
    outputs: Sequence[tuple[Grant, int]],
    reveal: Reveal = present,
) -> Route:
    """The route of one subject: its released versions, and its grants with their schemas' registry ids."""
    granted = [grant for grant, _ in outputs]
    headers = [wire_header(schema_id) for _, schema_id in outputs]
    cutters = {
        version.schema_id: Cutter(newest, version.parsed, granted, headers, reveal) for version in released
    }
    return Route(granted[0].subject, cutters, tuple(grant.topic for grant in granted))


def _registered(registry: SchemaIds, grant: Grant, newest: Schema) -> int:
    schema_id = registry.lookup(f"{grant.topic}-value", grant.schema(newest))
    if schema_id is None:
        raise ConfigError(
            said(
                "the registry does not know the schema of {topic} as its entitlement now is: run "
                "`qianbei deploy`, and raise the version of an entitlement whose fields, masks or "
                "rows have changed",
                topic=grant.topic,
            )
        )
    return schema_id
