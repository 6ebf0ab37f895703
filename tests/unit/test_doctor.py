"""What the doctor says of facts: each fault is found, and told how it is mended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.deploy import installation_topics
from broker.kafka import Acl
from broker.topics import acls
from qianbei.doctor import database, kafka, machine, schemas, services
from qianbei.doctor.finding import Finding, Level
from qianbei.inspect.lag import ServiceLag
from schemas.installation import load_installation

TOPICS = installation_topics(load_installation(None))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
GIB = 1024**3


def configs() -> dict[str, dict[str, str]]:
    return {topic.name: dict(topic.config(1)) for topic in TOPICS}


def changed_config() -> Finding:
    found = configs()
    found["exchange.sale"]["retention.ms"] = "1000"
    return kafka.judge_configs(TOPICS, found, 1)


@pytest.mark.parametrize(
    ("finding", "level", "named"),
    [
        (kafka.judge_topics(TOPICS, {t.name for t in TOPICS}), Level.OK, ""),
        (
            kafka.judge_topics(TOPICS, {t.name for t in TOPICS} - {"exchange.sale"}),
            Level.FAIL,
            "exchange.sale",
        ),
        (kafka.judge_partitions({"a": 4, "b": 5}, 4), Level.FAIL, "b"),
        (kafka.judge_configs(TOPICS, configs(), 1), Level.OK, ""),
        (changed_config(), Level.FAIL, "exchange.sale retention.ms=1000 (must be -1)"),
        (kafka.judge_kept(7 * 24 * 60), Level.WARN, "7 days"),
        (kafka.judge_kept(400 * 24 * 60), Level.OK, "400 days"),
        (kafka.judge_users({"tax"}, set()), Level.FAIL, "tax"),
        (kafka.judge_users(set(), {"bank.ccb"}), Level.FAIL, "bank.ccb"),
        (schemas.judge_registered({"exchange.sale-value"}, 9), Level.FAIL, "exchange.sale-value"),
        (schemas.judge_level("NONE"), Level.FAIL, "NONE"),
        (database.judge_version(130012), Level.FAIL, "13.12"),
        (database.judge_version(180001), Level.OK, "18.1"),
        (database.judge_clock(-0.2, "Postgres"), Level.OK, ""),
        (database.judge_clock(-3.0, "Postgres"), Level.WARN, "3.0 s behind"),
        (database.judge_clock(90.0, "Postgres"), Level.FAIL, "90.0 s ahead"),
        (database.judge_encryption("off", 0), Level.OK, "off"),
        (database.judge_encryption("sm4-gcm", 7), Level.OK, "sm4-gcm"),
        (database.judge_encryption("off", 7), Level.WARN, "7 keys"),
        (database.judge_migration(None, "0007"), Level.FAIL, "nothing"),
        (machine.judge_python((3, 10)), Level.FAIL, ""),
        (machine.judge_disk(50 * GIB, Path("/x")), Level.OK, ""),
        (machine.judge_disk(5 * GIB, Path("/x")), Level.WARN, "5.0 GiB"),
        (machine.judge_disk(GIB, Path("/x")), Level.FAIL, "/x"),
        (machine.judge_secrets({"/x/tax"}), Level.FAIL, "/x/tax"),
        (machine.judge_expiry("api_certfile", "CN=a", NOW + timedelta(days=90), NOW), Level.OK, "CN=a"),
        (
            machine.judge_expiry("api_certfile", "CN=a", NOW + timedelta(days=9), NOW),
            Level.WARN,
            "2026-12-03",
        ),
        (machine.judge_expiry("api_certfile", "CN=a", NOW, NOW), Level.FAIL, "CN=a"),
        (services.judge_lag(ServiceLag("routing", 0, True, None)), Level.OK, "0 records"),
        (services.judge_lag(ServiceLag("routing", 7, True, 90.0)), Level.WARN, "7 records"),
        (services.judge_taken({"admission-0": True, "routing-0": True}), Level.OK, "2 processes"),
        (services.judge_taken({"admission-0": True, "routing-0": False}), Level.WARN, "routing-0"),
    ],
)
def test_judgements(finding: Finding, level: Level, named: str) -> None:
    assert finding.level is level
    assert named in finding.what
    assert bool(finding.how) == (level is not Level.OK)


def test_rights_beyond_the_catalogue_and_short_of_it() -> None:
    wanted = acls(TOPICS)
    gone, planted = min(wanted), Acl("police", "TOPIC", "dept.tax.", "READ", prefixed=True)
    (all_well,) = kafka.judge_rights(wanted, wanted)
    assert all_well.level is Level.OK
    missing, surplus = kafka.judge_rights(wanted, wanted - {gone} | {planted})
    assert "1 are missing" in missing.what
    assert "police READ TOPIC dept.tax.*" in surplus.what


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    (found,) = machine.judge_certificates("kafka_cafile", path, NOW)
    assert found.level is Level.FAIL
    assert "QIANBEI_KAFKA_CAFILE" in found.how
