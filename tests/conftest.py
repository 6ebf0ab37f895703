"""Fixtures, one plugin file a concern."""

pytest_plugins = ["tests.fix_exchange"]
