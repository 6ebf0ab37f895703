"""Which tests run in one process, where several processes share the work (``make test``).

Tests that use the same stack stay together, or each process would start that stack for itself; so do those of one file,
which may share what the file sets up. What takes longest comes first, so that no process is left with it at the end.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

GROUP = "xdist_group"
_BY_FIXTURE = {"deployed": "exchange", "simulated": "city", "machine": "machine"}
_FIRST = ("exchange", "city", "machine")


def share_out(items: list[pytest.Item]) -> None:
    """Name each test's group, and sort the longest groups to the front; within a group the order stays."""
    for item in items:
        if item.get_closest_marker(GROUP) is None:
            item.add_marker(pytest.mark.xdist_group(group_of(getattr(item, "fixturenames", ()), item.path)))
    items.sort(key=_rank)


def group_of(fixtures: Iterable[str], path: Path) -> str:
    """The group of a test with these fixtures in this file."""
    shared = [_BY_FIXTURE[name] for name in _BY_FIXTURE if name in fixtures]
    return shared[0] if shared else path.stem


def _rank(item: pytest.Item) -> int:
    mark = item.get_closest_marker(GROUP)
    assert mark is not None
    name = mark.args[0]
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
