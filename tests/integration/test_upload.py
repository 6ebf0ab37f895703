"""The upload of a city's records, by the command line, to a receiver that keeps them in Postgres."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from broker.registry import Registry
from broker.settings import Listen
from consumers.decoding import SchemaDecoder
from consumers.monitoring import TOPICS
from consumers.upload.receiver import Receiver
from consumers.upload.server import receiver_app, served
from consumers.upload.store import Store
from schemas.dates import day_in_china
from tests.support.city import City
from tests.support.sync import Agency, own_database
from tests.support.uploading import KEY


@pytest.fixture
def monitoring(city: City, tmp_path: Path) -> Iterator[Agency]:
    with own_database(city.exchange) as dsn:
        yield Agency(city.exchange, "monitoring", dsn, tmp_path)


def commanded(agency: Agency, *words: str) -> tuple[int, dict[str, Any]]:
    """An ``upload`` command with ``--json``; its exit code and what it told."""
    command = agency.command("upload", *words, "--json")
    command.remove(agency.department)
    ended = agency.ended(command)
    assert ended.returncode in (0, 1), ended.stderr[-3000:]
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return ended.returncode, told


def truth(city: City) -> Counter[tuple[str, str, str]]:
    """How many filings each channel must hold of each day and subject, counted from the topics."""
    with Registry(city.exchange.site.admin.registry_url) as registry:
        decoder = SchemaDecoder(registry)
        records = [decoder.decode(one) for one in city.exchange.read(list(TOPICS))]
    return Counter(
        (
            f"{'province' if one.value['county_code'] == '411481' else 'city'}.{one.value['county_code'].lower()}",
            day_in_china(one.value["recorded_at"]).isoformat(),
            one.subject,
        )
        for one in records
    )


def test_a_citys_filings_reach_the_province_and_a_planted_difference_is_repaired(
    city: City, monitoring: Agency, tmp_path: Path
) -> None:
    if not city.exchange.read(["dept.monitoring.sale.v1"]):
        city.send(seed=32, events=600)
        city.settle()
    key = tmp_path / "both.key"
    key.write_text(KEY)
    key.chmod(0o600)
    store = Store(monitoring.dsn)
    store.prepare()
    receiver = Receiver(tmp_path / "received", store, bytes.fromhex(KEY))
    app = receiver_app(receiver, bytes.fromhex(KEY))
    with served(app, Listen("127.0.0.1", 0, None, None)) as url:
        way = {"url": url, "key": "both.key"}
        config = tmp_path / "upload.yaml"
        routes = {"411481": [{"from": "2020-01-01", "via": "province"}]}
        config.write_text(
            yaml.safe_dump({"store": "sender", "ways": {"city": way, "province": way}, "routes": routes})
        )
        expected = truth(city)
        for _ in range(3):  # on a machine that stands still for seconds, a reading may end early
            code, told = commanded(monitoring, "run", str(config), "--once", "--quiet", "3")
            assert (code, told["problems"]) == (0, {})
            assert told["published"] == told["taken"]
            _, stands = commanded(monitoring, "status", str(config))
            if stands["filings"] == expected.total():
                break
        stored = kept(monitoring)
        assert stored == expected if not stands["withheld"] else stored < expected
        assert stored.total() + stands["withheld"] == expected.total() == stands["filings"]
        assert stands["taken"] == stored.total() > 0
        channel, day, _ = max(stored, key=lambda one: stored[one])
        with psycopg.connect(monitoring.dsn, autocommit=True) as db:
            lost = db.execute(_DELETE, (channel, day)).fetchall()
        code, told = commanded(monitoring, "reconcile", str(config), "--day", day)
        (found,) = [one for one in told["channels"] if one["repair_batch"]]
        assert (code, found["equal"]) == (0, True)
        assert [(one["kind"], one["entity_id"]) for one in found["differences"]] == [("LOST", lost[0][0])]
        assert kept(monitoring) == stored


def kept(monitoring: Agency) -> Counter[tuple[str, str, str]]:
    """What the receiver holds, counted as ``truth`` does."""
    return Counter({(channel, day, subject): n for channel, day, subject, n in monitoring.query(_COUNTS)})


_COUNTS = "SELECT channel, day, subject, count(*) FROM upload_filing GROUP BY 1, 2, 3"
_DELETE = """DELETE FROM upload_filing WHERE (channel, number, place) IN
    (SELECT channel, number, place FROM upload_filing WHERE channel = %s AND day = %s LIMIT 1) RETURNING entity_id"""
