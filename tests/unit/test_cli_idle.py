"""Work that may wait gives way."""

import os
import subprocess
import sys

import pytest

from qianbei.cli.main import GIVES_WAY

_TOLD = "import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
_PROGRAM = f"""
import subprocess, sys
from qianbei.cli.idle import yield_processor
yield_processor()
{_TOLD}
sys.stdout.flush()
subprocess.run([sys.executable, "-c", {_TOLD!r}], check=True)
"""
_COMMAND = f"""
import atexit, sys
sys.argv = ["qianbei", *sys.argv[1:], "--help"]
@atexit.register
def told():
    {_TOLD}
from qianbei.cli import main
main()
"""

linux = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="a policy of Linux")


def ran(program: str, *words: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    ).stdout.split()


@linux
def test_a_process_and_those_that_it_starts_run_where_a_processor_is_idle() -> None:
    assert ran(_PROGRAM) == ["True", "True"]


@linux
@pytest.mark.parametrize(("command", "idle"), [("replay", "True"), ("lag", "False")])
def test_a_command_that_gives_way_does_so_before_it_is_imported(command: str, idle: str) -> None:
    assert ran(_COMMAND, command)[-1] == idle
    assert (command in GIVES_WAY) == (idle == "True")
