"""How Postgres answers departments' queries where there are many contracts: by indexes alone, whatever it reads of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from broker.gov.opening import offered
from broker.protected import clear
from broker.query.market import MOST_COMPARED
from broker.query.reading import OPTIONS, Reading
from broker.query.registry import installed_offers
from tests.support.gov_client import Platform
from tests.support.homes import (
    HUSBAND,
    SELLER,
    SON,
    WIFE,
    Document,
    house,
    household_of,
    lease_of,
    sale_of,
    title_of,
)
from tests.support.latest import KEY, Latest, Record, example_json, latest_on

MANY = 10_100
"""Of each: the planner then has a choice."""

KEPT = {"sale", "lease", "mortgage", "title", "feedback"}

DEVELOPER, BANK = (
    {"id_type": "USCC", "id_no": number} for number in ("91411402MA40001002", "91411400MA4000012N")
)

PERIOD = {"period_start": "2021-01-01", "period_end": "2021-12-31"}
QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("tax", "sale", {"contract_no": "BA-1"}),
    ("tax", "sale_prefill", {"contract_no": "S-1"}),
    *(
        (group, name, asked)
        for group in ("bank", "fund")
        for name, asked in (
            ("applicant_contract", {"applicant": HUSBAND, "contract_no": "S-1"}),
            ("household_units", {"borrower": HUSBAND}),
            ("household_homes", {"borrower": HUSBAND}),
            ("loan_base", {"applicant": HUSBAND, "contract_no": "S-1"}),
            ("mortgage_status", {"contract_no": "M-1"}),
        )
    ),
    ("fund", "withdrawal_basis", {"claimant": SON, "unmarried": True} | PERIOD),
    ("education", "home_for_admission", {"parent": WIFE, "address": "样本路2号"}),
    ("education", "home_for_admission", {"parent": HUSBAND, "address": "样本路1号"}),
    ("education", "rent_for_admission", {"parent": SON, "county_code": "411403", "other_parent": WIFE}),
    ("police", "lawful_dwelling", {"person": HUSBAND, "on": "2021-03-01", "house_code": house(1)}),
    ("police", "tenants_of_house", {"house_code": house(1), "on": "2021-03-01"}),
    ("police", "houses_of_tenant", {"person": SON, "on": "2021-03-01"}),
    (
        "police",
        "consistency_rate",
        {"county_codes": ["411424", "411425"], "since": "2021-03-01", "until": "2021-03-07"},
    ),
    ("court", "everything_on_person", {"person": HUSBAND}),
    # Those who have a contract of every kind there is: a page is read, and not all of them.
    ("court", "everything_on_person", {"person": DEVELOPER, "page_size": 10}),
    ("court", "everything_on_person", {"person": DEVELOPER, "page_size": 10, "after": "sales:X-5"}),
    ("court", "everything_on_person", {"person": BANK, "page_size": 10}),
    ("court", "everything_on_house", {"house_code": house(1)}),
    ("civil", "household_means", {"authority_no": "AU-1", "members": [HUSBAND, WIFE, SON]}),
    ("gov", "own_contracts", {}),
]
"""All that are offered, as a test below says."""
OF_THE_AUDIT = {("gov", "own_disclosures")}
"""What is answered from the schema ``audit``, which is not among the tables of this test."""


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    with latest_on(dsn) as one:
        one.put("household", household_of("J-1", HUSBAND, spouse=WIFE, minor_child=SON))
        sale = one.put("sale", sale_of(1, SELLER, HUSBAND), interested=["bank.icbc", "fund"])
        one.put("title", title_of(2, WIFE))
        lease = one.put("lease", lease_of(1, SELLER, SON), layout_code="2")
        mortgage = example_json("mortgage", "filed") | {"entity_id": "M-1", "contract_no": "M-1"}
        mortgage = one.put("mortgage", mortgage, sale_contract_no="S-1", interested=["bank.icbc", "fund"])
        now = datetime.now(UTC)
        check = one.put("feedback", example_json("feedback", "residence-match"), status="ACTIVE")
        one.put_all("sale", many(sale, "parties", DEVELOPER))
        one.put_all("mortgage", many(mortgage, "parties", BANK))
        one.put_all(
            "feedback",
            (
                record
                | {"county_code": f"4114{21 + n % 9}", "about_entity_id": f"X-{n}"}
                | {"happened_on": date(2021, 1, 1) + timedelta(days=n % 365)}
                for n, record in enumerate(many(check, "parties"))
            ),
        )
        one.put_all(
            "lease",
            (
                record | {"filed_at": now - timedelta(hours=n % 8000), "layout_code": str(1 + n % 4)}
                for n, record in enumerate(many(lease, "parties"))
            ),
        )
        one.analyse()
        yield one


def many(record: Record, parties: str, of_all: Document | None = None) -> Iterator[Record]:
    """As many others of the kind, each of a house and of people of its own; of one of all of them, if it is given."""
    for n in range(MANY):
        own = {"entity_id": f"X-{n}", "house_code": f"HX-{n}"}
        numbers = {name: f"X-{n}" for name in ("contract_no", "filing_no") if name in record}
        first, *others = (apart(party, n) for party in record[parties])
        first |= {} if of_all is None else {"id_type": of_all["id_type"], "id_no": clear(of_all["id_no"])}
        lived_in_by = {"occupants": [apart(one, n) for one in record.get("occupants", ())]}
        yield record | own | numbers | {parties: [first, *others]} | lived_in_by


def apart(party: Record, n: int) -> Record:
    return party | {"id_type": "3", "id_no": clear(f"E{n:08d}")}


@pytest.mark.parametrize(
    ("group", "name", "asked"), QUESTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_it_reads_by_indexes_and_only_what_it_needs(
    latest: Latest, monkeypatch: pytest.MonkeyPatch, group: str, name: str, asked: dict[str, Any]
) -> None:
    asked_of: list[tuple[bytes, Mapping[str, Any]]] = []
    rows_of = Reading.rows_of

    async def noted(reading: Reading, *asked: tuple[bytes, Mapping[str, Any]]) -> list[Any]:
        asked_of.extend(asked)
        return await rows_of(reading, *asked)

    monkeypatch.setattr(Reading, "rows_of", noted)
    assert ask(latest, group, name, asked).status_code == 200
    scans = [node for plan in plans(latest, asked_of) for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert any(node.get("Relation Name") in KEPT for node in scans)
    by_table = [node for node in scans if node["Node Type"] == "Seq Scan"]
    assert by_table == []
    most = {"lease": MOST_COMPARED + 50, "feedback": 100}
    for node in scans:
        read = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        assert read <= most.get(node.get("Relation Name", ""), 50), node


def ask(latest: Latest, group: str, name: str, asked: dict[str, Any]) -> httpx.Response:
    """As a department; what a citizen asks comes from the platform."""
    if group != "gov":
        return latest.ask(group, name, asked)
    citizen = HUSBAND | {"name": "孙样本", "level": 3, "session_no": "S-1"}
    call = {"purpose": "CITIZEN_OWN_CONTRACTS", "business_no": "ZW-1", "citizen": citizen}
    signed = Platform.issued(latest.dsn, KEY).signed("POST", "/v1/gov/own_contracts", call)

    async def send(client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(**signed)

    return latest.talk(send)


def plans(latest: Latest, asked_of: Sequence[tuple[bytes, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """How Postgres answers these statements, prepared and with the options of the pool, as it does for the query API."""
    found = []
    with psycopg.connect(latest.dsn, options=OPTIONS) as db:
        for statement, given in asked_of:
            names = list(dict.fromkeys(re.findall(rb"%\((\w+)\)s", statement)))
            numbered = re.sub(rb"%\((\w+)\)s", lambda m, n=names: b"$%d" % (n.index(m[1]) + 1), statement)
            values = sql.SQL(", ").join(sql.Literal(given[name.decode()]) for name in names)
            db.execute(b"PREPARE asked AS " + numbered)
            explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({})").format(values)
            ((plan,),) = db.execute(explain).fetchall()
            db.execute("DEALLOCATE asked")
            found.append(plan[0]["Plan"])
    return found


def test_every_question_is_among_them() -> None:
    every = {(offer.group, offer.query.name) for offer in [*installed_offers(), *offered()]}
    assert {(group, name) for group, name, _ in QUESTIONS} | OF_THE_AUDIT == every


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def test_a_scan_of_the_table_would_be_seen(latest: Latest) -> None:
    """The check fails where there is no index: by an address, for one, though the planner avoids it where it can."""
    asked = b"EXPLAIN (FORMAT JSON) SELECT entity_id FROM latest.sale WHERE address = 'x'"
    with psycopg.connect(latest.dsn, options="-c enable_seqscan=off") as db:
        ((found,),) = db.execute(asked).fetchall()
    assert [node["Node Type"] for node in nodes(found[0]["Plan"])][-1] == "Seq Scan"
