"""The contract test on a real broker: the sample passes, and each careless program is found out."""

import sys
from collections.abc import Iterator

import pytest

from qianbei.contract.run import Terms, contract_test
from qianbei.demo.run import throw_away_exchange
from qianbei.site import Site
from tests.support.newcomer import ROOT

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with throw_away_exchange(print, services=False) as deployed:
        yield deployed


def not_met(site: Site, department: str, topic: str, *command: str, seconds: float) -> dict[str, str]:
    found = contract_test(site, Terms(department, [topic], [sys.executable, *command], seconds))
    assert len(found) >= 10
    return {one.name: one.wrong for one in found if one.wrong is not None}


def test_a_sample_keeps_the_contract(site: Site) -> None:
    sample = str(ROOT / "samples/python/plain.py")
    assert not_met(site, "bank.icbc", "dept.bank.icbc.sale.v1", sample, seconds=60) == {}


def test_who_trips_over_a_null_is_told_with_its_own_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    wrong = not_met(site, "tax", "dept.tax.sale.v1", "-m", "tests.support.careless", "brittle", seconds=60)
    assert "'NoneType' object has no attribute 'strip'" in wrong["the program lives until it is told to stop"]
    assert "SIGTERM ends it cleanly" in wrong


def test_who_neither_orders_nor_commits_is_found_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    careless = ("-m", "tests.support.careless", "uncommitted")
    wrong = not_met(site, "police", "dept.police.sale.v1", *careless, seconds=6)
    assert "from revision 3 back to 2" in wrong["the newest revision is kept"]
    assert "revision 3 was sent, 2 is held" in wrong["an older revision after a newer one"]
    assert "no consumer group" in wrong["every record's offset is committed"]
