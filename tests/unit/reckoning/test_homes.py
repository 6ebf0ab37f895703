"""How many homes a household has: cases worked by hand (cases/homes.yaml), and what must hold of any."""

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.reckoning.family import Aliases, family_of
from broker.reckoning.homes import Holdings, HomeCount, count_homes
from schemas.reckoning import HomeRule, load_reckoning
from tests.unit.reckoning import world

CASES = world.rows("homes")
DAY = date(2021, 3, 1)
HOUSEHOLD = {"HEAD": "me", "SPOUSE": "wife", "MINOR_CHILD": {"son": date(2010, 6, 1)}}
COVERAGE = ("411402", "411403")
WORDS = {
    *(
        "case",
        "clause",
        "because",
        "titles",
        "sales",
        "units",
        "households",
        "aliases",
        "person",
        "as_of",
        "rule",
    ),
    *("coverage", "apart", "count", "homes", "out", "notes", "family_notes", "evidence"),
}


def rule(**changes: Any) -> HomeRule:
    held = load_reckoning().homes.on("411402", DAY)
    assert held is not None
    return HomeRule.model_validate({**held.model_dump(by_alias=True), **changes})


def records(row: world.Row) -> Holdings:
    return Holdings(
        sales=tuple(world.sale(n, told) for n, told in enumerate(row.get("sales", []), 1)),
        titles=tuple(world.title(n, told) for n, told in enumerate(row.get("titles", []), 1)),
        units=tuple(world.unit(told) for told in row.get("units", [])),
    )


def answer(row: world.Row, holdings: Holdings | None = None) -> HomeCount:
    by = rule(**row.get("rule", {}))
    day = row.get("as_of", DAY)
    households = [world.household(n, told) for n, told in enumerate(row.get("households", [HOUSEHOLD]), 1)]
    family = family_of(
        row.get("person", "me"),
        households,
        as_of=day,
        minor_under=by.minor_under,
        aliases=Aliases(map(tuple, row.get("aliases", []))),
    )
    return count_homes(
        family,
        holdings or records(row),
        by,
        as_of=day,
        coverage=row.get("coverage", COVERAGE),
        apart_from=row.get("apart", ()),
    )


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_case_worked_by_hand(row: world.Row) -> None:
    assert set(row) <= WORDS
    found = answer(row)
    assert found.count == row["count"]
    assert {home.house_code: home.basis for home in found.homes} == row.get("homes", {})
    assert {left.house_code: left.why for left in found.left_out} == row.get("out", {})
    assert list(found.family.notes) == row.get("family_notes", [])
    for home in found.homes:
        assert list(home.notes) == row.get("notes", {}).get(home.house_code, [])
    for house, ids in row.get("evidence", {}).items():
        (home,) = [home for home in found.homes if home.house_code == house]
        assert sorted(one.entity_id for one in home.evidence) == ids


def test_the_answer_says_when_where_and_by_which_rule() -> None:
    found = answer({"titles": [{"house": "A", "by": ["me"], "revision": 7}]})
    assert found.as_of == DAY
    assert found.coverage == COVERAGE
    assert found.rule_version == "1"
    assert "建房〔2010〕83号" in found.legal_basis
    assert [(e.subject, e.entity_id, e.revision) for e in found.homes[0].evidence] == [("title", "T1", 7)]
    assert [e.subject for e in found.family.evidence] == ["household"]


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_the_order_of_records_does_not_matter(row: world.Row) -> None:
    held = records(row)
    shuffled = random.Random(20210301)
    for _ in range(3):
        mixed = Holdings(
            *(tuple(shuffled.sample(some, len(some))) for some in (held.sales, held.titles, held.units))
        )
        assert answer(row, mixed) == answer(row, held)


_ONE = st.fixed_dictionaries(
    {
        "house": st.sampled_from("ABC"),
        "by": st.lists(st.sampled_from(["me", "wife", "son", "stranger", "ltd"]), min_size=1, unique=True),
        "is": st.sampled_from(["current", "ended"]),
        "use": st.sampled_from(["10", "11", "12", "31"]),
    }
)
_BUY = st.fixed_dictionaries(
    {
        "house": st.sampled_from("ABC"),
        "to": st.lists(st.sampled_from(["me", "wife", "stranger", "ltd"]), min_size=1, unique=True),
        "from": st.just(["seller"]),
        "status": st.sampled_from(["SIGNED", "FILED", "AMENDED", "CANCELLED", "COMPLETED", "VOIDED"]),
    }
)


@given(titles=st.lists(_ONE, max_size=4), sales=st.lists(_BUY, max_size=4))
def test_every_house_is_judged_once_and_repeats_change_nothing(titles: list[Any], sales: list[Any]) -> None:
    row = {"titles": titles, "sales": sales}
    held = records(row)
    found = answer(row)
    judged = [one.house_code for one in (*found.homes, *found.left_out)]
    assert sorted(judged) == sorted({told["house"] for told in (*titles, *sales)})
    assert found.count == len(found.homes)
    twice = Holdings(held.sales * 2, held.titles * 2, held.units)
    assert answer(row, twice) == found


@given(titles=st.lists(_ONE, max_size=4), sales=st.lists(_BUY, max_size=4))
def test_what_strangers_and_companies_have_alone_never_counts(titles: list[Any], sales: list[Any]) -> None:
    ours = {"me", "wife", "son"}
    row = {
        "titles": [told for told in titles if not ours & set(told["by"])],
        "sales": [told for told in sales if not ours & set(told["to"])],
    }
    assert answer(row).count == 0
