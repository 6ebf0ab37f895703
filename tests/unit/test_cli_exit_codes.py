"""What a command found is in the exit code of its process, where a script can see it; and shells complete commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from producers.simulator.stock_table import stock_table
from tests.support.stock import write_table


def exit_code(*words: object) -> int:
    command = [sys.executable, "-m", "qianbei", *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(("wrong", "expected"), [(0.0, 0), (0.5, 1)])
def test_what_was_found(tmp_path: Path, wrong: float, expected: int) -> None:
    table, mapping, _ = write_table(tmp_path, stock_table(20, wrong=wrong))
    assert exit_code("import", "bureau", table, "--mapping", mapping, "--check") == expected


def test_wrong_use(tmp_path: Path) -> None:
    assert exit_code("import", "bureau", tmp_path / "nothing.csv") == 2
    assert exit_code("nothing") == 2
    assert exit_code("--help") == 0


def test_a_name_is_completed_without_importing_all_commands() -> None:
    program = "import sys, qianbei.cli; print('alembic' in sys.modules, 'kafka' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["False", "False"]


def completed(line: str) -> set[str]:
    asked = {"_QIANBEI_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    command = [sys.executable, "-m", "qianbei"]
    ran = subprocess.run(
        command, env=os.environ | asked, capture_output=True, text=True, timeout=60, check=True
    )
    return {found.split(",", 1)[1] for found in ran.stdout.splitlines()}


def test_a_shell_completes_commands_and_options() -> None:
    assert completed("qianbei im") == {"import"}
    assert {"list", "show"} <= completed("qianbei quarantine ")
    assert "--suggest-mapping" in completed("qianbei import --s")
