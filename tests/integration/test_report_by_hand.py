"""Small tables of the market, worked by hand."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from broker.kafka import Record
from broker.report.figures import Period
from broker.report.fold import Changes, Read, fold
from broker.report.market import market
from broker.report.quality import quality
from broker.report.store import save
from broker.store.connect import Connection
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from tests.support.latest import example_json
from tests.support.reporting import empty

_NUMBER = itertools.count(1)


def read(subject: str, example: str, version: int = 1, **changes: Any) -> Read:
    """A record of the log: a golden example, filled and changed."""
    schema = load_schema(subject, latest_version(subject))
    filled = {"recorded_at": "2021-01-05T02:00:00Z", "county_code": "411402"}
    body = from_json(schema, example_json(subject, example, version) | filled | changes)
    return Read(Record(f"exchange.{subject}", 0, next(_NUMBER), 0, b"", b"", ()), subject, body)


def sale(number: int, at: str, area: str, price: str, **changes: Any) -> Read:
    own = {"entity_id": f"S-{number}", "filed_at": at, "gross_area": area, "total_price": price}
    said = {
        "event_type": "FILED",
        "contract_status": "FILED",
        "contract_kind": "11",
        "planned_use_code": "11",
    }
    return read("sale", "presale", **(own | said | changes))


def lease(number: int, area: str, rent: str, period: str) -> Read:
    own = {"entity_id": f"L-{number}", "leased_area": area, "rent_amount": rent, "rent_period": period}
    said = {"event_type": "FILED", "contract_status": "FILED", "planned_use_code": "11"}
    return read("lease", "filed", filed_at="2021-01-10T02:00:00Z", **(own | said))


def unit(number: int, at: str, sale_status: str, **changes: Any) -> Read:
    own = {"house_code": f"H-{number}", "gross_area": "100.00", "sale_status": sale_status, "recorded_at": at}
    said = {"status": "ACTIVE", "planned_use_code": "11", "restrictions": [], "project_id": "P-1"}
    return read("unit", "registered", **(own | said | changes))


@pytest.fixture
def counting(db: Connection) -> Iterator[Any]:
    empty(db)

    def count(*batch: Read) -> None:
        save(db, Changes(), fold(batch, Changes()))

    return count  # type: ignore[return-value]


def test_a_cancelled_filing_is_taken_back_in_the_month_of_its_cancellation(
    db: Connection, counting: Any
) -> None:
    ended = {
        "event_type": "CANCELLED",
        "contract_status": "CANCELLED",
        "cancelled_at": "2021-02-03T02:00:00Z",
    }
    counting(
        sale(1, "2021-01-05T02:00:00Z", "100.00", "500000.00"),
        sale(2, "2021-01-06T02:00:00Z", "80.00", "480000.00"),
        sale(3, "2021-01-07T02:00:00Z", "120.00", "840000.00"),
        # 17:00 UTC of 31 January is 1 February in China.
        sale(4, "2021-01-31T17:00:00Z", "90.00", "450000.00"),
        # It was amended first: what is taken back is what was filed.
        sale(
            2, "2021-01-06T02:00:00Z", "80.00", "400000.00", event_type="AMENDED", contract_status="AMENDED"
        ),
        sale(2, "2021-01-06T02:00:00Z", "80.00", "400000.00", **ended),
    )
    found = market(db, Period(date(2021, 1, 1), date(2021, 3, 1), "411402"))["sales"]
    january, february = (row for row in found.rows if row[0] == "411402")
    assert january[1:] == (
        date(2021, 1, 1),
        "NEW_HOME",
        3,
        0,
        3,
        300,
        300,
        1820000,
        1820000,
        D("6066.67"),
        6000,
    )
    assert february[1:] == (date(2021, 2, 1), "NEW_HOME", 1, 1, 0, 90, 10, 450000, -30000, 5000, 5000)


def test_rents_are_a_month_and_a_square_metre(db: Connection, counting: Any) -> None:
    counting(lease(1, "50.00", "3000.00", "QUARTER"), lease(2, "40.00", "12000.00", "YEAR"))
    (row, *_) = market(db, Period(date(2021, 1, 1), date(2021, 1, 1)))["rents"].rows
    # 1,000 yuan for 50 m² and 1,000 for 40: 20 and 25; the mean is of all area.
    assert row[2:6] == ("LEASE_HOME", 2, 0, 2)
    assert row[10:] == (D("22.22"), D("22.50"))


def test_months_of_inventory_are_stock_by_the_net_sales_of_a_month(db: Connection, counting: Any) -> None:
    counting(
        unit(1, "2021-01-02T02:00:00Z", "10"),
        unit(2, "2021-01-02T02:00:00Z", "10"),
        unit(3, "2021-01-02T02:00:00Z", "10", restrictions=["SEIZED"]),
        unit(4, "2021-01-02T02:00:00Z", "10", planned_use_code="31"),
        unit(1, "2021-02-02T02:00:00Z", "30", event_type="RESTATED"),
        sale(1, "2021-01-05T02:00:00Z", "300.00", "1.00"),
        sale(2, "2021-02-05T02:00:00Z", "10.00", "1.00"),
    )
    rows = market(db, Period(date(2021, 1, 1), date(2021, 2, 1), "411402"))["stock"].rows
    january, february = (row[1:] for row in rows if row[0] == "411402")
    assert january == (date(2021, 1, 1), 2, 200, 300, D("0.7"))
    # (300 + 10) / 2 months; 100 m² are left.
    assert february == (date(2021, 2, 1), 1, 100, 155, D("0.6"))


def test_a_day_of_quality(db: Connection, counting: Any) -> None:
    signed = {"signed_at": "2021-01-05T01:59:50Z", "recorded_at": "2021-01-05T02:00:02Z"}
    counting(
        read("project", "registered", project_id="P-1"),
        unit(1, "2021-01-05T01:00:00Z", "10", building_no="1"),
        unit(2, "2021-01-05T01:00:00Z", "10", project_id="P-2"),
        sale(1, "2021-01-05T02:00:00Z", "100.00", "1.00", house_code="H-1", **signed),
        sale(2, "2021-01-05T02:00:00Z", "100.00", "1.00", house_code="H-9", **signed),
    )
    found = quality(db, Period(date(2021, 1, 5), date(2021, 1, 5)))
    assert found["coverage"].rows == (("411402", date(2021, 1, 5), 2, 1, 2, 1, 0),)
    seconds = {row[1]: row[3] for row in found["timeliness_by_county"].rows}
    assert seconds["SIGNED_TO_FILED"] == pytest.approx(10, rel=0.045)
    assert seconds["FILED_TO_RECORDED"] == pytest.approx(2, rel=0.045)
    assert seconds["RECORDED_TO_PUBLISHED"] == 0  # the clock of the log ran behind
    assert quality(db, Period(date(2021, 1, 6), date(2021, 1, 6)))["timeliness"].rows == ()


def D(text: str) -> Decimal:  # noqa: N802
    return Decimal(text)


def test_days_begin_in_china(db: Connection, counting: Any) -> None:
    counting(
        sale(
            1,
            "2021-01-05T17:00:00Z",
            "1.00",
            "1.00",
            recorded_at=datetime(2021, 1, 5, 17, tzinfo=UTC).isoformat(),
        )
    )
    assert (
        quality(db, Period(date(2021, 1, 1), date(2021, 1, 31)))["timeliness"].column("day")
        == [date(2021, 1, 6)] * 3
    )
