"""Pages held against what their commands print: what is another one each time passes, what is another thing does not."""

import pytest

from tests.support.console import Step, steps, told_apart

PAGE = """
```console
$ first --option
line one
$ second | \\
    third
```
text
```sh
$ not run
```
"""


def test_commands_are_taken_from_blocks_with_their_output() -> None:
    assert steps(PAGE) == [Step("first --option", ("line one",)), Step("second | \\\n    third", ())]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("at 2026-11-28T06:45:29.791Z  tax", "at 2027-01-02T03:04:05Z tax"),
        ("exchange.sale/1/3 AMENDED", "exchange.sale/2/77 AMENDED"),
        ("59 records in 481 chains", "7,112 records in 490 chains"),
        ("event b65f69fa-63d2-5206-9423-53d52419165d", "event 00000000-63d2-5206-9423-53d52419165d"),
    ],
)
def test_another_time_place_amount_or_id_is_no_difference(shown: str, printed: str) -> None:
    assert told_apart([shown], [printed]) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["sale 2 → 3"], ["sale 2 → 4"]),
        (["0 would differ"], ["1 would differ"]),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["…", "b"], ["a", "c"]),
        (["exchange.sale/1/3 AMENDED"], ["exchange.lease/1/3 AMENDED"]),
    ],
)
def test_another_line_is(shown: list[str], printed: list[str]) -> None:
    assert told_apart(shown, printed) is not None


def test_lines_may_be_left_out_where_the_page_says_so() -> None:
    assert told_apart(["…", "b", "…"], ["a", "b", "c", "d"]) is None
    assert told_apart(["…"], []) is None
