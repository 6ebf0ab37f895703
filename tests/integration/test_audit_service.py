"""The audit reader as a service, with its own user and role: what is filed is chained, indexed, signed, and verified."""

import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from broker.topics import AUDIT
from qianbei.cli import audit_cmd
from tests.support.exchange import Exchange, until
from tests.unit.test_audit_chain import script

TOPICS = ("exchange.sale", "dept.tax.sale.v1")


def places(db: psycopg.Connection[Any], contract: str) -> list[tuple[Any, ...]]:
    query = 'SELECT topic, revision, partition, "offset" FROM audit.place WHERE entity_id = %s ORDER BY 1, 2'
    return db.execute(query, (contract,)).fetchall()


def test_a_filing_is_indexed_signed_verified_and_handed_over(
    audited: Exchange, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = audited.site.settings(AUDIT, role="qb_audit")
    with psycopg.connect(settings.dsn(), autocommit=True) as db:
        until("the index", lambda: {t for t, *_ in places(db, filed)} >= set(TOPICS), 120)
        found = [row for row in places(db, filed) if row[0] == "exchange.sale"]
        assert [revision for _, revision, *_ in found] == [1, 2]
        _, _, partition, offset = found[-1]
        party = db.execute(
            'SELECT count(*) FROM audit.place_party WHERE topic = %s AND partition = %s AND "offset" = %s',
            ("exchange.sale", partition, offset),
        ).fetchone()
        assert party is not None
        assert party[0] >= 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("UPDATE audit.segment SET records = 0")
        signed = "SELECT signed = number FROM audit.head WHERE topic = 'exchange.sale' AND partition = %s"
        until("a checkpoint", lambda: db.execute(signed, (partition,)).fetchone() == (True,), 120)
    monkeypatch.setattr(audit_cmd, "current_site", lambda: audited.site)
    topics = [word for topic in TOPICS for word in ("--topic", topic)]
    verified = run("verify", *topics, "--json")
    report = json.loads(verified.stdout)
    assert (verified.exit_code, report["findings"], report["ok"]) == (0, [], True)
    assert report["index_rows"] > 2
    words = ("exchange.sale", str(partition), str(offset), str(offset), "--reason", "a test")
    lines = run("export", *words).stdout.splitlines()
    key = json.loads(run("keys", "--json").stdout)["key"]
    module = script()
    public = module.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    held = {json.loads(line)["checkpoint"] for line in run("checkpoint", "export").stdout.splitlines()}
    assert "are as they were signed" in module.verify(iter(lines), public, held)


def run(*words: str) -> Result:
    return CliRunner().invoke(audit_cmd.audit_command, words, catch_exceptions=False)
