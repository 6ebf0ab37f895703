"""Rebuilding, and comparing: the tables of any moment, what differs from now and why, and nothing live disturbed."""

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

import fastavro
import psycopg
import pytest
from click.testing import CliRunner, Result

from benchmarks.rebuild import TARGET, run
from broker.replay.rebuilding import rebuild
from broker.replay.switching import NEXT, Switched, switch
from broker.store.roles import COMPACTION
from broker.topics import OPERATOR, exchange_topic
from qianbei.cli import diff_cmd, rebuild_cmd
from qianbei.site import Site
from schemas.files import latest_version, load_schema
from tests.support.city import City
from tests.support.exchange import Exchange, until
from tests.support.standing import all_passed, standing, stands_still
from tests.support.sync import watching
from tests.support.topics import remove_topics

EVENTS = int(os.environ.get("QIANBEI_REBUILD_EVENTS", "2000"))
MOMENTS = int(os.environ.get("QIANBEI_REBUILD_MOMENTS", "1"))
SUBJECTS = ("unit", "sale", "lease", "mortgage", "seizure")
SCHEMA = "rebuilt_march"


def test_a_rebuild_is_the_reference_row_by_row_now_and_at_random_moments(deployed: Exchange) -> None:
    settings = deployed.site.admin
    try:
        found = run(settings, contracts=EVENTS // 5, events=EVENTS, moments=MOMENTS)
        assert found["rebuilds"] == 1 + MOMENTS
        assert found["rows_compared"] > EVENTS // 5
        assert found["peak_mib"] < 500
    finally:
        remove_topics(settings, "bench.sale.")
        with psycopg.connect(settings.dsn(), autocommit=True) as db:
            db.execute(f"DROP SCHEMA IF EXISTS {TARGET} CASCADE")


@pytest.fixture
def lived_in(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A city in which things have happened, and which is the site of the command line."""
    site = city.exchange.site
    if not city.exchange.read(["exchange.sale"]):
        city.send(seed=41, events=500)
    city.settle()
    until("nothing moves any more", lambda: all_passed(site) and stands_still(site))
    for command in (rebuild_cmd, diff_cmd):
        monkeypatch.setattr(command, "current_site", lambda: site)
    yield site
    with psycopg.connect(site.admin.dsn(), autocommit=True) as db:
        for schema in (SCHEMA, "rebuilt_now"):
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_the_tables_of_a_moment_and_the_way_to_now(city: City, lived_in: Site) -> None:
    moments = sorted(body["recorded_at"] for bodies in decided(city.exchange).values() for body in bodies)
    moment = moments[len(moments) // 2]
    before = standing(lived_in)
    made = told("--as-of", moment.isoformat(), "--into", SCHEMA, "--json")
    assert made["complete"]
    assert made["rejected"] == 0
    with psycopg.connect(lived_in.admin.dsn()) as db:
        for subject, bodies in decided(city.exchange).items():
            rows = db.execute(f"SELECT entity_id, revision, decision_id FROM {SCHEMA}.{subject}").fetchall()
            assert sorted(rows) == sorted(newest(bodies, moment)), subject
    assert told("--into", "rebuilt_now", "--json")["complete"]
    assert standing(lived_in) == before, "a rebuild has touched what is live"

    same = CliRunner().invoke(
        diff_cmd.diff_command, ["rebuilt_now", "latest", "--json"], catch_exceptions=False
    )
    assert same.exit_code == 0, same.output
    differs = CliRunner().invoke(diff_cmd.diff_command, [SCHEMA, "latest", "--json", "--limit", "100000"])
    assert differs.exit_code == 1
    *found, summary = map(json.loads, differs.stdout.splitlines())
    assert summary["unexplained"] == 0
    assert found
    assert expected_differences(decided(city.exchange), moment) == {
        (one["subject"], one["entity_id"]): [step["decision_id"] for step in one["events"]]
        for one in found
        if one["subject"] in SUBJECTS
    }
    assert any(one["fields"] for one in found), "no field has changed: the moment proves nothing"


def test_a_row_that_no_event_made_is_found_and_its_values_are_not_told(lived_in: Site) -> None:
    told("--into", "rebuilt_now", "--json")
    with psycopg.connect(lived_in.admin.dsn(), autocommit=True) as db:
        db.execute(
            "UPDATE rebuilt_now.sale_parties SET name = '\\x00', id_type = 'planted' WHERE (entity_id, position) ="
            " (SELECT entity_id, position FROM rebuilt_now.sale_parties ORDER BY 1, 2 LIMIT 1)"
        )
        db.execute("INSERT INTO rebuilt_now.sale (entity_id, revision) VALUES ('of no event', 2)")
    ran = CliRunner().invoke(diff_cmd.diff_command, ["rebuilt_now", "latest", "--json"])
    *found, summary = map(json.loads, ran.stdout.splitlines())
    assert (ran.exit_code, summary["differences"], summary["unexplained"]) == (1, {"sale": 2}, 2)
    assert sorted(tuple(one["fields"]) for one in found) == [(), ("parties[0].id_type", "parties[0].name")]
    assert "planted" not in ran.stdout
    text = CliRunner().invoke(diff_cmd.diff_command, ["rebuilt_now", "latest"])
    assert "no event explains this" in text.stdout


def test_an_interrupted_rebuild_goes_on_where_it_was(city: City, lived_in: Site) -> None:
    stop = threading.Event()
    settings = lived_in.settings(OPERATOR, role=COMPACTION)
    stop.set()
    begun = rebuild(lived_in.admin.dsn(), settings, SCHEMA, None, stop, lambda _done, _of: None)
    assert not begun.complete
    refused = CliRunner().invoke(diff_cmd.diff_command, [SCHEMA, "latest"])
    assert "not rebuilt to its end" in str(refused.exception)
    assert told("--into", SCHEMA, "--json")["complete"]
    records = sum(len(city.exchange.read([exchange_topic(subject)])) for subject in SUBJECTS)
    city.send(seed=42, events=60)
    city.settle()
    seen: list[int] = []
    assert rebuild(
        lived_in.admin.dsn(), settings, SCHEMA, None, threading.Event(), lambda d, _of: seen.append(d)
    ).complete
    assert seen[0] >= records, "it began anew"
    assert CliRunner().invoke(diff_cmd.diff_command, [SCHEMA, "latest"]).exit_code == 0


def test_a_switch_repairs_latest_under_readers_and_running_services(city: City, lived_in: Site) -> None:
    dsn = lived_in.admin.dsn()
    with psycopg.connect(dsn, autocommit=True) as db:
        rights = acl(db)
        was = db.execute("SELECT 'latest.sale'::regclass::oid").fetchone()
        db.execute(
            "UPDATE latest.sale SET address = 'planted' WHERE entity_id = (SELECT min(entity_id) FROM latest.sale)"
        )
    with (
        watching(dsn, "latest.sale") as complaints,
        city.sending(seed=43, events=150, rate=10, until_left=True) as going,
    ):
        with psycopg.connect(dsn) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            seen = reader.execute("SELECT count(*) FROM latest.sale").fetchone()
            switched: list[Switched | None] = []
            switching = threading.Thread(target=lambda: switched.append(switch_now(lived_in)))
            switching.start()
            until("the reader is waited for", lambda: waits_for_readers(dsn) or not switching.is_alive())
            assert reader.execute("SELECT count(*) FROM latest.sale").fetchone() == seen
            assert not switched, "it switched under a reader's snapshot"
        switching.join(60)
        assert switched
        assert going(), "the load ended before the switch: it proved nothing"
    assert complaints == []
    assert switched[0] is not None
    assert switched[0].missing == 0
    assert switched[0].old_dropped
    city.settle()
    with psycopg.connect(dsn, autocommit=True) as db:
        assert acl(db) == rights
        assert db.execute("SELECT 'latest.sale'::regclass::oid").fetchone() != was
        assert db.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^latest_'").fetchall() == []
    city.check()


def test_a_switch_that_would_lose_entities_is_refused(lived_in: Site) -> None:
    dsn = lived_in.admin.dsn()
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("INSERT INTO latest.sale (entity_id, revision) VALUES ('of no event', 2)")
    refused = ran("--switch")
    assert "1 entities of latest" in str(refused.exception)
    with psycopg.connect(dsn) as db:
        assert db.execute("SELECT 1 FROM latest.sale WHERE entity_id = 'of no event'").fetchone()
    assert ran("--switch", "--accept-missing").exit_code == 0
    with psycopg.connect(dsn) as db:
        assert not db.execute("SELECT 1 FROM latest.sale WHERE entity_id = 'of no event'").fetchone()


def switch_now(site: Site) -> Switched | None:
    settings = site.settings(OPERATOR, role=COMPACTION)
    return switch(site.admin.dsn(), settings, NEXT, threading.Event(), lambda _done, _of: None)


def waits_for_readers(dsn: str) -> bool:
    with psycopg.connect(dsn) as db:
        query = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        return db.execute(query).fetchone() is not None


def acl(db: "psycopg.Connection[Any]") -> set[tuple[Any, ...]]:
    """Every right on the tables of latest, on the schema, and on tables to come."""
    return set(
        db.execute(
            "SELECT c.relname::text, pg_get_userbyid(c.relowner)::text, unnest(c.relacl)::text FROM pg_class c"
            " WHERE c.relnamespace = 'latest'::regnamespace AND c.relkind = 'r'"
            " UNION SELECT '', '', unnest(nspacl)::text FROM pg_namespace WHERE nspname = 'latest'"
            " UNION SELECT 'default', '', unnest(defaclacl)::text FROM pg_default_acl"
            " WHERE defaclnamespace = 'latest'::regnamespace"
        ).fetchall()
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--into", "latest"], "latest is live"),
        (["--into", "pg_catalog"], "pg_catalog is live"),
        (["--into", "admission", "--drop"], "admission is live"),
        (["--into", "strangers"], "not a rebuild's"),
        (["--into", SCHEMA, "--as-of", "2020-01-01"], "begun as of"),
    ],
)
def test_what_is_not_a_rebuilds_is_left_alone(lived_in: Site, words: list[str], complaint: str) -> None:
    told("--into", SCHEMA, "--json")
    with psycopg.connect(lived_in.admin.dsn(), autocommit=True) as db:
        db.execute("CREATE SCHEMA strangers")
    try:
        assert complaint in str(ran(*words).exception)
    finally:
        with psycopg.connect(lived_in.admin.dsn(), autocommit=True) as db:
            db.execute("DROP SCHEMA strangers")


def test_a_moment_that_has_not_come_is_refused(lived_in: Site) -> None:
    assert lived_in
    refused = ran("--into", SCHEMA, "--as-of", "2999-01-01")
    assert refused.exit_code == 2
    assert "future" in refused.output


def ran(*words: str) -> Result:
    return CliRunner().invoke(rebuild_cmd.rebuild_command, words)


def told(*words: str) -> dict[str, Any]:
    result = ran(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def decided(exchange: Exchange) -> dict[str, list[dict[str, Any]]]:
    """Every record of the subjects, decoded."""
    found = defaultdict(list)
    for subject in SUBJECTS:
        schema = fastavro.parse_schema(load_schema(subject, latest_version(subject)), _force=True)
        for record in exchange.read([exchange_topic(subject)]):
            found[subject].append(
                fastavro.schemaless_reader(BytesIO((record.value or b"")[5:]), schema, None)
            )
    return found


def newest(bodies: list[dict[str, Any]], moment: datetime) -> set[tuple[str, int, str]]:
    by = {
        b["entity_id"]: b for b in sorted(bodies, key=lambda b: b["revision"]) if b["recorded_at"] <= moment
    }
    return {(key, b["revision"], b["decision_id"]) for key, b in by.items()}


def expected_differences(
    found: dict[str, list[dict[str, Any]]], moment: datetime
) -> dict[tuple[str, str], list[str]]:
    later = defaultdict(list)
    for subject, bodies in found.items():
        for body in sorted(bodies, key=lambda b: b["revision"]):
            if body["recorded_at"] > moment:
                later[subject, body["entity_id"]].append(body["decision_id"])
    return dict(later)
