"""JGJ/T 246-2012: worked codes, the four methods of coding a building, and tagged local codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Problem, house_code
from schemas.identifiers.house_code import BuildingMethod as Method

WORKED = [
    "41140200120200600001201016",
    "4114020012020**00001200016",
    "41140200100120034000502033",
    "41140300238531241520900012",
]
#: A public vector for the algorithm alone: its asterisk stands where the standard's structure has none.
PUBLIC_VECTOR = "1101010102006005000109*001"

bodies = st.builds(
    lambda region, building, unit: f"{region:09}{building:012}{unit:04}",
    st.integers(110000000, 659999999),
    st.integers(0, 10**12 - 1),
    st.integers(1, 9999),
)
valid = bodies.map(lambda body: body + house_code.check_digit(body))


def _with_building(building):
    body = f"411402001{building}0001"
    return body + house_code.check_digit(body)


@pytest.mark.parametrize("code", WORKED)
def test_worked_examples_are_valid(code):
    assert house_code.check(code) is None
    assert not house_code.is_local(code)


@pytest.mark.parametrize("code", [*WORKED, PUBLIC_VECTOR])
def test_the_check_digit_is_the_worked_one(code):
    assert house_code.check_digit(code[:25]) == code[25]


@pytest.mark.parametrize(
    ("building", "method"),
    [
        ("202006000012", Method.COMPLETION),
        ("2020**000012", Method.COMPLETION),
        ("199***000001", Method.COMPLETION),
        ("20201*000001", Method.COMPLETION),
        ("******000001", Method.COMPLETION),
        ("385312415209", Method.COORDINATES),
        ("000000000000", Method.COORDINATES),
        ("001200340005", Method.PARCEL),
        ("123456780001", Method.MAP_SHEET),
    ],
)
def test_each_method_of_coding_a_building_is_taken(building, method):
    assert method in house_code.building_methods(building)
    assert house_code.check(_with_building(building)) is None


@pytest.mark.parametrize(
    ("building", "method"),
    [
        ("202013000012", Method.COMPLETION),
        ("202000000012", Method.COMPLETION),
        ("202006000000", Method.COMPLETION),
        ("001200000005", Method.PARCEL),
        ("000012340005", Method.PARCEL),
        ("123456780000", Method.MAP_SHEET),
    ],
)
def test_each_method_has_its_limits(building, method):
    assert method not in house_code.building_methods(building)


@pytest.mark.parametrize(
    "building",
    ["20*006000012", "2020*6000012", "2020**00001*", "2020**000000", "20202*000001", "*99906000001"],
)
def test_asterisks_are_only_the_unknown_end_of_a_date(building):
    assert house_code.building_methods(building) == frozenset()
    finding = house_code.check(_with_building(building))
    assert finding is not None
    assert finding.problem is Problem.STRUCTURE


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", Problem.LENGTH),
        ("4114020012020060000120101", Problem.LENGTH),
        ("4114020012020060000120101６", Problem.CHARACTERS),
        ("4114020*120200600001201016", Problem.CHARACTERS),
        ("41140200120200600001201*16", Problem.CHARACTERS),
        ("41140200120200600001200000", Problem.STRUCTURE),
        ("41140200120200600001201015", Problem.CHECK_DIGIT),
    ],
)
def test_each_defect_is_named(code, problem):
    finding = house_code.check(code)
    assert finding is not None
    assert finding.problem is problem


class TestLocalCodes:
    @pytest.mark.parametrize(
        "code", ["LOCAL:SZ25:4403050010000200003000401", "LOCAL:SQ-TEMP:411402-2020-00017"]
    )
    def test_a_tagged_code_of_another_scheme_is_taken(self, code):
        assert house_code.check(code) is None
        assert house_code.is_local(code)

    def test_is_built_by_its_parts(self):
        assert house_code.local("BJ23", "11010100100200300040005") == "LOCAL:BJ23:11010100100200300040005"

    @pytest.mark.parametrize(
        "code",
        ["LOCAL:", "LOCAL:SZ25", "LOCAL:SZ25:", "LOCAL:s:1", "LOCAL:SZ25:a b", "LOCAL:SZ25:" + "1" * 71],
    )
    def test_a_malformed_tag_is_found(self, code):
        finding = house_code.check(code)
        assert finding is not None
        assert finding.problem is Problem.STRUCTURE

    def test_an_untagged_local_code_is_refused(self):
        assert house_code.check("4403050010000200003000401") is not None

    def test_the_longest_one_fits_the_standards_field(self):
        assert len(house_code.local("S" * 20, "1" * 70)) <= house_code.MAX_LENGTH


@given(valid, st.integers(0, 25), st.integers(0, 9))
def test_any_single_wrong_digit_is_caught(code, place, digit):
    changed = f"{code[:place]}{digit}{code[place + 1 :]}"
    assert (house_code.check(changed) is None) == (changed == code)


@given(st.text(alphabet="0123456789*", min_size=25, max_size=25))
def test_the_control_sum_of_the_standard_is_one(body):
    product = 10
    for character in body:
        product = ((product + int(character.replace("*", "0"))) % 10 or 10) * 2 % 11
    assert (product + int(house_code.check_digit(body))) % 10 == 1


@given(st.text(max_size=30))
def test_any_text_is_judged_without_an_error(text):
    house_code.check(text)


def test_check_digit_refuses_what_is_no_body():
    with pytest.raises(ValueError, match="25 digits"):
        house_code.check_digit("4114")
    with pytest.raises(ValueError, match="LOCAL"):
        house_code.local("SZ 25", "1")
