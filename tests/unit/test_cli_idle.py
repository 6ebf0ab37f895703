"""Work that may wait gives way."""

import os
import subprocess
import sys

import pytest

_TOLD = "import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
_PROGRAM = f"""
import subprocess, sys
from qianbei.cli.idle import yield_processor
yield_processor()
{_TOLD}
sys.stdout.flush()
subprocess.run([sys.executable, "-c", {_TOLD!r}], check=True)
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="a policy of Linux")
def test_a_process_and_those_that_it_starts_run_where_a_processor_is_idle() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True"]
