"""The command line speaks the language of its environment, and nothing but its texts changes with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from producers.simulator.stock_table import stock_table
from tests.support.stock import write_table

LOCALE = dict.fromkeys(("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "PYTHONIOENCODING"), "")
CHINESE = {"LANG": "zh_CN.UTF-8", "PYTHONUTF8": "1"}


def run(
    home: Path, environment: dict[str, str], *words: object, columns: int = 80
) -> subprocess.CompletedProcess[str]:
    """A command as a process; its texts decoded as what its terminal takes."""
    where = {"QIANBEI_HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "qianbei", *map(str, words)]
    return subprocess.run(
        command,
        env=os.environ | LOCALE | where | environment,
        capture_output=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("columns", [80, 110])
def test_a_help_page_is_chinese_within_the_width_of_the_terminal(tmp_path: Path, columns: int) -> None:
    page = run(tmp_path, CHINESE, "deliver", "--help", columns=columns).stdout
    assert "用法：" in page
    assert "选项：" in page
    assert "退出码：0 完成" in page
    assert "持续运行至按下 Ctrl-C" in page.replace("\n", "").replace("  ", "")
    assert "  示例：qianbei deliver tax --topic dept.tax.sale.v1 --jsonl /data/tax\n" in page
    too_wide = [
        line for line in page.splitlines() if cell_len(line) > columns and "qianbei deliver" not in line
    ]
    assert not too_wide


def test_errors_are_chinese_with_the_same_exit_code(tmp_path: Path) -> None:
    down = run(tmp_path, CHINESE, "lag")
    assert (down.returncode, "请运行 `qianbei up`" in down.stderr) == (2, True)
    wrong = run(tmp_path, CHINESE, "lag", "--nothing")
    assert (wrong.returncode, "没有选项 '--nothing'" in wrong.stderr) == (2, True)


def test_a_table_is_chinese_and_json_is_not(tmp_path: Path) -> None:
    assert "进程号" in run(tmp_path, CHINESE, "status").stdout
    told = [run(tmp_path, one, "status", "--json").stdout for one in (CHINESE, {"LANG": "C.UTF-8"})]
    assert told[0] == told[1]
    assert json.loads(told[0])["lag"] == {"unknown": "no service runs"}


def test_what_is_wrong_in_a_table_is_told_in_chinese(tmp_path: Path) -> None:
    table, mapping, _ = write_table(tmp_path, stock_table(20, wrong=0.5))
    words = ("import", "bureau", table, "--mapping", mapping, "--check")
    checked = run(tmp_path, CHINESE, *words)
    assert checked.returncode == 1
    assert "未发布任何内容" in checked.stdout
    assert "请" in table.with_name(table.name + ".rejects.csv").read_text(encoding="utf-8-sig")
    assert "nothing was published" in run(tmp_path, {"LANG": "C.UTF-8"}, *words).stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C"},
        {**CHINESE, "LC_ALL": "C.UTF-8"},
        {**CHINESE, "LANGUAGE": "en"},
        {"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_where_chinese_is_not_asked_for_or_cannot_be_written_it_is_english(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    page = run(tmp_path, environment, "--help")
    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.startswith("Usage: qianbei")
    assert "签备" in page.stdout or r"\u7b7e\u5907" in page.stdout


def test_what_a_terminal_cannot_write_is_escaped_as_json_has_it(tmp_path: Path) -> None:
    (tmp_path / "𬎆.jsonl").write_text("[]\n", encoding="utf-8")
    packed = run(
        tmp_path, {"PYTHONIOENCODING": "latin-1"}, "files", "pack", "bureau", tmp_path / "𬎆.jsonl",
        "--into", tmp_path / "签备", "--json",
    )  # fmt: skip
    assert packed.returncode == 1
    assert json.loads(packed.stdout)["problems"]
    page = run(tmp_path, {"PYTHONIOENCODING": "gb18030", "LANG": "zh_CN.GB18030"}, "status")
    assert "进程号" in page.stdout


def test_a_user_without_a_folder_for_caches_is_spoken_to_as_well(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="ascii")
    assert "用法：" in run(tmp_path, CHINESE, "lag", "--help").stdout
