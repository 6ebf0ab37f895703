"""Fixtures, one plugin file a concern."""

from tests.support.providers import present_providers

pytest_plugins = ["tests.fix_exchange", "tests.fix_front_door", "tests.fix_postgres"]


def pytest_report_header() -> str:
    """Which stacks the integration tests run on."""
    return f"stack providers present: {', '.join(provider.name for provider in present_providers())}"
