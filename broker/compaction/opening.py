"""Putting compaction together: what it knows, read once, and one session after another on the live servers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from broker.compaction.engine import Engine, Source
from broker.compaction.evolving import evolve
from broker.compaction.indexes import indexes_of
from broker.compaction.service import GROUP, CompactionSession
from broker.compaction.tables import LATEST, TableSpec, create_all, table_spec
from broker.kafka import Connection, GroupConsumer
from broker.kafka.takeover import require_readable
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.released import exchange_subject, lookup
from broker.settings import Settings
from broker.store.connect import connected, transaction, translated
from broker.topics import exchange_topic
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What does not change while the service runs: each topic's tables and schemas."""

    sources: Mapping[str, Source]


def know(settings: Settings) -> Knowledge:
    """Read catalogue and schemas, and create the tables that are missing. Raises ConfigError or Unavailable."""
    return Knowledge(sources_into(settings, LATEST))


def sources_into(settings: Settings, target: str) -> dict[str, Source]:
    """Every topic that is kept in ``latest``, with its tables in the schema ``target``, made where they are missing."""
    metadata = sa.MetaData()
    with Registry(settings.registry_url) as registry:
        sources = {
            exchange_topic(subject): _source(
                registry, settings.registry_url, latest_spec(subject, metadata, target)
            )
            for subject, described in load_catalogue().subjects.items()
            if described.latest
        }
    create_tables(settings.dsn(), [source.spec for source in sources.values()])
    return sources


def _source(registry: Registry, registry_url: str, spec: TableSpec) -> Source:
    return Source(spec, schemas_of(registry, registry_url, spec.subject))


def schemas_of(registry: Registry, registry_url: str, subject: str) -> Callable[[int], Schema | None]:
    """A function from a registry id to the schema of a record of ``exchange.<subject>``, None for any other id."""
    known = {
        r.schema_id: load_schema(subject, r.version) for r in lookup(registry, exchange_subject(subject))
    }
    name = full_name(load_schema(subject, latest_version(subject)))
    return schema_finder(name, known, registry_url)


def latest_spec(subject: str, metadata: sa.MetaData, target: str = LATEST) -> TableSpec:
    """The tables of a subject in ``latest``, or as they would be there, by its newest released schema."""
    schema = load_schema(subject, latest_version(subject))
    return table_spec(subject, schema, metadata, target=target, indexed=indexes_of(subject))


def schema_finder(
    name: str, known: Mapping[int, Schema], registry_url: str
) -> Callable[[int], Schema | None]:
    """A function from a registry id to a schema of the record ``name``, None if the id stands for none.

    An id that is not ``known`` is asked of the registry: a newer release may already be writing.
    """

    def schema_of(schema_id: int) -> Schema | None:
        if schema_id in known:
            return known[schema_id]
        with Registry(registry_url) as registry:
            found = registry.schema(schema_id)
        return found if found is not None and full_name(found) == name else None

    return schema_of


def full_name(schema: Schema) -> str:
    """The full name of a record schema."""
    name, namespace = str(schema.get("name", "")), schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def create_tables(dsn: str, specs: list[TableSpec]) -> None:
    """Create the tables and columns that are missing. Raises AccessDenied, ConfigError or Unavailable."""
    with transaction(dsn) as connection:
        create_all(connection, specs)
        evolve(connection, specs)


@contextmanager
def session(settings: Settings, knowledge: Knowledge, metrics: ServiceMetrics) -> Iterator[CompactionSession]:
    """One membership in the compaction group, with the clients that belong to it."""
    with open_session(settings, GROUP, knowledge.sources, metrics) as opened:
        yield opened


@contextmanager
def open_session(
    settings: Settings, group: str, sources: Mapping[str, Source], metrics: ServiceMetrics
) -> Iterator[CompactionSession]:
    """A session of any group that folds any topics into the settings' Postgres.

    Raises ConfigError if a topic is not there, or may not be read: it would seem empty for ever.
    """
    engine = Engine(group, sources)
    dsn = settings.dsn()
    instance = f"{group}-{settings.instance}"
    with (
        connected(dsn, f"qianbei {instance}") as db,
        GroupConsumer(Connection.of(settings), group, sources, instance=instance) as consumer,
    ):
        require_readable(consumer, sources, settings.kafka_username)
        with translated(dsn):
            engine.prepare(db)
        yield CompactionSession(engine, consumer, db, dsn, metrics)
