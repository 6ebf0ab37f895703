"""A bank that no release knows: granted while the services run, served exactly its part, revoked, granted again."""

import stat
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from broker.api.tokens import issue, scopes_of
from broker.errors import AccessDenied, QianbeiError
from broker.kafka import Admin, Connection, IdempotentProducer, Outgoing, PartitionReader
from broker.store.connect import connected
from broker.topics import intake_topic
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription
from producers.publisher import Publisher
from qianbei.cli import grant_cmd
from qianbei.doctor.examine import examine
from qianbei.doctor.finding import Level
from qianbei.inspect.connection import client_connection
from qianbei.site import Site
from qianbei.verify.run import verify
from schemas.files import latest_version, load_schema
from schemas.jsonform import to_json
from tests.support.door_client import known_client
from tests.support.exchange import Exchange, until
from tests.support.front_door import new_id
from tests.support.granting import Commands
from tests.support.story import event, example, sender, sold_house

BANK, USCC = "bank.cmb", "91411400MA4000020H"
OTHER_USCC = "91411400MA4000012N"
SALES, MORTGAGES = f"dept.{BANK}.sale.v1", f"dept.{BANK}.mortgage.v1"
TOPICS = {SALES, MORTGAGES, f"dept.{BANK}.feedback.v1"}
TAKEN = {"admission-0": True, "routing-0": True, "report-0": True}
GRANT = (BANK, "--like", "bank.icbc", "--uscc", USCC, "--zh", "商丘丙银行", "--en", "Bank C of Shangqiu")


