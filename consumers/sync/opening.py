"""Putting a sync together: the topics that are to be seen, their schemas, the tables, and a session that folds."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from broker.compaction.engine import Source
from broker.compaction.opening import Schema, full_name, open_session, schema_finder
from broker.compaction.service import CompactionSession
from broker.compaction.tables import TableSpec, table_spec
from broker.compaction.transcode import NoPlace
from broker.errors import ConfigError, OwnershipLost, StateAheadOfLog, StateBehindLog, Unavailable
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.settings import Settings
from broker.store.connect import transaction
from consumers.sync import target as targets
from consumers.sync.standing import visible_topics
from consumers.sync.target import Target
from consumers.sync.topics import chosen
from schemas.derive import LEFT
from schemas.said import said

LIST_KEYS = ("id_no", "role")
"""A list of people is a table of its own, found by identity number where the department may see it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A target that is ready to be folded into, and its sources by topic."""

    target: Target
    sources: Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Made:
    """A target whose tables are up to its schemas; ``specs`` by topic."""

    target: Target
    specs: Mapping[str, TableSpec]


def open_target(settings: Settings, department: str, schema: str) -> Opened:
    """Make the tables, or bring them up to the schemas of the topics.

    Raises ConfigError, AccessDenied or Unavailable.
    """
    url = settings.registry_url
    with Registry(url) as registry:
        newest = _Newest(registry, visible_topics(settings))
        made = make_tables(settings.dsn(), department, schema, newest)
        sources = {
            t: Source(spec, schema_finder(full_name(newest[t]), {}, url)) for t, spec in made.specs.items()
        }
    return Opened(made.target, sources)


def make_tables(dsn: str, department: str, schema: str, newest: Mapping[str, Schema]) -> Made:
    """Make the tables of topics, or bring them up to their newest schemas: of each subject one topic is kept.

    Raises ConfigError, AccessDenied or Unavailable.
    """
    with transaction(dsn) as connection:
        # Two processes may start at once, and only one may draw the identity.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"qianbei {schema}"))))
        found = targets.find(connection, schema, department)
        topics = chosen(department, newest, found.topics if found else {})
        identity = found.identity if found else targets.new_identity()
        specs = _specs(topics, {topic: newest[topic] for topic in topics.values()}, schema)
        target = targets.establish(
            connection, found, Target(schema, department, identity, topics), list(specs.values())
        )
    return Made(target, specs)


class _Newest(Mapping[str, Schema]):
    """The newest schemas of the topics that are to be seen, each asked of the registry once."""

    def __init__(self, registry: Registry, visible: Iterable[str]) -> None:
        self._registry = registry
        self._visible = frozenset(visible)
        self._known: dict[str, Schema] = {}

    def __getitem__(self, topic: str) -> Schema:
        if topic not in self._known:
            self._known[topic] = _newest(self._registry, topic)
        return self._known[topic]

    def __iter__(self) -> Iterator[str]:
        return iter(self._visible)

    def __len__(self) -> int:
        return len(self._visible)


def _newest(registry: Registry, topic: str) -> Schema:
    found = registry.newest(f"{topic}-value")
    if found is None:
        raise ConfigError(
            said(
                "the registry has no schema of {topic}: the exchange's operator runs `qianbei deploy`",
                topic=topic,
            )
        )
    return found[1]


def _specs(topics: Mapping[str, str], schemas: Mapping[str, Schema], target: str) -> dict[str, TableSpec]:
    metadata = sa.MetaData()
    return {
        topic: table_spec(subject, schemas[topic], metadata, target=target, leaving=LEFT, list_keys=LIST_KEYS)
        for subject, topic in topics.items()
    }


class SyncSession:
    """A session of the engine whose end, where going on takes other tables, is a new session rather than the process's.

    Raises Unavailable or OwnershipLost for those.
    """

    def __init__(self, inner: CompactionSession, target: Target) -> None:
        self._inner = inner
        self._target = target

    def step(self) -> int:
        """Fold at most one batch."""
        department, schema = self._target.department, self._target.schema
        try:
            return self._inner.step()
        except NoPlace as error:
            raise Unavailable(said("{error}. The next session adds the column", error=error)) from None
        except psycopg.errors.CheckViolation:
            raise OwnershipLost(
                said("the tables of {schema} have been swapped for new ones", schema=schema)
            ) from None
        except (StateBehindLog, StateAheadOfLog) as error:
            raise type(error)(
                said("{error} (`qianbei sync {department} --rebuild`)", error=error, department=department)
            ) from None


@contextmanager
def session(
    settings: Settings, department: str, schema: str, metrics: ServiceMetrics
) -> Iterator[SyncSession]:
    """One membership in the target's group."""
    opened = open_target(settings, department, schema)
    with open_session(settings, opened.target.group, opened.sources, metrics) as inner:
        yield SyncSession(inner, opened.target)
