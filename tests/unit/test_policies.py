"""The policy file: what is in force where and when, and that a wrong file says what to mend."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.errors import ConfigError
from broker.settings import load_settings
from schemas.policies import DEFAULT, Policy, PolicyError, UnknownRuleError, load_policy

DAY = date(2021, 6, 1)
Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    """The default policy, to be changed."""
    found: Data = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Data], Policy]:
    def written(data: Data) -> Policy:
        path = tmp_path / "policy.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        return load_policy(path)

    return written


def test_the_default_is_read_once() -> None:
    assert load_policy() is load_policy()


@pytest.mark.parametrize("code", load_policy().rules)
def test_every_rule_has_titles_and_is_in_force(code: str) -> None:
    rule = load_policy().rules[code]
    assert rule.zh
    assert rule.en
    ruling = load_policy().ruling(code, "411402", DAY)
    assert ruling is not None
    assert ruling.severity == ("WARN" if code == "MORTGAGE_OVER_VALUE" else "REFUSE")
    assert load_policy().ruling(code, "411402", date(1994, 12, 31)) is None


def test_a_rule_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UnknownRuleError, match="the nearest is UNIT_SEIZED"):
        load_policy().ruling("UNIT_SEIZE", "411402", DAY)


def test_only_the_defaulter_list_blocks_and_names_its_basis() -> None:
    policy = load_policy()
    assert policy.blocking_list("DEFAULTER", "411402", DAY)
    assert not policy.blocking_list("DEFAULTER", "411402", date(2020, 7, 27))
    assert policy.blocking_list("DEFAULTER", "411402", date(2020, 7, 28))
    assert not policy.blocking_list("CONSUMPTION", "411402", DAY)
    block = policy.block("DEFAULTER", "411402", DAY)
    assert block is not None
    assert "建房〔2020〕61号" in block.legal_basis


def test_an_entry_may_be_for_some_counties_and_for_a_time(load, data: Data) -> None:
    entry = {
        "list_type": "CONSUMPTION",
        "from": DAY,
        "until": DAY,
        "legal_basis": "规定",
        "counties": ["411402"],
    }
    data["blocking_lists"].append(entry)
    policy = load(data)
    assert policy.blocking_list("CONSUMPTION", "411402", DAY)
    assert not policy.blocking_list("CONSUMPTION", "411403", DAY)
    assert not policy.blocking_list("CONSUMPTION", "411402", date(2021, 6, 2))


@pytest.mark.parametrize(
    ("on", "first", "renewal"),
    [
        (date(1999, 1, 1), 2, 1),
        (date(2004, 3, 1), 2, 1),
        (date(2015, 2, 3), 2, 1),
        (date(2015, 2, 4), 3, 3),
        (date(2026, 1, 1), 3, 3),
    ],
)
def test_limits_of_seizures_by_the_day(on: date, first: int, renewal: int) -> None:
    limits = load_policy().seizure_limits(on)
    assert (limits.first_years, limits.renewal_years) == (first, renewal)
    assert limits.version
    assert limits.legal_basis


def test_a_county_goes_before_and_falls_back(load, data: Data) -> None:
    theirs = [{"version": "c", "from": DAY, "until": date(2021, 6, 30), "severity": "OFF"}]
    data["rules"]["UNIT_SEIZED"]["counties"] = {"411481": theirs}
    policy = load(data)
    assert policy.ruling("UNIT_SEIZED", "411481", DAY) is None
    assert policy.ruling("UNIT_SEIZED", "411402", DAY) is not None
    assert policy.ruling("UNIT_SEIZED", "411481", date(2021, 7, 1)) is not None


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        load_policy().rules["NEW"] = load_policy().rules["UNIT_SEIZED"]  # type: ignore[index]


def _rule(data: Data) -> Data:
    found: Data = data["rules"]["UNIT_SEIZED"]
    return found


WRONG: dict[str, tuple[Callable[[Data], Any], str]] = {
    "unknown key": (lambda d: _rule(d).update(since=1), r"rules\.UNIT_SEIZED\.since: is not known here"),
    "bare OFF": (
        lambda d: _rule(d)["editions"][0].update(severity=False),
        r'severity: .*write "OFF" in quotes',
    ),
    "no editions": (lambda d: _rule(d).update(editions=[]), r"rules\.UNIT_SEIZED\.editions: .*at least 1"),
    "no version": (lambda d: _rule(d)["editions"][0].pop("version"), r"editions\.0\.version: Field required"),
    "a version twice": (
        lambda d: _rule(d)["editions"].append(_rule(d)["editions"][0]),
        "version 1 is there twice",
    ),
    "no county": (
        lambda d: _rule(d).update(counties={"999999": _rule(d)["editions"]}),
        "999999 is no county",
    ),
    "ends early": (
        lambda d: _rule(d)["editions"][0].update(until=date(1990, 1, 1)),
        "until is before from",
    ),
    "no list": (
        lambda d: d["blocking_lists"][0].update(list_type="OTHER"),
        "OTHER is no list; there are CONS",
    ),
    "no basis": (
        lambda d: d["blocking_lists"][0].pop("legal_basis"),
        r"blocking_lists\.0\.legal_basis: Field",
    ),
    "limits not in order": (lambda d: d["seizure_limits"].reverse(), "in the order of their from"),
    "no limits": (lambda d: d.update(seizure_limits=[]), "seizure_limits: .*at least 1"),
    "a rule forgotten": (lambda d: d["rules"].pop("UNIT_SEIZED"), "rules lacks UNIT_SEIZED: copy them from"),
    "a rule misspelt": (
        lambda d: d["rules"].update(UNIT_SEIZE=_rule(d)),
        "rules.UNIT_SEIZE is no rule; the nearest is UNIT_SEIZED",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_says_where_and_how_to_mend_it(load, data: Data, wrong: str) -> None:
    change, message = WRONG[wrong]
    change(data)
    with pytest.raises(PolicyError, match=message) as raised:
        load(data)
    assert "policy.yaml" in str(raised.value)


@pytest.mark.parametrize("text", ["rules: [", "just text", ""])
def test_what_is_no_policy_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        load_policy(path)


def test_an_operator_names_another_file(tmp_path: Path, data: Data) -> None:
    _rule(data)["editions"][0]["severity"] = "WARN"
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    named = {"kafka_bootstrap": "localhost:9092", "SCHEMA_REGISTRY_URL": "http://localhost:8081"}
    assert load_settings(**named).policy() is load_policy()
    ruling = load_settings(**named, policy_file=path).policy().ruling("UNIT_SEIZED", "411402", DAY)
    assert ruling is not None
    assert ruling.severity == "WARN"
    with pytest.raises(ConfigError, match=r"QIANBEI_POLICY_FILE: .*missing\.yaml: cannot be read"):
        load_settings(**named, policy_file=tmp_path / "missing.yaml").policy()
