"""Records for the worked cases, from the few words of a table: what a row does not say has a default here.

Houses are letters, persons are names; ``ltd`` and ``developer`` are companies. A day is taken at noon in China.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from broker.reckoning.records import (
    Dwelling,
    Evidence,
    Household,
    Invoice,
    Lease,
    Member,
    Party,
    Sale,
    Title,
    Unit,
)
from schemas.dates import CHINA
from schemas.reckoning import DEFAULT, Reckoning

CASES = Path(__file__).with_name("cases")
COUNTY = "411402"
COMPANIES = {"ltd", "developer"}
Row = Mapping[str, Any]
WORDS = {
    "titles": {
        "house",
        "by",
        "id",
        "revision",
        "county",
        "kind",
        "is",
        "day",
        "ended",
        "deal",
        "use",
        "complete",
    },
    "sales": {
        *(
            "house",
            "from",
            "to",
            "id",
            "revision",
            "county",
            "kind",
            "status",
            "day",
            "price",
            "area",
            "use",
            "complete",
        ),
        *(
            "nature",
            "appraisal",
            "declared",
            "title_date",
            "prior_date",
            "prior_price",
            "prior",
            "lineal",
            "down",
            "loan",
        ),
    },
    "units": {"house", "county", "use", "complete", "withdrawn"},
    "leases": {
        *(
            "id",
            "revision",
            "county",
            "status",
            "from",
            "to",
            "rent",
            "each",
            "first",
            "last",
            "area",
            "day",
            "cancelled",
        ),
        *("use", "complete", "nature", "layout", "mode", "purpose"),
    },
    "invoices": {"lease", "amount", "first", "last"},
    "households": {"HEAD", "SPOUSE", "MINOR_CHILD", "OTHER", "as_of", "active"},
}
"""A word that a table has and nobody reads would be a case that tests nothing."""


def rows(name: str) -> list[Any]:
    """The cases of a table; each says what it is, its clause, and how its figures follow."""
    found: list[dict[str, Any]] = yaml.safe_load((CASES / f"{name}.yaml").read_text(encoding="utf-8"))
    names = [row["case"] for row in found]
    assert len(set(names)) == len(names), "two cases have one name"
    for row in found:
        assert row["because"], row["case"]
        assert row["clause"], row["case"]
        for kind, words in WORDS.items():
            for told in [*row.get(kind, []), *([row[kind[:-1]]] if kind[:-1] in row else [])]:
                assert set(told) <= words, (row["case"], set(told) - words)
    return found


def parameters(changes: Mapping[str, Mapping[str, Any]]) -> Reckoning:
    """The default parameters, with some of every edition of a group changed."""
    return _parameters(json.dumps(changes))


@cache
def _parameters(changes: str) -> Reckoning:
    held = raw_parameters()
    for group, changed in json.loads(changes).items():
        held[group]["editions"] = [{**edition, **changed} for edition in held[group]["editions"]]
    return Reckoning.model_validate(held)


def raw_parameters() -> dict[str, Any]:
    """The default file as it is read, to be changed."""
    held: dict[str, Any] = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    return held


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), CHINA)


def party(role: str, told: Any) -> Party:
    """``me``, or ``{me: 1/3}`` with a share, or ``{who: me, share: 1/3, ownership: "2", household: J1}``."""
    told = {"who": told} if isinstance(told, str) else dict(told)
    if "who" not in told:
        ((who, share),) = told.items()
        told = {"who": who, "share": share}
    return Party(
        told["who"],
        role,
        "2" if told["who"] in COMPANIES else "1",
        Fraction(str(told["share"])) if "share" in told else None,
        told.get("ownership"),
        told.get("household"),
    )


def dwelling(row: Row) -> Dwelling:
    return Dwelling(row.get("use", "11"), row.get("complete"))


def title(n: int, row: Row) -> Title:
    status = row.get("is", "current")
    return Title(
        source=Evidence("title", row.get("id", f"T{n}"), row.get("revision", 1)),
        county_code=row.get("county", COUNTY),
        house_code=row["house"],
        kind=row.get("kind", "TITLE"),
        is_current=status == "current",
        registered_at=noon(row.get("day", date(2015, 1, 1))),
        ended_at=noon(row["ended"]) if "ended" in row else None,
        holders=tuple(party("HOLDER", holder) for holder in row["by"]),
        deal_kind=row.get("deal", "1"),
        dwelling=dwelling(row),
    )


def sale(n: int, row: Row) -> Sale:
    status = row.get("status", "FILED")
    day = row.get("day", date(2020, 6, 1))
    filed = status not in {"DRAFT", "SIGNED", "VOIDED"}
    return Sale(
        source=Evidence("sale", row.get("id", f"S{n}"), row.get("revision", 1)),
        county_code=row.get("county", COUNTY),
        house_code=row["house"],
        contract_no=row.get("id", f"S{n}"),
        contract_kind=str(row.get("kind", "11")),
        status=status,
        signed_at=noon(day),
        filed_at=noon(day) if filed else None,
        parties=(
            *(party("SELLER", told) for told in row.get("from", ["developer"])),
            *(party("BUYER", told) for told in row["to"]),
        ),
        total_price=Decimal(str(row.get("price", 800000))),
        gross_area=Decimal(str(row.get("area", 90))),
        dwelling=dwelling(row),
        house_nature=row.get("nature", "0"),
        appraisal_price=_money(row.get("appraisal")),
        declared_price=_money(row.get("declared")),
        title_date=row.get("title_date"),
        prior_acquired_date=row.get("prior_date"),
        prior_price=_money(row.get("prior_price")),
        prior_deal_kind=row.get("prior"),
        is_lineal_relative=row.get("lineal"),
        down_payment=_money(row.get("down")),
        loan_amount=_money(row.get("loan")),
    )


def lease(n: int, row: Row) -> Lease:
    status = row.get("status", "FILED")
    return Lease(
        source=Evidence("lease", row.get("id", f"L{n}"), row.get("revision", 1)),
        county_code=row.get("county", COUNTY),
        status=status,
        parties=(
            *(party("LESSOR", told) for told in row.get("from", ["landlord"])),
            *(party("LESSEE", told) for told in row.get("to", ["me"])),
        ),
        rent=Decimal(str(row.get("rent", 1500))),
        rent_period=row.get("each", "MONTH"),
        first_day=row.get("first", date(2021, 1, 1)),
        last_day=row.get("last", date(2021, 12, 31)),
        area=Decimal(str(row.get("area", 80))),
        filed_at=None if status == "SIGNED" else noon(row.get("day", date(2020, 12, 20))),
        cancelled_at=noon(row["cancelled"]) if "cancelled" in row else None,
        dwelling=dwelling(row),
        house_nature=row.get("nature", "0"),
        layout=row.get("layout", "2"),
        mode=row.get("mode", "WHOLE"),
        purpose=row.get("purpose", "RESIDENCE"),
    )


def invoice(n: int, row: Row) -> Invoice:
    return Invoice(
        source=Evidence("feedback", f"F{n}", 1),
        lease_id=row.get("lease", "L1"),
        amount=Decimal(str(row["amount"])),
        first_day=row.get("first", date(2021, 1, 1)),
        last_day=row.get("last", date(2021, 12, 31)),
    )


def unit(row: Row) -> Unit:
    return Unit(
        source=Evidence("unit", f"U{row['house']}", 1),
        county_code=row.get("county", COUNTY),
        house_code=row["house"],
        dwelling=Dwelling(row.get("use"), row.get("complete")),
        is_withdrawn=row.get("withdrawn", False),
    )


def household(n: int, row: Row) -> Household:
    """``{HEAD: me, SPOUSE: wife, MINOR_CHILD: {son: 2010-06-01}}``; children as a mapping to their birth dates."""
    members = [
        Member(who, relation, born)
        for relation in ("HEAD", "SPOUSE", "MINOR_CHILD", "OTHER")
        for who, born in _people(row.get(relation))
    ]
    return Household(
        source=Evidence("household", f"J{n}", 1),
        members=tuple(members),
        as_of=row.get("as_of", date(2020, 1, 1)),
        is_active=row.get("active", True),
    )


def _people(told: Any) -> list[tuple[str, date | None]]:
    if told is None:
        return []
    return [(told, None)] if isinstance(told, str) else list(told.items())


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
