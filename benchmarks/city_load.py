"""Loading a synthetic city into ``latest`` by the compaction engine itself, without Kafka."""

import itertools
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import sqlalchemy as sa

from benchmarks.city import City
from benchmarks.city_records import CityRecords
from broker.codec import encoder
from broker.compaction.engine import Engine, Source
from broker.compaction.gather import Batch
from broker.compaction.opening import create_tables, latest_spec
from broker.kafka import Record, TopicPartition
from broker.store import roles
from broker.store.connect import connected
from broker.topics import COMPACTION, exchange_topic
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed

HOUSES_FOR_100_CONTRACTS = 52
CONTRACTS = ("sale", "lease", "mortgage")
_MARK = "city.json"
_SCHEMA_ID = 1
_HOUSES_AT_ONCE = 2_000
Say = Callable[[str], None]


class Made(NamedTuple):
    """A record as it would lie on its topic."""

    subject: str
    key: bytes
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Some houses and families, made in a process of its own."""

    city: City
    party_key: bytes
    houses: range
    families: range


def loaded_city(site: Site, home: Path, contracts: int, seed: int, say: Say) -> City:
    """The city that lies in this home, loaded now if there is none. Raises SystemExit if another one does."""
    mark = home / _MARK
    wanted = {"contracts": contracts, "seed": seed}
    if mark.exists():
        found = json.loads(mark.read_text(encoding="ascii"))
        if {name: found[name] for name in wanted} != wanted:
            raise SystemExit(
                f"{home} holds another city, {found}: ask for that one, or keep this one elsewhere"
            )
        return _city(contracts, seed, date.fromisoformat(found["today"]))
    city = _city(contracts, seed, datetime.now(UTC).date())
    counts = load(site, city, say)
    mark.write_text(json.dumps(wanted | {"today": str(city.today), "rows": counts}), encoding="ascii")
    return city


def _city(contracts: int, seed: int, today: date) -> City:
    return City(contracts * HOUSES_FOR_100_CONTRACTS // 100, seed, today)


def load(site: Site, city: City, say: Say) -> Counter[str]:
    """Fold the whole city, and have Postgres look at it as its own autovacuum would in time. Gives rows by subject."""
    settings = site.settings(COMPACTION, role=roles.COMPACTION)
    metadata = sa.MetaData()
    kept = [subject for subject, described in load_catalogue().subjects.items() if described.latest]
    specs = {subject: latest_spec(subject, metadata) for subject in kept}
    create_tables(settings.dsn(), list(specs.values()))
    sources = {
        exchange_topic(subject): Source(spec, {_SCHEMA_ID: load_schema(subject, latest_version(subject))}.get)
        for subject, spec in specs.items()
    }
    engine, counts, begun = Engine("benchmark", sources), Counter[str](), datetime.now(UTC)
    with (
        connected(settings.dsn(), "qianbei benchmark") as db,
        multiprocessing.get_context("spawn").Pool(1) as pool,
    ):
        engine.prepare(db)
        owned = engine.positions.claim(db, [TopicPartition(topic, 0) for topic in sources])
        offsets = Counter[str]()
        for made in pool.imap(_made, _parts(city, settings.party_key())):
            batch = Batch()
            batch.add(sorted(_on_topics(made, offsets), key=lambda record: record.topic))
            owned |= engine.apply(db, batch, owned).positions
            counts.update(one.subject for one in made)
            if batch.rejections:
                raise SystemExit(
                    f"{len(batch.rejections)} records were set aside: {batch.rejections[0].reason}"
                )
            say(f"{sum(counts[name] for name in CONTRACTS):,} contracts")
    seconds = (datetime.now(UTC) - begun).total_seconds()
    say(f"{counts.total():,} records in {seconds:.0f} s; vacuum and statistics")
    with psycopg.connect(site.admin.dsn(), autocommit=True) as db:
        db.execute("VACUUM (ANALYZE)")
        db.execute("CHECKPOINT")
    return counts


def _parts(city: City, party_key: bytes) -> Iterator[_Part]:
    """The houses in their order, and of the families as many with them as they are in proportion."""
    for first in range(0, city.houses, _HOUSES_AT_ONCE):
        last = min(first + _HOUSES_AT_ONCE, city.houses)
        families = range(first * city.families // city.houses, last * city.families // city.houses)
        yield _Part(city, party_key, range(first, last), families)


def _made(part: _Part) -> list[Made]:
    records = CityRecords(part.city, part.party_key)
    encoders = {}
    found = []
    of_houses = (records.of_house(part.city.deeds(n)) for n in part.houses)
    of_families = (records.of_family(part.city.family(n)) for n in part.families)
    for subject, record in itertools.chain.from_iterable(itertools.chain(of_houses, of_families)):
        if subject not in encoders:
            encoders[subject] = encoder(_SCHEMA_ID, parsed(subject, latest_version(subject)))
        encoded = encoders[subject](record)
        found.append(Made(subject, record["entity_id"].encode(), encoded, record["revision"]))
    return found


def _on_topics(made: list[Made], offsets: Counter[str]) -> Iterator[Record]:
    for one in made:
        topic, offset = exchange_topic(one.subject), offsets[one.subject]
        offsets[one.subject] += 1
        headers = (("qb_revision", str(one.revision).encode()),)
        yield Record(topic, 0, offset, 0, one.key, one.value, headers)
