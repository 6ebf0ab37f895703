"""GB 32100-2015 and GB 11714-1997: published and synthetic codes, and codes that were issued although they fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import uscc
from schemas.identifiers.uscc import Result

VALID = [
    "91350100M000100Y43",
    "91411400MA4000012N",
    "11411400005900008T",
    "914114027067800106",
    "12411400MB1000002A",
]
ISSUED_BUT_FAILING = [("91350211M0000XUF46", "R"), ("91350100M0001TGQXM", "1")]

characters = st.sampled_from(uscc.ALPHABET)


def _code(head, region, organisation):
    inner = organisation + uscc.organisation_check_digit(organisation)
    body = f"{head}{region:06}{inner}"
    return body + uscc.check_digit(body)


# The organisation's check character 10 is X, which the outer alphabet has too.
codes = st.builds(
    _code,
    st.sampled_from(["11", "12", "51", "91", "92", "93", "Y1"]),
    st.integers(110000, 659999),
    st.lists(characters, min_size=8, max_size=8).map("".join),
)


@pytest.mark.parametrize("code", VALID)
def test_worked_examples_are_valid(code):
    assert uscc.check(code) is Result.VALID
    assert uscc.check_digit(code[:17]) == code[17]
    assert uscc.check_organisation(code[8:17]) is Result.VALID


@pytest.mark.parametrize(("code", "computed"), ISSUED_BUT_FAILING)
def test_codes_that_were_issued_but_fail_are_a_mismatch_only(code, computed):
    assert uscc.check(code) is Result.CHECK_DIGIT_MISMATCH
    assert uscc.check_digit(code[:17]) == computed


@pytest.mark.parametrize(
    "code",
    [
        "",
        "91350100M000100Y4Z",
        "91350100M000100Y4",
        "91350100M000100Y433",
        "9135O100M000100Y43",
        "91A50100M000100Y43",
        "91350100m000100y43",
    ],
)
def test_what_is_no_code_is_malformed(code):
    assert uscc.check(code) is Result.MALFORMED


def test_a_wrong_inner_check_is_found_even_if_the_outer_one_fits():
    body = "91411400MA4000013"
    assert uscc.check(body + uscc.check_digit(body)) is Result.CHECK_DIGIT_MISMATCH


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("MA4000012", Result.VALID),
        ("MA400001-2", Result.VALID),
        ("70678001-0", Result.VALID),
        ("MA4000013", Result.CHECK_DIGIT_MISMATCH),
        ("MA400001", Result.MALFORMED),
        ("MA40-00012", Result.MALFORMED),
    ],
)
def test_organisation_codes_stand_alone_too(code, result):
    assert uscc.check_organisation(code) is result


@given(codes)
def test_made_codes_are_valid(code):
    assert uscc.check(code) is Result.VALID


@given(codes, st.integers(0, 17), characters)
def test_any_single_wrong_character_is_found(code, place, wrong):
    changed = code[:place] + wrong + code[place + 1 :]
    assert (uscc.check(changed) is Result.VALID) == (changed == code)


@given(st.text(max_size=20))
def test_any_text_is_judged_without_an_error(text):
    uscc.check(text)
    uscc.check_organisation(text)


@pytest.mark.parametrize("body", ["", "91350100M000100Y43", "91350100M000100YI"])
def test_check_digit_refuses_what_is_no_body(body):
    with pytest.raises(ValueError, match="17 characters"):
        uscc.check_digit(body)
    with pytest.raises(ValueError, match="8 digits"):
        uscc.organisation_check_digit(body)
