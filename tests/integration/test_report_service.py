"""The report service on real servers, and the commands that read what it counted."""

import json
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from broker.report.opening import counted_topics
from qianbei.cli.report_cmd import report_command
from qianbei.demo.readout import Readout
from qianbei.inspect.lag import measure
from qianbei.site import environment_of
from schemas.catalogue import load_catalogue
from tests.support.city import City
from tests.support.exchange import until

SEED = 131


def nothing_behind(city: City) -> bool:
    return measure(city.exchange.site).behind == 0


def test_what_was_decided_is_what_is_reported_also_after_a_kill(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.send(SEED, 150)
    city.exchange.kill("report-0")
    city.exchange.restart("report")
    city.settle()
    until("all is counted", lambda: nothing_behind(city), 120)
    site = city.exchange.site
    for name, value in (environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets)}).items():
        monkeypatch.setenv(name, value)
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
    page, folder = tmp_path / "quality.html", tmp_path / "csv"
    words = [
        "quality",
        "--from",
        "2020-01-01",
        "--to",
        today,
        "--html",
        str(page),
        "--csv",
        str(folder),
        "--json",
    ]
    done = CliRunner().invoke(report_command, words, catch_exceptions=False)
    assert done.exit_code == 0
    reported = json.loads(done.stdout)
    with Readout(site) as readout:
        decided = Counter(
            record.topic.split(".")[0]
            for record in readout.records(
                [t for t in counted_topics(load_catalogue()) if not t.startswith("exchange.")]
            )
        )
    (total,) = (row for row in reported["accuracy_by_county"] if row["county"] == "ALL")
    assert total["accepted"] + total["refused"] + total["duplicate"] == decided["decision"] > 0
    assert total["quarantined"] == decided["quarantine"]
    assert "合计" in page.read_text(encoding="utf-8")
    assert {path.stem for path in folder.iterdir()} == reported.keys() - {
        "from",
        "to",
        "county",
        "counted_until",
    }
    market = CliRunner().invoke(
        report_command, ["market", "--from", "2020-01", "--json"], catch_exceptions=False
    )
    sales = [row for row in json.loads(market.stdout)["sales"] if row["county"] == "ALL"]
    assert sum(row["filings"] for row in sales) > 0


def test_the_newest_day_is_in_the_metrics_with_few_series(city: City) -> None:
    process = city.exchange.supervisor.record("report-0")
    assert process is not None
    url = f"http://127.0.0.1:{process.port}/metrics"

    def shown() -> bool:
        return 'qianbei_report_outcomes{county="' in httpx.get(url, trust_env=False).text

    until("the figures are shown", shown, 60)
    found = [
        line
        for line in httpx.get(url, trust_env=False).text.splitlines()
        if line.startswith("qianbei_report_")
    ]
    assert {line.split("{")[0] for line in found} >= {
        "qianbei_report_lateness_seconds",
        "qianbei_report_outcomes",
    }
    assert len(found) <= 15 * (3 * 3 + 4 + 4)
