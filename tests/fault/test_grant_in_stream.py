"""A bank is granted while filings stream through two instances: nothing is missing behind its first record.

``make long`` grants and revokes another bank ten times meanwhile, which ends as many sessions of every service.
"""

import os

import pytest

from tests.support.exchange import Exchange, until
from tests.support.granting import Commands
from tests.support.streaming import lanes, streaming

GRANTS = int(os.environ.get("QIANBEI_GRANTS", "0"))
BANK, USCC = "bank.flood", "91411400MA4000039E"
SOURCE, COPY, WHOLE = "exchange.sale", f"dept.{BANK}.sale.v1", "dept.tax.sale.v1"


def test_nothing_is_missing_behind_the_first_record(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands(exchange.site, monkeypatch)
    exchange.ensure_services(2)
    every = {f"{service}-{n}": True for service in ("admission", "routing", "report") for n in range(2)}
    with streaming(exchange, USCC):
        until("sales before", lambda: len(lanes(exchange, SOURCE)) == exchange.site.admin.slots)
        told = commands.grant(BANK, "--like", "bank.icbc", "--uscc", USCC)
        assert told["services"] == every
        for _ in range(GRANTS):
            commands.grant("bank.brief", "--like", "bank.icbc", "--uscc", "91411400MA40000479")
            assert commands.revoke("bank.brief")["services"] == every
        until("sales after", lambda: sum(map(len, lanes(exchange, COPY).values())) > 200)
    until("tax has all", lambda: lanes(exchange, WHOLE) == lanes(exchange, SOURCE))
    source, copy = lanes(exchange, SOURCE), lanes(exchange, COPY)
    commands.revoke(BANK, "--delete-topics", "--yes")
    assert {p: source[p][-len(records) :] for p, records in copy.items()} == copy
