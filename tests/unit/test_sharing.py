"""Tests that share a stack run in one process."""

from pathlib import Path

from tests.sharing import group_of

FILE = Path("tests/unit/test_reasons.py")


def test_a_shared_stack_is_one_group_in_whatever_file() -> None:
    assert group_of(["tmp_path", "deployed", "exchange"], FILE) == "exchange"
    assert group_of(["city", "simulated"], FILE) == "city"


def test_other_tests_stay_with_their_file() -> None:
    assert group_of(["tmp_path"], FILE) == "test_reasons"
