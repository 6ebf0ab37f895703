"""Reading tables, proposing a mapping, and a check of a whole table without any server."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from openpyxl import Workbook

from broker.errors import ConfigError
from producers.simulator.stock_table import HEADER, KINDS, stock_table
from producers.stock.mapping import parse_mapping
from producers.stock.sheet import Row, open_sheet
from producers.stock.state import ImportState, Refusal, Told
from producers.stock.suggest import as_yaml, suggest
from qianbei.cli.import_cmd import import_command
from tests.support.stock import misnamed, rejected, write_table


def csv_rows(path: Path, content: bytes, **options: Any) -> tuple[str, list[Row]]:
    path.write_bytes(content)
    with open_sheet(path, **options) as sheet:
        return sheet.about, list(sheet.rows())


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("gb18030", "GB18030")]
)
def test_the_encoding_is_detected_and_stated(tmp_path: Path, encoding: str, said: str) -> None:
    about, rows = csv_rows(tmp_path / "t.csv", "编号,坐落\r\n1,示范路\r\n".encode(encoding))
    assert f"{said} (detected)" in about
    assert rows[0].cells == {"编号": "1", "坐落": "示范路"}
    assert rows[0].number == 2


def test_a_sample_that_cuts_a_character_is_still_utf8(tmp_path: Path) -> None:
    content = b"a\n" + ("中" * 1000 + "\n").encode() * 400
    for shift in range(3):
        about, rows = csv_rows(tmp_path / "t.csv", b"a" * shift + content)
        assert "UTF-8" in about
        assert len(rows) == 400


def test_a_row_with_other_bytes_is_named_and_the_next_one_read(tmp_path: Path) -> None:
    good = "编号,坐落\n1,示范路\n".encode()
    _, rows = csv_rows(
        tmp_path / "t.csv", good * 1 + b"2,\xff\xfe\n" + "3,示范路\n".encode(), encoding="utf-8"
    )
    assert [bool(row.defects) for row in rows] == [False, True, False]
    assert rows[1].defects[0].column == "坐落"


def test_blank_lines_keep_the_numbers_of_the_sheet(tmp_path: Path) -> None:
    _, rows = csv_rows(tmp_path / "t.csv", b"a,b\n1,2\n,\n3,4\n")
    assert [row.number for row in rows] == [2, 4]


def test_a_row_of_another_width_is_a_defect(tmp_path: Path) -> None:
    _, rows = csv_rows(tmp_path / "t.csv", b"a,b\n1\n1,2,3\n1,2\n")
    assert [len(row.defects) for row in rows] == [1, 1, 0]


@pytest.mark.parametrize("content", [b"", b"\n1,2\n", b"a,a\n1,2\n"])
def test_a_doubtful_header_stops_the_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError):
        csv_rows(tmp_path / "t.csv", content)


def test_a_quote_that_is_never_closed_is_told_with_its_line(tmp_path: Path) -> None:
    content = b'a,b\n1,"2\n' + b"3,4\n" * 60_000
    with pytest.raises(ConfigError, match="quotation mark"):
        csv_rows(tmp_path / "t.csv", content)


def test_excel_cells_are_texts(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "面积", "签约日期", "交付", "号码", "是否"])
    sheet.append([7, 0.1 + 0.2, datetime(2020, 1, 2), date(2021, 3, 4), 110105194912310000, True])  # noqa: DTZ001
    book.save(tmp_path / "t.xlsx")
    with open_sheet(tmp_path / "t.xlsx") as table:
        (row,) = table.rows()
        assert "sheet Sheet" in table.about
    assert [row.cells[name] for name in ("编号", "面积", "签约日期", "是否")] == [
        "7",
        "0.3",
        "2020-01-02 00:00:00",
        "是",
    ]
    assert [defect.column for defect in row.defects] == ["号码"]


def test_what_is_no_excel_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="Excel"), open_sheet(tmp_path / "t.xlsx"):
        pass


def test_a_suggested_mapping_fits_the_table() -> None:
    text = as_yaml("sale", "FILED", suggest("sale", HEADER))
    found = parse_mapping(yaml.safe_load(text))
    assert found.columns["总价(万元)"].unit == "万元"
    assert found.columns["身份证号" if "身份证号" in found.columns else "出卖人代码"]
    assert set(found.columns) | set(found.ignore) == set(HEADER)


def test_a_check_names_every_bad_row_and_needs_no_server(tmp_path: Path) -> None:
    table, mapping, wrong = write_table(tmp_path, stock_table(4_000, wrong=0.05))
    assert set(wrong.values()) == set(KINDS)
    ran = CliRunner().invoke(import_command, ["bureau", str(table), "--mapping", str(mapping), "--check"])
    assert ran.exit_code == 1, ran.output
    alone = {row: kind for row, kind in wrong.items() if kind != "合同编号 twice"}
    assert misnamed(alone, rejected(tmp_path / "stock.csv.rejects.csv")) == []
    assert "样本" not in (tmp_path / "stock.csv.rejects.csv").read_text()


def test_a_column_that_nobody_thought_of_is_told(tmp_path: Path) -> None:
    table, mapping, _ = write_table(tmp_path, stock_table(3, wrong=0))
    mapping.write_text(mapping.read_text().replace("ignore: [备注]", ""))
    ran = CliRunner().invoke(import_command, ["bureau", str(table), "--mapping", str(mapping), "--check"])
    assert isinstance(ran.exception, ConfigError)
    assert "备注" in str(ran.exception)


def test_the_memory_of_imports(tmp_path: Path) -> None:
    path = tmp_path / "imports" / "s.sqlite3"
    refusal = Refusal("HT-1", 1, 1, (Told("UNIT_UNKNOWN", "house_code", "…"),))
    with ImportState(path) as state:
        assert state.run == 1
        state.record([b"a"], {b"b": refusal})
    with ImportState(path) as state:
        assert state.run == 1, "a run that was cut off goes on"
        assert state.taken([b"a", b"b"]) == {b"a"}
        assert state.refused([b"a", b"b"]) == {b"b": refusal}
        assert state.versions(["HT-1", "HT-2"]) == {"HT-1": 1}
        state.end()
        with pytest.raises(ConfigError, match="wait for another import"), ImportState(path):
            pass
    with ImportState(path) as state:
        assert state.run == 2
    assert path.stat().st_mode & 0o077 == 0