@pytest.fixture
def commands(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    made = Commands(exchange.site, monkeypatch)
    yield made
    # A test that failed leaves nothing to the others.
    if BANK in exchange.site.admin.installation().catalogue.members:
        made.revoke(BANK, "--delete-topics", "--yes")


def failing(site: Site) -> set[str]:
    return {
        f"{one.check}: {one.what}" for one in examine(site, site.secrets.parent) if one.level is Level.FAIL
    }


def decided(exchange: Exchange, topic: str, entity: str) -> None:
    """Wait until a topic has the entity."""
    until(f"{topic} of {entity}", lambda: entity.encode() in {r.key for r in exchange.read([topic])})


def sales_of(exchange: Exchange) -> set[tuple[str, int]]:
    records = exchange.read([SALES], user=BANK)
    return {((r.key or b"").decode(), int(r.header("qb_revision") or b"0")) for r in records}


def sell(exchange: Exchange, lender: str | None) -> str:
    """A sale signed and filed; gives its contract."""
    with sender(exchange.site, "bureau") as bureau:
        story = sold_house(lender_uscc=lender)
        bureau.send(*story)
    return str(story[-1].record["entity_id"])


def mortgage_on(contract: str, event_type: str, version: int) -> dict[str, Any]:
    house = contract.removeprefix("HT-")
    base = example("mortgage", "filed") | {
        "entity_id": f"DY-{house}",
        "contract_no": f"DY-{house}",
        "house_code": house,
        "sale_contract_no": contract,
        "mortgagee_uscc": USCC,
        "mortgagee_name": "商丘丙银行",
        "contract_status": event_type,
    }
    if event_type == "SIGNED":
        base |= {"filing_no": None, "filed_at": None}
    record = event(BANK, "mortgage", base, version=version, event_type=event_type).record
    written = to_json(load_schema("mortgage", latest_version("mortgage")), record)
    return {name: value for name, value in written.items() if value is not None}


def test_a_new_bank_comes_goes_and_comes_again(exchange: Exchange, commands: Commands) -> None:
    site = exchange.site
    decided(exchange, "exchange.sale", sell(exchange, USCC))
    password = granted_while_services_run(exchange, commands)
    mine = receives_its_part_and_nothing_else(exchange)
    files_its_mortgage(exchange, mine)
    row = commands.listed()[BANK]
    assert (row["origin"], row["credential"], row["topics"]) == ("site", True, {"there": 7, "of": 7})
    assert {s["subject"]: s["rows"] for s in row["sees"]} == {
        "sale": "interested",
        "mortgage": "interested",
        "feedback": "interested",
    }
    assert row["last_sent_at"] is not None

    is_revoked_at_once(exchange, commands)
    decided(exchange, "dept.tax.sale.v1", sell(exchange, USCC))
    assert failing(site) == set()
    assert commands.listed()[BANK]["origin"] == "revoked"

    # Another password; what was routed in between does not come, and verify knows why.
    assert commands.grant(BANK)["services"] == TAKEN
    assert (site.secrets / "kafka" / BANK).read_text() != password
    later = sell(exchange, USCC)
    until("its later sale", lambda: (later, 2) in sales_of(exchange))
    assert {contract for contract, _ in sales_of(exchange)} == {mine, later}
    found = verify(site, patience_s=60).checks
    assert [found[name].violations for name in ("projection", "conservation")] == [(), ()]
    leaves_what_is_evidence(exchange, commands)


def granted_while_services_run(exchange: Exchange, commands: Commands) -> str:
    site = exchange.site
    told = commands.grant(*GRANT)
    assert told["services"] == TAKEN
    own = {f"{kind}.{BANK}" for kind in ("intake", "decision", "quarantine", "dlq")}
    assert set(told["topics"]) == own | TOPICS
    assert stat.S_IMODE((site.secrets / "kafka" / BANK).stat().st_mode) == 0o600
    assert failing(site) == set()
    # Once more: nothing is made anew, and no session ends.
    password = (site.secrets / "kafka" / BANK).read_text()
    digest = site.admin.installation().digest
    commands.grant(*GRANT)
    assert site.admin.installation().digest == digest
    assert (site.secrets / "kafka" / BANK).read_text() == password
    return password


def receives_its_part_and_nothing_else(exchange: Exchange) -> str:
    mine, others = sell(exchange, USCC), sell(exchange, OTHER_USCC)
    decided(exchange, "dept.bank.icbc.sale.v1", others)
    got: list[DepartmentRecord] = []
    Subscription(exchange.site.settings(BANK), f"{BANK}-test", [SALES]).run(got.append, Enough(got, 2))
    assert [(one.entity_id, one.revision) for one in got] == [(mine, 1), (mine, 2)]
    assert sales_of(exchange) == {(mine, 1), (mine, 2)}
    return mine


def files_its_mortgage(exchange: Exchange, contract: str) -> None:
    with Publisher(exchange.site.settings(BANK), BANK) as publisher:
        signed = publisher.publish("mortgage", mortgage_on(contract, "SIGNED", 1))
    assert signed.outcome == "ACCEPTED", signed.reasons
    with known_client(exchange.site.front_doors()[0], issued(exchange.site)) as door:
        filed = door.post("/v1/filings/mortgage", json=mortgage_on(contract, "FILED", 2))
    assert filed.status_code == 200, filed.text
    until("its mortgage", lambda: len(exchange.read([MORTGAGES], user=BANK)) == 2)


def is_revoked_at_once(exchange: Exchange, commands: Commands) -> None:
    """Who reads or writes at this moment, over Kafka or HTTP, is refused with the next request."""
    site = exchange.site
    kafka, token = Connection.of(site.settings(BANK)), issued(site)
    with (
        PartitionReader(kafka) as reader,
        IdempotentProducer(kafka) as producer,
        known_client(site.front_doors()[0], token) as door,
    ):
        reader.assign(reader.partitions_of(SALES))
        until("it reads", lambda: bool(reader.poll(0.1)))
        undecodable = Outgoing(intake_topic(BANK), 0, b"k", b"no record")
        producer.send(undecodable)()
        done = commands.revoke(BANK)
        assert done["services"] == TAKEN
        assert done["tokens"] == 2
        with pytest.raises(AccessDenied):
            until("the refusal of a reader", lambda: reader.poll(0.1) is None, 10)
        with pytest.raises(AccessDenied):
            producer.send(undecodable)()
        until("the refusal over HTTP", lambda: status(door) == 401, 10)
    with Admin(Connection.of(site.admin)) as admin:
        assert BANK not in admin.users()
    assert not (site.secrets / "kafka" / BANK).exists()


def leaves_what_is_evidence(exchange: Exchange, commands: Commands) -> None:
    gone = commands.revoke(BANK, "--delete-topics", "--yes")
    assert set(gone["deleted"]) == TOPICS | {f"dlq.{BANK}"}
    with Admin(Connection.of(exchange.site.admin)) as admin:
        left = {topic for topic in admin.topics() if BANK in topic}
    assert left == {intake_topic(BANK), f"decision.{BANK}", f"quarantine.{BANK}"}
    assert failing(exchange.site) == set()


class Enough:
    """Stops when so much has come."""

    def __init__(self, got: list[DepartmentRecord], wanted: int) -> None:
        self._got, self._wanted = got, wanted

    def is_set(self) -> bool:
        return len(self._got) >= self._wanted

    def wait(self, timeout: float) -> bool:
        del timeout
        return self.is_set()


def issued(site: Site) -> str:
    with connected(site.admin.dsn(), "test") as db:
        return issue(db, BANK, scopes_of(site.admin.installation().catalogue, BANK, ()), 1, "test")[1]


def status(door: httpx.Client) -> int:
    return door.get(f"/v1/decisions/{new_id()}").status_code


def test_a_shipped_department_is_revoked_and_granted_again(exchange: Exchange, commands: Commands) -> None:
    assert commands.listed()["education"]["origin"] == "shipped"
    commands.revoke("education")
    assert commands.listed()["education"]["origin"] == "revoked"
    with pytest.raises(QianbeiError, match=r"education is revoked"):
        client_connection(exchange.site, "education")
    commands.grant("education")
    assert "education" in CliRunner().invoke(grant_cmd.principals_command, []).stdout
    row = commands.listed()["education"]
    assert (row["origin"], row["credential"]) == ("shipped", True)
    assert failing(exchange.site) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("revoke", "bureau"), r"bureau cannot be revoked"),
        (("revoke", "internal"), r"internal cannot be revoked"),
        (("revoke", "bank.nobody"), r"no principal bank.nobody; there are"),
        (("grant", "tax"), r"tax is granted already"),
        (("grant", "bank.new", "--like", "bank.cib"), r"bank.cib is no shipped principal; the nearest is bank.ccb"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(commands: Commands, arguments: tuple[str, ...], message: str) -> None:
    command, *rest = arguments
    with pytest.raises(QianbeiError, match=message):
        commands.revoke(*rest) if command == "revoke" else commands.grant(*rest)
