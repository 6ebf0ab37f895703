"""The record of who has protected values shown, why, and of what: committed before the first of them leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from psycopg.types.json import Jsonb

from broker.replay.selecting import Selection
from broker.store.connect import connected, translated

_NOTE = """
INSERT INTO audit.replay (replay_id, act, operator, reason, selection, records) VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(slots=True)
class Revealing:
    """A replay that is written down. ``records`` is how many it gave out in the end."""

    records: int | None = None


@contextmanager
def written_down(dsn: str, operator: str, reason: str, selection: Selection) -> Iterator[Revealing]:
    """Write down that a replay begins, and how it ended. Raises ConfigError if this database cannot hold it."""
    replay_id, told = uuid4(), Jsonb(selection.told())
    found = Revealing()
    with connected(dsn, "qianbei replay") as db, translated(dsn):
        db.execute(_NOTE, (replay_id, "BEGUN", operator, reason, told, None))
    try:
        yield found
    finally:
        with connected(dsn, "qianbei replay") as db, translated(dsn):
            db.execute(_NOTE, (replay_id, "ENDED", operator, reason, told, found.records))
