"""How Postgres answers departments' queries where there are many contracts: by indexes alone, whatever it reads of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from broker.query.market import MOST_COMPARED
from broker.query.reading import Reading
from tests.support.homes import HUSBAND, SELLER, SON, WIFE, household_of, lease_of, sale_of, title_of
from tests.support.latest import Latest, Record, example_json, latest_on

MANY = 10_100
"""Of each: the planner then has a choice."""

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
]


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
        one.put_all("sale", many(sale, "parties"))
        one.put_all("mortgage", many(mortgage, "parties"))
        one.put_all(
            "lease",
            (
                record | {"filed_at": now - timedelta(hours=n % 8000), "layout_code": str(1 + n % 4)}
                for n, record in enumerate(many(lease, "parties"))
            ),
        )
        one.analyse()
        yield one


def many(record: Record, parties: str) -> Iterator[Record]:
    """As many others of the kind, each of a house and of people of its own."""
    for n in range(MANY):
        own = {"entity_id": f"X-{n}", "house_code": f"HX-{n}"}
        numbers = {name: f"X-{n}" for name in ("contract_no", "filing_no") if name in record}
        yield record | own | numbers | {parties: [apart(party, n) for party in record[parties]]}


def apart(party: Record, n: int) -> Record:
    number = {"key_id": "clear", "nonce": b"", "ciphertext": f"E{n:08d}".encode()}
    return party | {"id_type": "3", "id_no": number}


@pytest.mark.parametrize(
    ("group", "name", "asked"), QUESTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_it_reads_by_indexes_and_only_what_it_needs(
    latest: Latest, monkeypatch: pytest.MonkeyPatch, group: str, name: str, asked: dict[str, Any]
) -> None:
    plans: list[dict[str, Any]] = []
    rows = Reading.rows

    async def explained(
        reading: Reading, statement: bytes, given: dict[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        ((plan,),) = await rows(reading, b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement, given)
        plans.append(plan[0]["Plan"])
        return await rows(reading, statement, given)

    monkeypatch.setattr(Reading, "rows", explained)
    assert latest.ask(group, name, asked).status_code == 200
    scans = [node for plan in plans for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert any(node.get("Relation Name") in {"sale", "lease", "mortgage", "title"} for node in scans)
    by_table = [node for node in scans if node["Node Type"] == "Seq Scan"]
    assert by_table == []
    most = {"lease": MOST_COMPARED + 50}
    for node in scans:
        read = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        assert read <= most.get(node.get("Relation Name", ""), 50), node


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
