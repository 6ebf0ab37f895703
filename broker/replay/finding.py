"""Where the records of a person, a house, an entity or an event lie, by the index that the audit reader keeps.

The index is complete up to where the audit reader has come in each partition, and what lies behind that has to be read
through. Without an audit reader it reaches nowhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg

from broker.admission.store.facts import closure
from broker.audit.service import GROUP
from broker.kafka import TopicPartition
from broker.replay.selecting import Selection, kind_of
from broker.store.connect import connected, translated


class Index(NamedTuple):
    """Offsets of chosen records, and the offset in each partition up to which there are no others."""

    places: Mapping[TopicPartition, Sequence[int]]
    reaches: Mapping[TopicPartition, int]


_REACHES = (
    "SELECT topic, partition, next_offset FROM audit.position WHERE group_name = %s AND topic = ANY(%s)"
)
_PLACES = """
SELECT topic, partition, "offset" FROM audit.place
WHERE topic = ANY(%(topics)s)
    AND (%(entities)s::text[] IS NULL OR entity_id = ANY(%(entities)s))
    AND (%(houses)s::text[] IS NULL OR house_code = ANY(%(houses)s))
    AND (%(event_ids)s::text[] IS NULL OR event_id = ANY(%(event_ids)s))
ORDER BY 1, 2, 3
"""
_PLACES_OF_PARTIES = """
SELECT DISTINCT p.topic, p.partition, p."offset" FROM audit.place_party q
JOIN audit.place p USING (topic, partition, "offset")
WHERE q.party_ref = ANY(%(parties)s) AND p.topic = ANY(%(topics)s)
    AND (%(entities)s::text[] IS NULL OR p.entity_id = ANY(%(entities)s))
    AND (%(houses)s::text[] IS NULL OR p.house_code = ANY(%(houses)s))
    AND (%(event_ids)s::text[] IS NULL OR p.event_id = ANY(%(event_ids)s))
ORDER BY 1, 2, 3
"""


def indexed_topics(selection: Selection) -> list[str]:
    """The topics of which the index knows what is asked for."""
    by_all = selection.houses or selection.parties or selection.event_ids
    if not (by_all or selection.entities):
        return []
    kinds = {"exchange"} if by_all else {"exchange", "dept"}
    return [topic for topic in selection.topics if kind_of(topic) in kinds]


def find(dsn: str, selection: Selection) -> Index:
    """Ask the index. Raises ConfigError if this database has none, AccessDenied or Unavailable."""
    topics = indexed_topics(selection)
    asked = {
        name: sorted(values) or None
        for name, values in (
            ("entities", selection.entities),
            ("houses", selection.houses),
            ("event_ids", selection.event_ids),
            ("parties", selection.parties),
        )
    }
    with connected(dsn, "qianbei replay") as db, translated(dsn):
        # First how far it reaches: what is added meanwhile lies behind that, and is read through.
        reaches = {TopicPartition(t, p): at for t, p, at in _rows(db.execute(_REACHES, (GROUP, topics)))}
        query = _PLACES_OF_PARTIES if selection.parties else _PLACES
        places: dict[TopicPartition, list[int]] = {}
        for topic, partition, offset in _rows(db.execute(query, asked | {"topics": topics})):
            places.setdefault(TopicPartition(topic, partition), []).append(offset)
    return Index(places, reaches)


def same_party(dsn: str, ref: str) -> frozenset[str]:
    """All references of a party, as aliases link them."""
    with connected(dsn, "qianbei replay") as db, translated(dsn):
        return closure(db, [ref])[ref]


def _rows(cursor: psycopg.Cursor[tuple[object, ...]]) -> list[tuple[str, int, int]]:
    return [(str(topic), int(str(partition)), int(str(offset))) for topic, partition, offset in cursor]
