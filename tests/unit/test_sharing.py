"""Tests that share a stack run in one process."""

from tests.sharing import part_of


def test_a_shared_stack_is_one_part_in_whatever_file() -> None:
    assert part_of(["tmp_path", "deployed", "exchange"]) == "exchange"
    assert part_of(["request"], "exchange") == "exchange"


def test_all_else_is_the_other_part() -> None:
    assert part_of(["city", "simulated"]) == "rest"
    assert part_of([]) == "rest"
