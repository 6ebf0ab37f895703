"""Running a sync: for ever, or until everything that is there now is in the tables; and a rebuild beside them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import structlog

from broker.logging import get_logger
from broker.metrics import ServiceMetrics
from broker.runner import Session, Stop, run
from broker.settings import Settings
from broker.store.connect import transaction
from consumers.sync import opening, swap
from consumers.sync import target as targets
from consumers.sync.standing import Ends, behind, ends_of, positions, visible_topics
from consumers.sync.target import Target, next_of
from consumers.sync.topics import chosen

Told = Callable[[int, int], None]
"""Is told how many offsets are folded, of how many."""


def _quiet(_folded: int, _of: int) -> None:
    pass


class _Watched:
    """A session that tells how far the tables are from ``ends``, and raises a flag when they are there."""

    def __init__(
        self, inner: Session, ends: Ends, folded: Callable[[], Ends], tell: Told, reached: threading.Event
    ) -> None:
        self._inner = inner
        self._ends = ends
        self._folded = folded
        self._tell = tell
        self._reached = reached

    def step(self) -> int:
        """As the session within."""
        handled = self._inner.step()
        folded = self._folded()
        total = sum(self._ends.values())
        left = sum(behind(folded, self._ends, topic) for topic in {p.topic for p in self._ends})
        self._tell(total - left, total)
        if not left:
            self._reached.set()
        return handled


class _Either:
    """A flag that is set when one of two is."""

    def __init__(self, stop: Stop, reached: threading.Event) -> None:
        self._stop = stop
        self._reached = reached

    def is_set(self) -> bool:
        return self._stop.is_set() or self._reached.is_set()

    def wait(self, timeout: float) -> bool:
        return self.is_set() or self._stop.wait(timeout)


class Sync:
    """One department's topics into one target. ``settings`` hold the department's login and its own database."""

    def __init__(
        self, settings: Settings, department: str, schema: str, metrics: ServiceMetrics | None = None
    ) -> None:
        self._settings = settings
        self._department = department
        self._schema = schema
        self._metrics = metrics or ServiceMetrics("sync")
        self._log: structlog.typing.FilteringBoundLogger = get_logger("sync").bind(
            department=department, schema=schema
        )

    def keep(self, stop: Stop) -> None:
        """Fold until ``stop`` is set. Raises as ``broker.runner.run``."""
        run(lambda: self._session(self._schema), stop, self._metrics, self._log)

    def catch_up(self, stop: Stop, tell: Told = _quiet) -> bool:
        """Fold until what is there now is in the tables; whether it came so far before ``stop``."""
        return self._catch_up(self._schema, stop, tell)

    def rebuild(
        self, stop: Stop, tell: Told = _quiet, *, accept_missing: bool = False
    ) -> swap.Swapped | None:
        """Fold everything into new tables beside the live ones, then swap; None if stopped before.

        Begun again after an interruption it goes on where it was. Raises as ``swap.swap``.
        """
        self._forget_stale()
        while self._catch_up(next_of(self._schema), stop, tell):
            with transaction(self._settings.dsn()) as connection:
                swapped = swap.swap(connection, self._schema, self._department, accept_missing=accept_missing)
            if swapped is not None:
                swap.drop_old(self._settings.dsn(), self._schema)
                return swapped
        return None

    def _session(self, schema: str) -> AbstractContextManager[Session]:
        return opening.session(self._settings, self._department, schema, self._metrics)

    def _catch_up(self, schema: str, stop: Stop, tell: Told) -> bool:
        target = opening.open_target(self._settings, self._department, schema).target
        ends = ends_of(self._settings, target.topics)
        reached = threading.Event()

        @contextmanager
        def session() -> Iterator[Session]:
            with self._session(schema) as inner:
                yield _Watched(inner, ends, lambda: self._folded(target), tell, reached)

        run(session, _Either(stop, reached), self._metrics, self._log)
        return reached.is_set()

    def _folded(self, target: Target) -> Ends:
        with transaction(self._settings.dsn()) as connection:
            return positions(connection, target)

    def _forget_stale(self) -> None:
        """Drop what an earlier rebuild left, if by now the topics are others."""
        visible = visible_topics(self._settings)
        with transaction(self._settings.dsn()) as connection:
            begun = targets.find(connection, next_of(self._schema), self._department)
            if begun is not None and begun.topics != chosen(self._department, visible, {}):
                targets.drop(connection, next_of(self._schema))
