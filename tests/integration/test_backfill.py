"""A raised version beside the former one: filled from history, read in its place, and the former one retired."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.errors import ConfigError, QianbeiError
from broker.kafka import Connection, GroupConsumer, Groups, PartitionReader
from qianbei.cli import backfill_cmd, retire_cmd
from qianbei.inspect.lag import FillLag, measure
from qianbei.verify.run import verify
from tests.support.exchange import Exchange, until
from tests.support.filling import FIELDS, archive, written
from tests.support.granting import Commands
from tests.support.story import sender, sold_house
from tests.support.streaming import lanes

DEPARTMENT = "registers"
FIRST, SECOND = (f"dept.{DEPARTMENT}.sale.v{version}" for version in (1, 2))
SOURCE = "exchange.sale"


class Site(Commands):
    """``grant``, ``backfill`` and ``retire`` on the exchange of a test."""

    def __init__(self, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(exchange.site, monkeypatch)
        for module in (backfill_cmd, retire_cmd):
            monkeypatch.setattr(module, "current_site", lambda: exchange.site)
        monkeypatch.setattr(retire_cmd, "home_from_env", lambda: exchange.site.secrets.parent)

    def backfill(self, *options: str) -> dict[str, Any]:
        return self._run(backfill_cmd.backfill_command, (DEPARTMENT, *options))

    def retire(self, topic: str, *options: str) -> dict[str, Any]:
        return self._run(retire_cmd.retire_command, (topic, *options))


@pytest.fixture
def site(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(exchange, monkeypatch)
    yield made
    if DEPARTMENT in exchange.site.admin.installation().catalogue.members:
        made.revoke(DEPARTMENT, "--delete-topics", "--yes")


def sell(exchange: Exchange) -> str:
    story = sold_house()
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*story)
    return str(story[-1].record["entity_id"])


def has(exchange: Exchange, topic: str, contract: str) -> bool:
    return any((contract.encode(), b"2") in lane for lane in lanes(exchange, topic).values())


def test_a_version_is_raised_filled_and_the_former_one_retired(
    exchange: Exchange, site: Site, tmp_path: Path
) -> None:
    before = sell(exchange)
    until("its history", lambda: has(exchange, "dept.tax.sale.v1", before))
    assert site.grant(written(tmp_path / "1.yaml", archive(DEPARTMENT, 1, *FIELDS)))["unfilled"] == []
    with pytest.raises(ConfigError, match=rf"{FIRST}: nothing is to be filled"):
        site.backfill()
    wider = written(tmp_path / "2.yaml", archive(DEPARTMENT, 2, *FIELDS, "address"))
    told = site.grant(wider)
    assert {topic for topic in told["topics"] if topic.startswith("dept.")} == {FIRST, SECOND}
    assert told["unfilled"] == [SECOND]

    between = sell(exchange)
    until("the former version goes on", lambda: has(exchange, FIRST, between))
    assert lanes(exchange, SECOND) == {}, "and the new one waits for its history"
    (fill,) = measure(exchange.site).fills
    assert fill == FillLag(SECOND, fill.left, 0, exchange.site.admin.slots)
    assert fill.left > 0
    with pytest.raises(ConfigError, match=rf"{SECOND} is not filled yet"):
        site.retire(FIRST)

    told = site.backfill("--subject", "sale")
    assert told["joined"]
    assert told["topics"] == [SECOND], "the former one was never to be filled"
    assert measure(exchange.site).fills == ()
    after = sell(exchange)
    until("both versions go on", lambda: has(exchange, FIRST, after) and has(exchange, SECOND, after))
    assert lanes(exchange, SECOND) == lanes(exchange, SOURCE)
    retires_what_nobody_reads(exchange, site)


def retires_what_nobody_reads(exchange: Exchange, site: Site) -> None:
    connection = Connection.of(exchange.site.settings(DEPARTMENT))
    with GroupConsumer(connection, f"{DEPARTMENT}-files", [FIRST]) as reader:
        until(
            "it is a member",
            lambda: reader.poll(0.1) != [] or not reader.moved or bool(reader.take_assignment()),
        )
        with pytest.raises(ConfigError, match=rf"{FIRST} is still read, by {DEPARTMENT}-files \(1\)"):
            site.retire(FIRST)
    assert all(site.retire(FIRST)["services"].values())
    with PartitionReader(connection) as outsider:
        assert outsider.partitions_of(FIRST) == [], "nobody may read it any more"
    last = sell(exchange)
    until("only the new version goes on", lambda: has(exchange, SECOND, last))
    assert not has(exchange, FIRST, last)
    assert verify(exchange.site).checks["projection"].violations == ()
    with pytest.raises(ConfigError, match=rf"{SECOND} is the newest version"):
        site.retire(SECOND)
    with pytest.raises(QianbeiError, match=rf"{FIRST} is no topic in force"):
        site.retire(FIRST)
    site.revoke(DEPARTMENT, "--delete-topics", "--yes")
    with Groups(Connection.of(exchange.site.admin)) as groups:
        assert groups.groups(f"qb-fill-dept.{DEPARTMENT}") == set()
