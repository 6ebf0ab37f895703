"""The SDK with a department's own rights on the real exchange: its dead letters are its own, and its commands work."""

import json
from pathlib import Path

import pytest

from broker.errors import AccessDenied
from broker.kafka import Outgoing
from broker.topics import dead_letter_topic
from consumers.delivery import Retries
from consumers.kafka_feed import KafkaServers
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house
from tests.support.subscribing import running
from tests.support.sync import Agency

GROUP = "tax-prefill-test"
TOPIC = "dept.tax.sale.v1"


@pytest.fixture
def agency(exchange: Exchange, tmp_path: Path) -> Agency:
    return Agency(exchange, "tax", "postgresql://unused@127.0.0.1/none", tmp_path)


def test_a_department_holds_and_redrives_its_own(agency: Agency) -> None:
    events = sold_house()
    contract = events[-1].record["entity_id"]
    handled: list[int] = []
    broken = True

    def handle(record: DepartmentRecord) -> None:
        if record.entity_id == contract:
            if broken:
                raise ValueError("not yet")
            handled.append(record.revision)

    with sender(agency.exchange.site, "bureau") as bureau:
        bureau.send(*events)
    settings = agency.exchange.site.settings("tax")
    one = Subscription(settings, GROUP, [TOPIC], retries=Retries(attempts=1))
    with running(lambda stop, health: one.run(handle, stop, health)):
        until("both are held", lambda: held_of(agency, contract) == 2)
        broken = False
        asked = agency.run("dead-letters", "--entity", contract, "--redrive", "--json")
        assert asked.returncode == 0, asked.stderr
        assert json.loads(asked.stdout) == {"asked": 1}
        until("handled in order", lambda: handled == [1, 2])
        until("free", lambda: held_of(agency, contract) == 0)
    again = agency.run("dead-letters", "--entity", contract, "--redrive")
    assert again.returncode == 2
    assert "nothing of that is held by tax" in again.stderr


def held_of(agency: Agency, entity: str) -> int:
    shown = agency.run("dead-letters", "--group", GROUP, "--entity", entity, "--json")
    assert shown.returncode in (0, 1), shown.stderr
    found = json.loads(shown.stdout)["held"]
    assert shown.returncode == (1 if found else 0)
    return sum(one["records"] for one in found)


def test_nobody_else_reads_or_writes_a_department_s_letters(exchange: Exchange) -> None:
    police = KafkaServers(exchange.site.settings("police"))
    with pytest.raises(AccessDenied):
        list(police.read(dead_letter_topic("tax")))
    with pytest.raises(AccessDenied):
        police.write([Outgoing(dead_letter_topic("tax"), 0, b"e", None)])


def test_files_without_code(agency: Agency) -> None:
    events = sold_house()
    contract = events[-1].record["entity_id"]
    with sender(agency.exchange.site, "bureau") as bureau:
        bureau.send(*events)

    def lines() -> list[str]:
        return [line for path in agency.home.glob("out/*.jsonl") for line in path.read_text().splitlines()]

    with agency.running("deliver", "--topic", TOPIC, "--jsonl", "out", "--group", "tax-files-test"):
        until("both revisions are there", lambda: sum(f'"{contract}"' in line for line in lines()) == 2)
    mine = [json.loads(line)["record"] for line in lines() if f'"{contract}"' in line]
    assert [one["revision"] for one in mine] == [1, 2]
    assert mine[-1]["total_price"] == str(events[-1].record["total_price"])
