"""Fixtures, one plugin file a concern."""

import os

import pytest

from tests.sharing import PARTS, keep
from tests.support.providers import present_providers

os.environ["LC_ALL"] = "C.UTF-8"
"""Tests read English messages, also of processes, whatever the developer's language is."""

pytest_plugins = [
    "tests.fix_exchange",
    "tests.fix_front_door",
    "tests.fix_line",
    "tests.fix_postgres",
    "tests.fix_timed",
    "tests.fix_wheel",
]


def pytest_report_header() -> str:
    """Which stacks the integration tests run on."""
    return f"stack providers present: {', '.join(provider.name for provider in present_providers())}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One part of the tests alone."""
    parser.addoption("--part", choices=PARTS, help="Only the tests of this part (tests/sharing.py).")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the part that is asked for."""
    if part := config.getoption("--part"):
        config.hook.pytest_deselected(items=keep(items, part))
