"""What the policy makes of the rules: by county, by the day of the decision, for stock data; and that both know the same rules."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.admission import rules
from broker.admission.model import Candidate
from broker.admission.reasons import REASONS, Reason, Severity
from broker.admission.rules import objections
from schemas.policies import Edition, Policy, Rule, load_policy
from tests.unit.rules_world import HOUSE, NOW, World, candidate, codes, sale

RULE = "UNIT_SEIZED"


@pytest.fixture
def world() -> World:
    """A house that is registered and seized."""
    world = World()
    world.has("unit", HOUSE, "ACTIVE")
    world.has("seizure", "CF-1", "EFFECTIVE")
    return world


def edition(version: str, severity: str, since: str = "2000-01-01", **more: Any) -> Edition:
    return Edition.model_validate({"version": version, "severity": severity, "from": since} | more)


def policy(*editions: Edition, **counties: tuple[Edition, ...]) -> Policy:
    """The default policy with another rule on seized units; counties as ``c411402``."""
    own = {name.removeprefix("c"): theirs for name, theirs in counties.items()}
    changed = Rule(zh="规则", en="rule", editions=editions, counties=own)
    default = load_policy()
    return default.model_copy(update={"rules": {**default.rules, RULE: changed}})


def one(world: World, asked: Candidate, by: Policy, at: datetime = NOW) -> Reason | None:
    found = objections(asked, world.draft(by, at))
    assert len(found) <= 1
    return found[0] if found else None


def test_by_default_it_refuses_with_version_and_basis(world: World) -> None:
    found = one(world, sale(), load_policy())
    assert found is not None
    assert (found.code, found.severity, found.rule_version) == (RULE, Severity.REFUSE, "1")
    assert found.legal_basis == REASONS[RULE].legal_basis


def test_a_rule_may_warn_or_be_off(world: World) -> None:
    found = one(world, sale(), policy(edition("w", "WARN", legal_basis="暂行")))
    assert found is not None
    assert (found.severity, found.rule_version, found.legal_basis) == (Severity.WARN, "w", "暂行")
    assert one(world, sale(), policy(edition("o", "OFF"))) is None


def test_a_county_has_editions_of_its_own(world: World) -> None:
    by = policy(edition("1", "REFUSE"), c411402=(edition("c", "WARN"),), c411481=(edition("d", "OFF"),))
    found = {county: one(world, sale(county_code=county), by) for county in ("411402", "411481", "411403")}
    assert {county: item and (item.severity, item.rule_version) for county, item in found.items()} == {
        "411402": (Severity.WARN, "c"),
        "411481": None,
        "411403": (Severity.REFUSE, "1"),
    }


@pytest.mark.parametrize(
    ("at", "version"),
    [
        (datetime(2021, 5, 31, 15, 59, 59, tzinfo=UTC), None),
        (datetime(2021, 5, 31, 16, tzinfo=UTC), "1"),
        (datetime(2021, 6, 30, 16, tzinfo=UTC), "2"),
        (datetime(2021, 7, 31, 15, 59, 59, tzinfo=UTC), "2"),
        (datetime(2021, 7, 31, 16, tzinfo=UTC), "1"),
    ],
)
def test_the_edition_of_the_day_of_the_decision_in_china(
    world: World, at: datetime, version: str | None
) -> None:
    by = policy(edition("1", "REFUSE", "2021-06-01"), edition("2", "WARN", "2021-07-01", until="2021-07-31"))
    found = one(world, sale(), by, at)
    assert (found and found.rule_version) == version


def test_stock_data_is_warned_never_refused(world: World) -> None:
    world.has("sale", "other", "FILED")
    found = objections(sale("FILED", baseline=True), world.draft())
    assert {(item.code, item.severity) for item in found} == {
        (RULE, Severity.WARN),
        ("UNIT_ALREADY_SOLD", Severity.WARN),
    }
    assert one(world, sale(baseline=True, entity_id="other"), policy(edition("o", "OFF"))) is None


def test_stock_data_on_an_unknown_unit_is_warned(world: World) -> None:
    (found,) = objections(sale(baseline=True), World().draft())
    assert (found.code, found.severity, found.rule_version) == ("UNIT_UNKNOWN", Severity.WARN, "1")


def test_a_warning_is_told_apart_from_a_refusal(world: World) -> None:
    loan = candidate("mortgage", "SIGNED", appraisal_price=1)
    found = objections(loan, world.draft())
    assert [(item.code, item.severity) for item in found] == [
        (RULE, Severity.REFUSE),
        ("MORTGAGE_OVER_VALUE", Severity.WARN),
    ]


def test_all_that_stands_in_the_way_is_named_in_order() -> None:
    world = World()
    world.has("seizure", "CF-1", "EFFECTIVE")
    world.has("sale", "other", "FILED")
    asked = sale(contract_kind="11")
    found = ["UNIT_UNKNOWN", "UNIT_ALREADY_SOLD", "UNIT_SEIZED", "NO_PRESALE_PERMIT"]
    assert codes(world, asked) == found
    assert codes(world, asked) == found, "the same draft of the same view gives the same answer"


@pytest.mark.parametrize(
    ("today", "version", "basis"),
    [(date(2020, 12, 31), "1", "合同法"), (date(2021, 1, 1), "2", "民法典》第七百零五条")],
)
def test_a_long_lease_is_refused_by_the_code_in_force(today: date, version: str, basis: str) -> None:
    world = World()
    world.has("unit", HOUSE, "ACTIVE")
    at = datetime(today.year, today.month, today.day, tzinfo=UTC)
    found = one(world, candidate("lease", "SIGNED", lease_end=date(2060, 1, 1)), load_policy(), at)
    assert found is not None
    assert (found.code, found.rule_version) == ("LEASE_TOO_LONG", version)
    assert basis in found.legal_basis


# --- rules, texts and policy know the same codes ----------------------------------------------------------------------

FOLDER = Path(rules.__file__).parent


def spoken() -> set[str]:
    """Every code that a module of the rules can give."""
    sources = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    return set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', sources)) & set(REASONS)


def test_every_rule_has_its_entry_and_every_entry_its_rule() -> None:
    assert spoken() == set(load_policy().rules)


@pytest.mark.parametrize("code", load_policy().rules)
def test_every_rule_has_its_text(code: str) -> None:
    assert REASONS[code].stage == 5
    assert any(item.severity == REASONS[code].severity for item in load_policy().rules[code].editions)


def test_every_module_is_asked() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {rule.__module__.rpartition(".")[2] for rule in rules.RULES} == modules
