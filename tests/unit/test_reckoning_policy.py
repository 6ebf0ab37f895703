"""The file of parameters: complete, in force where it should be, and clear about what is wrong in it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.errors import ConfigError
from broker.settings import load_settings
from schemas.reckoning import DEFAULT, PolicyError, Reckoning, load_reckoning

DAY = date(2021, 6, 1)
Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    """The default parameters, to be changed."""
    found: Data = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Data], Reckoning]:
    def written(data: Data) -> Reckoning:
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        return load_reckoning(path)

    return written


def _homes(data: Data) -> Data:
    found: Data = data["homes"]["editions"][0]
    return found


def test_the_default_is_read_once() -> None:
    assert load_reckoning() is load_reckoning()


@pytest.mark.parametrize("group", Reckoning.model_fields)
def test_every_group_is_in_force_today_and_names_its_basis(group: str) -> None:
    edition = getattr(load_reckoning(), group).on("411402", DAY)
    assert edition is not None
    assert edition.version
    assert edition.legal_basis


def test_a_county_goes_before_and_falls_back(load, data: Data) -> None:
    theirs = {**_homes(data), "version": "c", "from": DAY, "until": date(2021, 6, 30), "minor_under": 16}
    data["homes"]["counties"] = {"411481": [theirs]}
    homes = load(data).homes
    assert homes.on("411481", DAY).minor_under == 16
    assert homes.on("411402", DAY).minor_under == 18
    assert homes.on("411481", date(2021, 7, 1)).minor_under == 18
    assert homes.on("411481", date(1990, 1, 1)) is None


WRONG: dict[str, tuple[Callable[[Data], Any], str]] = {
    "a group forgotten": (lambda d: d.pop("homes"), "homes: Field required"),
    "a group misspelt": (lambda d: d.update(home={}), "home: is not known here.*reckoning.yaml"),
    "no editions": (lambda d: d["homes"].update(editions=[]), r"homes\.editions: .*at least 1"),
    "no basis": (lambda d: _homes(d).pop("legal_basis"), r"homes\.editions\.0\.legal_basis: Field"),
    "a version twice": (
        lambda d: d["homes"]["editions"].append(_homes(d)),
        "version 1 is there twice",
    ),
    "no county": (lambda d: d["homes"].update(counties={"999999": [_homes(d)]}), "999999 is no county"),
    "no use": (lambda d: _homes(d).update(dwelling_uses=["99"]), "99: not in codes/planned_use.yaml"),
    "both uses": (
        lambda d: _homes(d).update(incomplete_uses=["11"]),
        "in complete_uses and in incomplete_uses",
    ),
    "a dead contract": (
        lambda d: _homes(d).update(contract_statuses=["CANCELLED"]),
        "contract_statuses may hold SIGNED",
    ),
    "no loan of that kind": (
        lambda d: d["loans"]["editions"][0]["shares"].update(OTHER=[]),
        "OTHER: not in codes/loan_kind.yaml",
    ),
    "bands in disorder": (
        lambda d: d["rents"]["editions"][0].update(area_bands=["90", "60"]),
        "area_bands must ascend",
    ),
    "an alert before the warning": (
        lambda d: d["signals"]["editions"][0].update(price_alert="0.1"),
        "price_alert is less than price_warn",
    ),
    "no treatment": (lambda d: _homes(d).update(being_sold="MAYBE"), r"being_sold: .*'COUNT' or 'LEAVE_OUT'"),
    "no share": (lambda d: _homes(d).update(inherited_share_from=2), r"inherited_share_from: .*less than"),
    "ends early": (lambda d: _homes(d).update(until=date(1990, 1, 1)), "until is before from"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_says_where_and_how_to_mend_it(load, data: Data, wrong: str) -> None:
    change, message = WRONG[wrong]
    change(data)
    with pytest.raises(PolicyError, match=message) as raised:
        load(data)
    assert "mine.yaml" in str(raised.value)


def test_an_operator_names_another_file(tmp_path: Path, data: Data) -> None:
    _homes(data)["minor_under"] = 16
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    named = {"kafka_bootstrap": "localhost:9092", "SCHEMA_REGISTRY_URL": "http://localhost:8081"}
    assert load_settings(**named).reckoning() is load_reckoning()
    homes = load_settings(**named, reckoning_file=path).reckoning().homes.on("411402", DAY)
    assert homes is not None
    assert homes.minor_under == 16
    with pytest.raises(ConfigError, match=r"QIANBEI_RECKONING_FILE: .*missing\.yaml: cannot be read"):
        load_settings(**named, reckoning_file=tmp_path / "missing.yaml").reckoning()
