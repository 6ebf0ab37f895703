"""A department's tables: equal to the projection of its topics, whatever dies, and never a step back for a reader."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.city import City
from tests.support.exchange import until
from tests.support.sync import Agency, assert_is_projection, own_database, watching

EVENTS = int(os.environ.get("QIANBEI_SYNC_EVENTS", "1200"))
KILLS = int(os.environ.get("QIANBEI_SYNC_KILLS", "2"))


@pytest.fixture
def agencies(city: City, tmp_path: Path) -> Iterator[dict[str, Agency]]:
    """Departments with a database each."""
    with own_database(city.exchange) as one, own_database(city.exchange) as two:
        yield {
            "police": Agency(city.exchange, "police", one, tmp_path),
            "bank.icbc": Agency(city.exchange, "bank.icbc", two, tmp_path),
        }


def test_tables_are_the_projection_under_load_and_kills(city: City, agencies: dict[str, Agency]) -> None:
    police, bank = agencies["police"], agencies["bank.icbc"]
    chance = random.Random(5)
    with city.sending(seed=31, events=EVENTS, rate=30, until_left=True) as going:
        for _ in range(KILLS):
            reached = police.folded() + chance.randrange(1, 60)
            with police.syncing(), bank.syncing():
                until("some records are folded", lambda reached=reached: police.folded() >= reached)
        assert going(), "the load ended before the last kill: it proved nothing"
    city.settle()
    for agency in (police, bank):
        told = agency.catch_up()
        assert told["behind"] == 0
        assert told["rejected"] == 0
    assert assert_is_projection(police, "lease") > 0
    assert assert_is_projection(police, "sale") > 0
    assert assert_is_projection(bank, "sale") > 0
    assert assert_is_projection(bank, "mortgage") > 0
    with watching(police.dsn, "qianbei.sale") as complaints:
        assert police.catch_up("--from-start")["behind"] == 0
    assert complaints == []
    assert_is_projection(police, "sale")


def test_a_rebuild_swaps_under_a_reader_and_a_running_sync(city: City, agencies: dict[str, Agency]) -> None:
    police = agencies["police"]
    if not police.exchange.read(["dept.police.sale.v1"]):
        city.send(seed=32, events=600)
        city.settle()
    rows = police.catch_up()["subjects"]["sale"]["rows"]
    before = police.query("SELECT identity FROM qianbei.target")
    with psycopg.connect(police.dsn, autocommit=True) as db:
        db.execute("CREATE ROLE sync_clerk" if not _role(db) else "SELECT 1")
        db.execute("GRANT USAGE ON SCHEMA qianbei TO sync_clerk")
        db.execute("GRANT SELECT ON qianbei.sale TO sync_clerk")
        db.execute("CREATE INDEX sale_by_county ON qianbei.sale (county_code, filed_at)")
        db.execute(
            "CREATE VIEW public.filed AS SELECT entity_id, address FROM qianbei.sale WHERE revision > 0"
        )
    with police.syncing(), watching(police.dsn, "qianbei.sale") as complaints:
        ended = police.sync("--rebuild", "--once", "--json")
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert "4 grants, indexes and views carried over" in ended.stderr
    assert complaints == []
    assert police.query("SELECT identity FROM qianbei.target") != before
    assert police.query("SELECT count(*) FROM public.filed") == [(rows,)]
    assert police.query("SELECT has_table_privilege('sync_clerk', 'qianbei.sale', 'SELECT')") == [(True,)]
    assert police.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'sale_by_county'") == [(1,)]
    assert police.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^qianbei_'") == []
    assert_is_projection(police, "sale")


def _role(db: "psycopg.Connection[tuple[object, ...]]") -> bool:
    return db.execute("SELECT 1 FROM pg_roles WHERE rolname = 'sync_clerk'").fetchone() is not None


def test_what_a_rebuild_would_lose_is_refused(city: City, agencies: dict[str, Agency]) -> None:
    police = agencies["police"]
    if not police.exchange.read(["dept.police.sale.v1"]):
        city.send(seed=33, events=600)
        city.settle()
    police.catch_up()
    with psycopg.connect(police.dsn, autocommit=True) as db:
        db.execute("INSERT INTO qianbei.sale (entity_id, revision) VALUES ('older than the topics', 3)")
        db.execute("CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) FROM qianbei.sale")
    refused = police.sync("--rebuild", "--once")
    assert refused.returncode == 2
    assert "1 entities of qianbei are no longer in the topics" in refused.stderr
    refused = police.sync("--rebuild", "--once", "--accept-missing")
    assert refused.returncode == 2
    assert "materialized view" in refused.stderr
    assert "counted" in refused.stderr
    assert police.query("SELECT revision FROM qianbei.sale WHERE entity_id = 'older than the topics'") == [
        (3,)
    ]
    with psycopg.connect(police.dsn, autocommit=True) as db:
        db.execute("DROP MATERIALIZED VIEW public.counted")
    assert police.sync("--rebuild", "--once", "--accept-missing").returncode == 0
    assert_is_projection(police, "sale")


def test_wrong_use_is_told(agencies: dict[str, Agency]) -> None:
    police, bank = agencies["police"], agencies["bank.icbc"]
    assert "no tables of police" in police.sync("--status").stderr
    police.catch_up()
    until("status", lambda: police.sync("--status", "--json").returncode == 0, 20)
    other = Agency(bank.exchange, "bank.icbc", police.dsn, bank.home).sync("--once")
    assert other.returncode == 2
    assert "keeps the topics of police" in other.stderr
    no_url = Agency(bank.exchange, "bank.icbc", "host=nowhere", bank.home).sync("--once")
    assert "write it as postgresql://" in no_url.stderr
