"""What tests measured, told at the end of the run, also where several processes share the work.

A test tells it by ``record_property("timed", text)``.
"""

import pytest

TIMED = "timed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a measurement."""
    told = [
        str(text)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, text in report.user_properties
        if name == TIMED
    ]
    if told:
        terminalreporter.section("timed")
        for line in told:
            terminalreporter.write_line(line)
