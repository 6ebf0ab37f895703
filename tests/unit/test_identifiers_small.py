"""Realty units (GB/T 37346), case numbers (法〔2015〕137号), documents and telephone numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Problem, case_no, citizen_id, documents, phone, realty_unit


def _problem(finding):
    return None if finding is None else finding.problem


class TestRealtyUnit:
    EXAMPLE = "411402001003GB00012F00010203"

    def test_the_example_has_its_parts(self):
        unit = realty_unit.parse(self.EXAMPLE)
        assert (unit.county, unit.cadastral_area, unit.cadastral_subarea) == ("411402", "001", "003")
        assert (unit.parcel_kind, unit.parcel_no) == ("GB", "00012")
        assert (unit.fixture_kind, unit.fixture_no) == ("F", "00010203")
        assert unit.code == self.EXAMPLE

    @pytest.mark.parametrize(
        "code",
        [
            "411402001003GB00012W00000000",
            "411402001003JC00012F99990001",
            "411402001003ZW00012L00010001",
            "411402001003GB00012Q00000001",
        ],
    )
    def test_other_kinds_are_valid(self, code):
        assert realty_unit.check(code) is None

    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            ("", Problem.LENGTH),
            ("411402001003GB00012F0001020", Problem.LENGTH),
            ("411402001003gb00012F00010203", Problem.CHARACTERS),
            ("411402001003XB00012F00010203", Problem.STRUCTURE),
            ("411402001003GB00012W00000001", Problem.STRUCTURE),
            ("411402001003GB00012A00010203", Problem.STRUCTURE),
        ],
    )
    def test_each_defect_is_named(self, code, problem):
        assert _problem(realty_unit.check(code)) is problem
        with pytest.raises(ValueError, match=r"realty unit|parcel"):
            realty_unit.parse(code)


class TestCaseNo:
    @pytest.mark.parametrize(
        "value",
        [
            "（2020）豫1402执1号",
            "（2020）豫14执恢123号",
            "（2021）豫1481执保88号之一",
            "（2019）最高法民申5号",
            "（2020）豫1402财保3号之十二",
        ],
    )
    def test_a_right_one_is_valid_and_stays_as_it_is(self, value):
        assert case_no.check(value) is None
        assert case_no.normalise(value) == value

    @pytest.mark.parametrize(
        "typed",
        ["(2020)豫1402执1号", "（2020）豫 1402 执 1 号", "〔2020〕豫1402执1号", "（２０２０）豫1402执1号"],
    )
    def test_a_mistyped_one_is_mended_by_normalise_only(self, typed):
        assert case_no.check(typed) is not None
        assert case_no.normalise(typed) == "（2020）豫1402执1号"
        assert case_no.check(case_no.normalise(typed)) is None

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "2021豫1402执第88号",
            "（2020）豫1402执1",
            "（1820）豫1402执1号",
            "（2020）豫14021执1号",
            "（2020）1402执1号",
        ],
    )
    def test_a_wrong_one_is_found(self, value):
        assert _problem(case_no.check(value)) is Problem.STRUCTURE

    def test_the_finding_says_when_only_the_brackets_are_wrong(self):
        assert _problem(case_no.check("(2020)豫1402执1号")) is Problem.CHARACTERS

    @given(st.text(alphabet="（）()〔〕[] \t\u3000２０20豫执号之一", max_size=40))
    def test_normalise_changes_nothing_twice(self, text):
        once = case_no.normalise(text)
        assert case_no.normalise(once) == once


class TestDocuments:
    @pytest.mark.parametrize("value", ["E12345678", "EA1234567", "123456789", "PP12345"])
    def test_passports(self, value):
        assert documents.check_passport(value) is None

    @pytest.mark.parametrize("value", ["", "E123", "ABCDEFGH", "e12345678", "E1234 5678", "E" + "1" * 20])
    def test_what_is_no_passport(self, value):
        assert documents.check_passport(value) is not None

    @pytest.mark.parametrize(
        "value",
        ["H12345678", "M1234567890", "12345678", "0123456789", "A123456(7)", "1234567(8)", "A123456789"],
    )
    def test_permits_and_cards_of_the_regions(self, value):
        assert documents.check_region(value) is None

    @pytest.mark.parametrize("region", documents.REGIONS)
    def test_a_residence_permit_is_checked_as_a_citizens_number(self, region):
        body = f"{region}19900307001"
        right = body + citizen_id.check_digit(body)
        wrong = body + ("0" if right[-1] != "0" else "1")
        assert documents.is_residence_permit(right)
        assert documents.check_region(right) is None
        assert _problem(documents.check_region(wrong)) is Problem.CHECK_DIGIT

    @pytest.mark.parametrize("value", ["", "H1", "411499199003070015", "香港12345678"])
    def test_what_is_none_of_them(self, value):
        assert documents.check_region(value) is not None

    @pytest.mark.parametrize(
        ("value", "right"), [("USA123456789012", True), ("911000199003070015", True), ("USA123", False)]
    )
    def test_permanent_residence(self, value, right):
        assert (documents.check_permanent_residence(value) is None) is right


class TestPhone:
    @pytest.mark.parametrize(
        "value",
        [
            "13000000001",
            "19912345678",
            "0370-2222222",
            "037022222222",
            "01012345678",
            "400-800-1234",
            "+85212345678",
        ],
    )
    def test_numbers_of_all_kinds(self, value):
        assert phone.check(value) is None

    @pytest.mark.parametrize(
        "value", ["", "12000000001", "1300000000", "2222222", "130 0000 0001", "+0123456", "1300000000a"]
    )
    def test_what_is_no_number(self, value):
        assert phone.check(value) is not None

    @pytest.mark.parametrize(
        ("value", "right"), [("13000000001", True), ("12000000001", False), ("0370-2222222", False)]
    )
    def test_mobiles(self, value, right):
        assert (phone.check_mobile(value) is None) is right
