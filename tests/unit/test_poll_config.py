"""A poller's configuration, and what is news in a row."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.errors import ConfigError
from producers.database.changes import digest, happened, text_of
from producers.database.config import Events, PollConfig, read_config
from producers.database.reading import higher, less, windows
from producers.stock.values import BadCell, moment
from schemas.catalogue import load_catalogue
from tests.support.filing_system import write_config


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url_file": "x"}, "url_env .* or url_file"),
        ({"table": None}, "table or query"),
        ({"key": None}, "key: missing"),
        ({"events": {"new": "REGISTERED"}}, "changed: missing"),
        ({"events": {"column": "state"}}, "codes: missing"),
        ({"events": {"new": "FILED", "changed": "CHANGED"}}, "bureau does not send FILED of unit"),
        ({"table": "unit; DROP TABLE unit"}, "table"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    path = write_config(tmp_path / "units.yaml", "watermark", **changes)
    with pytest.raises(ConfigError, match=why):
        read_config(path, load_catalogue(), "bureau")


def test_an_address_is_never_shown(tmp_path: Path) -> None:
    config, _ = read_config(write_config(tmp_path / "units.yaml", "outbox"), load_catalogue(), "bureau")
    assert config.url({"FILING_DB_URL": "sqlite:///x"}).database == "x"
    with pytest.raises(ConfigError, match="the variable FILING_DB_URL holds no address") as caught:
        config.url({"FILING_DB_URL": "geheim"})
    assert "geheim" not in str(caught.value)
    secret = tmp_path / "url"
    secret.write_text("sqlite:///y")
    of_file = PollConfig.model_validate(
        yaml.safe_load(
            yaml.safe_dump(config.model_dump(exclude={"url_env"}, mode="json") | {"url_file": str(secret)})
        )
    )
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        of_file.url()
    secret.chmod(0o600)
    assert of_file.url().database == "y"


def test_values_become_cells() -> None:
    at = datetime(2020, 12, 1, 2, 30, 0, 250000, tzinfo=UTC)
    values = [None, True, at, Decimal("10.50"), date(2020, 12, 1), {"a": 1}, 7]
    assert [text_of(value) for value in values] == [
        "",
        "是",
        "2020-12-01 10:30:00.250000",
        "10.50",
        "2020-12-01",
        '{"a": 1}',
        "7",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-12-01T02:30:00.25+00:00", "2020-12-01T10:30:00.250000+08:00"),
        ("2020-12-01 10:30:00", "2020-12-01T10:30:00+08:00"),
        ("2020-12-01 10:30:00.5", "2020-12-01T10:30:00.500000+08:00"),
        ("2020-12-01T02:30:00Z", "2020-12-01T10:30:00+08:00"),
    ],
)
def test_times_as_databases_write_them(text: str, expected: str) -> None:
    assert moment(text) == expected


def test_a_time_that_no_day_has_is_refused() -> None:
    with pytest.raises(BadCell):
        moment("2020-12-01T25:30:00+00:00")


def test_only_mapped_columns_make_news() -> None:
    columns = {"a": None, "b": None}
    assert digest({"a": "1", "b": "2", "c": "3"}, columns) == digest({"b": "2", "a": "1", "c": "4"}, columns)
    assert digest({"a": "12", "b": ""}, columns) != digest({"a": "1", "b": "2"}, columns)


def test_what_happened_to_a_row() -> None:
    known = Events(new="REGISTERED", changed="CHANGED")
    assert happened(known, {}, new=True) == ["REGISTERED"]
    assert happened(known, {}, new=False) == ["CHANGED"]
    by_word = Events.model_validate(
        {"column": "state", "codes": {"已备案": "FILED"}, "before": {"FILED": ["SIGNED"]}}
    )
    assert happened(by_word, {"state": "已备案"}, new=True) == ["SIGNED", "FILED"]
    assert happened(by_word, {"state": "已备案"}, new=False) == ["FILED"]
    with pytest.raises(BadCell, match="known are 已备案"):
        happened(by_word, {"state": "草稿"}, new=False)


def test_watermarks() -> None:
    assert higher("2020-12-01 09:00:00", "2020-12-01 10:00:00+00:00") == "2020-12-01 10:00:00+00:00"
    assert higher("9", "10") == "10"
    assert higher(None, "1") == "1"
    assert less("10", 3, as_text=True) == 7
    assert less("2020-12-01T10:00:00", 60, as_text=True) == "2020-12-01T09:59:00"
    assert less("2020-12-01 10:00:00+00:00", 60, as_text=False) == datetime(2020, 12, 1, 9, 59, tzinfo=UTC)


def test_windows_of_transactions_leave_no_gap_and_no_overlap() -> None:
    assert windows({}, "50") == [{"low": "0", "high": "50", "id": 0}]
    begun = {"low": "0", "high": "50", "id": 7}
    assert windows(begun, "50") == [begun]
    assert windows(begun, "80") == [begun, {"low": "50", "high": "80", "id": 0}]
