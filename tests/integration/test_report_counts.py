"""The report's counts, row by row, against a reference of a few lines that knows nothing of SQL, and against tables by hand."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil
from statistics import median
from typing import Any, NamedTuple

import pytest

from broker.kafka import Record
from broker.report.buckets import ERROR_BOUND
from broker.report.figures import Period, Tables
from broker.report.market import market
from broker.report.opening import counted_topics
from broker.report.quality import quality
from broker.store.connect import connected
from schemas.catalogue import load_catalogue
from tests.support.published import APPENDED_MS, decoder, published_city
from tests.support.reporting import counted

WHOLE = Period(date(2020, 1, 1), date(2030, 12, 1))
HOURS = timedelta(hours=8)
COUNTIES = {"411402", "411403", "411421", "411422", "411423", "411424", "411425", "411426", "411481"}
STAGES = ("SIGNED_TO_FILED", "FILED_TO_RECORDED", "RECORDED_TO_PUBLISHED")


class Figures(NamedTuple):
    quality: Tables
    market: Tables


Said = list[tuple[Record, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def log() -> list[Record]:
    counted_ones = counted_topics(load_catalogue())
    return [record for record in published_city((7, 11, 101, 104), 350) if record.topic in counted_ones]


@pytest.fixture(scope="module")
def figures(dsn: str, log: list[Record]) -> Figures:
    with connected(dsn, "tests") as db:
        counted(db, log)
        return Figures(quality(db, WHOLE), market(db, WHOLE))


@pytest.fixture(scope="module")
def said(log: list[Record]) -> Said:
    decode = decoder().decode
    return [(record, *decode(record.value)) for record in log]


def day(body: dict[str, Any]) -> date:
    return (body["recorded_at"] + HOURS).date()


def month(moment: datetime) -> date:
    return (moment + HOURS).date().replace(day=1)


def fen(number: Fraction) -> Decimal:
    return (Decimal(number.numerator) / number.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)


# --- quality --------------------------------------------------------------------------------------------------------


def test_timeliness_is_within_its_bound_of_the_exact_percentiles(figures: Figures, said: Said) -> None:
    exact: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for record, subject, body in said:
        if (
            subject in ("sale", "lease", "mortgage")
            and body["event_type"] == "FILED"
            and not body["baseline"]
        ):
            published = record.timestamp_ms / 1000 - body["recorded_at"].timestamp()
            spans = (
                (body["filed_at"] - body["signed_at"]).total_seconds(),
                (body["recorded_at"] - body["filed_at"]).total_seconds(),
                published,
            )
            for stage, seconds in zip(STAGES, spans, strict=True):
                for county in (body["county_code"], "ALL"):
                    exact[county, stage].append(seconds)
    found = figures.quality["timeliness_by_county"]
    assert {row[:2] for row in found.rows} == exact.keys()
    for county, stage, count, *percentiles in found.rows:
        values = sorted(exact[county, stage])
        assert count == len(values)
        for share, value in zip((0.5, 0.9, 0.99), percentiles, strict=True):
            wanted = values[ceil(Fraction(str(share)) * count) - 1]
            assert abs(value - wanted) <= ERROR_BOUND * wanted * 1.0001 if wanted >= 0.001 else value == 0
    assert all(abs(r[3] * 1000 - APPENDED_MS) < 0.05 * APPENDED_MS for r in found.rows if r[1] == STAGES[2])
    daily = figures.quality["timeliness"]
    assert sum(daily.column("count")) == 2 * len(exact["ALL", STAGES[0]]) + len(exact["ALL", STAGES[0]])


def county_of_key(key: bytes | None) -> str:
    code = (key or b"").decode(errors="replace")[:6]
    return code if code in COUNTIES else "000000"


def outcomes_of(record: Record, subject: str, body: dict[str, Any]) -> list[tuple[Any, ...]]:
    if subject == "decision" and body["principal"] != "internal":
        of = (body["county_code"] or "000000", day(body), body["principal"], body["outcome"])
        return [(*of, code) for code in ["", *{reason["code"] for reason in body["reasons"]}]]
    if subject == "quarantine":
        of = (county_of_key(body["key"]), day(body), record.topic[11:], "QUARANTINED")
        return [(*of, ""), (*of, body["reason"])]
    return []


def agreements_of(subject: str, body: dict[str, Any]) -> list[tuple[Any, ...]]:
    if subject == "conflict":
        return [(body["county_code"], day(body), "CONFLICT_" + body["event_type"], body["kind"])]
    if subject != "feedback" or body["event_type"] in ("WITHDRAWN", "NOTED"):
        return []
    if body["feedback_kind"] == "RESIDENCE_MATCH":
        return [(body["county_code"], day(body), "RESIDENCE", body["result"])]
    if body["feedback_kind"] == "CORRECTION":
        return [(body["county_code"], day(body), "CORRECTION", body["result"] or "PROPOSED")]
    return []


def test_accuracy_and_consistency_are_those_of_the_records(figures: Figures, said: Said) -> None:
    accuracy = Counter(key for one in said for key in outcomes_of(*one))
    consistency = Counter(key for _, subject, body in said for key in agreements_of(subject, body))
    tables = figures.quality
    assert {row[:-1]: row[-1] for row in tables["accuracy"].rows} == accuracy
    assert {row[:-1]: row[-1] for row in tables["consistency"].rows} == consistency
    assert {"QUARANTINED", "REFUSED", "ACCEPTED", "DUPLICATE"} == set(tables["accuracy"].column("outcome"))
    assert {"CONFLICT_RAISED", "CONFLICT_RESOLVED", "RESIDENCE", "CORRECTION"} == set(
        tables["consistency"].column("measure")
    )
    total = Counter[str]()
    for (*_, outcome, code), count in accuracy.items():
        total[outcome] += count if not code else 0
    by_county = tables["accuracy_by_county"]
    for outcome in ("accepted", "refused", "duplicate", "quarantined"):
        assert sum(by_county.column(outcome)[1:]) == by_county.column(outcome)[0] == total[outcome.upper()]


def test_coverage_is_what_was_known_when_it_was_filed(figures: Figures, said: Said) -> None:
    units, projects, contracts = {}, set(), {}
    for _, subject, body in said:
        if subject == "project":
            projects.add(body["project_id"])
        elif subject == "unit":
            first = units.get(body["house_code"], (None, body["recorded_at"]))[1]
            units[body["house_code"]] = (body, first)
        elif (
            subject in ("sale", "lease", "mortgage")
            and body["filed_at"]
            and body["contract_status"] not in ("DRAFT", "SIGNED", "VOIDED")
        ):
            contracts.setdefault(body["entity_id"], body)
    wanted: dict[Any, list[int]] = defaultdict(lambda: [0] * 5)
    for body, first in units.values():
        row = wanted[body["county_code"], (first + HOURS).date()]
        row[0] += 1
        row[1] += body["project_id"] in projects and bool(body["building_code"] or body["building_no"])
    for body in contracts.values():
        row = wanted[body["county_code"], day(body)]
        row[2] += 1
        row[3] += body["house_code"] in units and units[body["house_code"]][1] <= body["recorded_at"]
    for _, subject, body in said:
        if (
            subject == "decision"
            and body["outcome"] == "REFUSED"
            and "UNIT_UNKNOWN" in {r["code"] for r in body["reasons"]}
        ):
            wanted[body["county_code"] or "000000", day(body)][4] += 1
    found = figures.quality["coverage"]
    assert {row[:2]: list(row[2:]) for row in found.rows} == wanted
    assert sum(found.column("contracts")) > 100 < sum(found.column("units_in_table"))


# --- market ---------------------------------------------------------------------------------------------------------


def test_the_market_is_that_of_the_contracts(figures: Figures, said: Said) -> None:
    months = {"MONTH": 1, "QUARTER": 3, "HALF_YEAR": 6, "YEAR": 12}
    filed: dict[Any, list[tuple[Decimal, Fraction]]] = defaultdict(list)
    ended: Counter[Any] = Counter()
    deals: dict[str, Any] = {}
    for _, subject, body in said:
        if subject not in ("sale", "lease") or body["contract_status"] in ("DRAFT", "SIGNED", "VOIDED"):
            continue
        if body["entity_id"] not in deals:
            area = body.get("leased_area") or body["gross_area"]
            amount = (
                Fraction(body["total_price"])
                if subject == "sale"
                else Fraction(body["rent_amount"]) / months[body["rent_period"]]
            )
            kind = {"21": "EXISTING", "31": "LEASE"}.get(body["contract_kind"], "NEW")
            segment = kind + ("_HOME" if body["planned_use_code"][0] == "1" else "_OTHER")
            deals[body["entity_id"]] = (body["county_code"], segment, area)
            for county in (body["county_code"], "ALL"):
                filed[county, month(body["filed_at"]), segment].append((area, amount))
        if body["contract_status"] in ("CANCELLED", "REVOKED") and deals[body["entity_id"]] is not None:
            county, segment, _area = deals[body["entity_id"]]
            if (body["entity_id"], "ended") not in deals:
                deals[body["entity_id"], "ended"] = None  # type: ignore[index]
                for where in (county, "ALL"):
                    ended[where, month(body["cancelled_at"] or body["occurred_at"]), segment] += 1
    wanted = {}
    for key in filed.keys() | ended.keys():
        contracts = filed.get(key, [])
        areas, amounts = [area for area, _ in contracts], [amount for _, amount in contracts]
        prices = [fen(amount / Fraction(area)) for area, amount in contracts]
        wanted[key] = (
            len(areas),
            ended[key],
            sum(areas, Decimal(0)),
            fen(sum(amounts, Fraction(0))),
            fen(sum(amounts) / Fraction(sum(areas))) if areas else None,
            fen(Fraction(median(map(Fraction, prices)))) if prices else None,
        )
    tables = figures.market
    columns = ("filings", "cancelled", "area", "amount", "mean_price", "median_price")
    found = {
        (row["county"], row["month"], row["segment"]): tuple(row[name] for name in columns)
        for table in (tables["sales"], tables["rents"])
        for row in (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    }
    assert found == wanted
    assert sum(ended.values()) > 5
    assert {segment for _, _, segment in found} >= {"NEW_HOME", "EXISTING_HOME", "LEASE_HOME"}


def test_the_stock_is_the_units_that_can_be_sold(figures: Figures, said: Said) -> None:
    ends = {}
    latest: dict[str, dict[str, Any]] = {}
    for *_, body in sorted(
        (one for one in said if one[1] == "unit"), key=lambda one: (one[2]["recorded_at"], one[2]["revision"])
    ):
        latest[body["house_code"]] = body
        ends[month(body["recorded_at"])] = None
    wanted = Counter[str]()
    barred = {"SEIZED", "PRE_SEIZED", "LOCKED", "DEMOLITION"}
    for body in latest.values():
        if (
            body["status"] == "ACTIVE"
            and body["sale_status"] == "10"
            and not barred & set(body["restrictions"])
        ):
            wanted[body["county_code"]] += 1
            wanted["ALL"] += 1
    last = max(ends)
    rows = figures.market["stock"].rows
    assert {r[0]: r[2] for r in rows if r[1] == last and r[2]} == +wanted
    assert len(wanted) > 3
