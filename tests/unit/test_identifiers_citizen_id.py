"""GB 11643-1999: the standard's own examples, synthetic numbers, the older form, and what the check digit guarantees."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Problem, citizen_id

STANDARD = ["11010519491231002X", "440524188001010014"]
SYNTHETIC = [
    "411499199003070015",
    "411499198511150025",
    "411499201506010030",
    "411499196802291232",
    "411499200001010604",
]

bodies = st.builds(
    lambda region, born, sequence: f"{region:06}{born:%Y%m%d}{sequence:03}",
    st.integers(110000, 659999),
    st.dates(date(1880, 1, 1), date(2020, 12, 31)),
    st.integers(0, 999),
)
valid = bodies.map(lambda body: body + citizen_id.check_digit(body))


@pytest.mark.parametrize("number", STANDARD + SYNTHETIC)
def test_worked_examples_are_valid(number):
    assert citizen_id.check(number) is None
    assert citizen_id.check_digit(number[:17]) == number[17]


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("", Problem.LENGTH),
        ("41149919900307001", Problem.LENGTH),
        ("411499199003070015 ", Problem.LENGTH),
        ("41149919900307001A", Problem.CHARACTERS),
        ("4114991990030700X5", Problem.CHARACTERS),
        ("４11499199003070015", Problem.CHARACTERS),
        ("411499199013070015", Problem.DATE),
        ("411499199902290015", Problem.DATE),
        ("411499000000000015", Problem.DATE),
        ("411499199003070016", Problem.CHECK_DIGIT),
        ("110105194912310020", Problem.CHECK_DIGIT),
    ],
)
def test_each_defect_is_named(number, problem):
    finding = citizen_id.check(number)
    assert finding is not None
    assert finding.problem is problem


def test_a_lower_case_x_is_read_as_an_upper_case_one():
    assert citizen_id.check("11010519491231002x") is None


def test_a_withdrawn_address_code_is_valid():
    body = "44052419880101001"
    assert citizen_id.check(body + citizen_id.check_digit(body)) is None


def test_a_birth_after_the_day_of_business_is_found():
    assert citizen_id.check("411499201506010030", date(2015, 6, 1)) is None
    finding = citizen_id.check("411499201506010030", date(2015, 5, 31))
    assert finding is not None
    assert finding.problem is Problem.DATE


class TestOlderForm:
    def test_is_recognised_and_converted_on_request(self):
        assert citizen_id.is_legacy("110105491231002")
        assert citizen_id.check("110105491231002") is None
        assert citizen_id.to_modern("110105491231002") == "11010519491231002X"

    def test_sequences_of_centenarians_are_of_the_century_before(self):
        assert citizen_id.birth_date("440524800101996") == date(1880, 1, 1)
        assert citizen_id.to_modern("440524800101996").startswith("44052418800101996")

    @pytest.mark.parametrize("number", ["110105491331002", "11010549123100X", "440524000229001"])
    def test_a_wrong_one_is_found_and_not_converted(self, number):
        assert citizen_id.check(number) is not None
        with pytest.raises(ValueError, match="15 digits"):
            citizen_id.to_modern(number)

    def test_one_of_18_is_not_converted(self):
        with pytest.raises(ValueError, match="15 digits"):
            citizen_id.to_modern("11010519491231002X")


@given(valid, st.integers(0, 17), st.integers(0, 10))
def test_any_single_wrong_character_is_caught(number, place, value):
    wrong = "0123456789X"[value]
    changed = number[:place] + wrong + number[place + 1 :]
    assert (citizen_id.check(changed) is None) == (changed == number)


@given(valid, st.integers(0, 16))
def test_any_swap_of_neighbours_is_caught(number, place):
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert (citizen_id.check(swapped) is None) == (swapped == number)


@given(valid.filter(lambda n: n[6:8] == "19" and n[14:17] not in citizen_id.CENTENARIAN_SEQUENCES))
def test_the_older_form_goes_back_to_the_newer(number):
    assert citizen_id.to_modern(number[:6] + number[8:17]) == number


@given(st.text(max_size=20))
def test_any_text_is_judged_without_an_error(text):
    citizen_id.check(text)


@pytest.mark.parametrize("body", ["", "4114991990030700", "4114991990030700X", "４1149919900307001"])
def test_check_digit_refuses_what_is_no_body(body):
    with pytest.raises(ValueError, match="17 digits"):
        citizen_id.check_digit(body)
