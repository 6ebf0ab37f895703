"""Checks between fields: areas, dates, money, what a contract must have by when, and what a record is about."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.admission.checks_relations import statuses_from
from schemas.catalogue import load_catalogue
from tests.support.checking import codes, good


def _area(text):
    return None if text is None else Decimal(text)


class TestAreas:
    @pytest.mark.parametrize(
        ("gross", "inner", "shared"),
        [
            ("118.36", "92.10", "26.26"),
            ("118.37", "92.10", "26.26"),
            ("118.35", "92.10", "26.26"),
            ("118.36", "118.36", "0.00"),
            ("118.36", "92.10", None),
            ("118.36", None, None),
        ],
    )
    def test_parts_make_the_whole_within_the_tolerance(self, gross, inner, shared):
        unit = good(
            "unit", "registered", gross_area=_area(gross), inner_area=_area(inner), shared_area=_area(shared)
        )
        assert codes("unit", unit) == []

    @pytest.mark.parametrize(
        ("gross", "inner", "shared", "field"),
        [
            ("118.38", "92.10", "26.26", "gross_area"),
            ("118.34", "92.10", "26.26", "gross_area"),
            ("100.00", "100.01", None, "inner_area"),
            ("100.00", None, "100.01", "shared_area"),
        ],
    )
    def test_other_areas_are_found(self, gross, inner, shared, field):
        unit = good(
            "unit", "registered", gross_area=_area(gross), inner_area=_area(inner), shared_area=_area(shared)
        )
        assert codes("unit", unit) == [("BAD_AREA", field)]

    def test_a_part_of_a_sold_or_leased_house_is_not_above_it(self):
        assert codes("sale", good("sale", "presale", gross_area=Decimal("1.00"))) == [
            ("BAD_AREA", "inner_area")
        ]
        assert codes("lease", good("lease", "filed", leased_area=Decimal("76.21"))) == [
            ("BAD_AREA", "leased_area")
        ]

    @given(st.integers(0, 10**8), st.integers(1, 10**8))
    def test_any_exact_sum_is_right(self, shared, inner):
        parts = Decimal(inner).scaleb(-2), Decimal(shared).scaleb(-2)
        unit = good("unit", "registered", gross_area=sum(parts), inner_area=parts[0], shared_area=parts[1])
        assert codes("unit", unit) == []


class TestDates:
    @pytest.mark.parametrize(
        ("subject", "name", "first", "last"),
        [
            ("lease", "filed", "lease_start", "lease_end"),
            ("mortgage", "filed", "debt_start", "debt_end"),
            ("seizure", "seized", "start_date", "end_date"),
            ("sale", "presale", "signed_at", "filed_at"),
            ("defaulter", "listed", "published_on", "expires_on"),
        ],
    )
    def test_an_end_is_not_before_its_beginning(self, subject, name, first, last):
        begin = good(subject, name)[first]
        assert codes(subject, good(subject, name, **{last: begin})) == []
        assert codes(subject, good(subject, name, **{last: begin - timedelta(days=1)})) == [
            ("BAD_DATE_ORDER", last)
        ]

    def test_dates_that_are_not_given_are_not_compared(self):
        assert codes("seizure", good("seizure", "seized", kind="2", start_date=None, end_date=None)) == []
        assert codes("seizure", good("seizure", "seized", start_date=None, end_date=date(1990, 1, 1))) == []

    def test_a_lease_of_more_than_twenty_years_is_no_matter_of_fields(self):
        lease = good("lease", "filed")
        assert codes("lease", lease | {"lease_end": lease["lease_start"].replace(year=2050)}) == []


class TestMoney:
    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"total_price": Decimal("0.00")}, {"total_price", "down_payment", "loan_amount"}),
            ({"total_price": Decimal("-1.00")}, {"total_price", "down_payment", "loan_amount"}),
            ({"down_payment": Decimal("265864.01")}, {"loan_amount"}),
            ({"down_payment": None, "loan_amount": Decimal("875864.01")}, {"loan_amount"}),
            ({"down_payment": Decimal("-0.01")}, {"down_payment"}),
            ({"unit_price": Decimal("-0.01")}, {"unit_price"}),
        ],
    )
    def test_amounts_that_cannot_be_are_found(self, changes, fields):
        found = codes("sale", good("sale", "presale", **changes))
        assert {code for code, _ in found} == {"BAD_AMOUNT"}
        assert {field for _, field in found} == fields

    @pytest.mark.parametrize(
        "changes",
        [
            {"down_payment": Decimal("265864.00"), "loan_amount": Decimal("610000.00")},
            {"down_payment": Decimal("875864.00"), "loan_amount": None},
            {"down_payment": None, "loan_amount": None},
            {"down_payment": Decimal("0.00"), "loan_amount": Decimal("875864.00")},
        ],
    )
    def test_funds_up_to_the_price_are_right(self, changes):
        assert codes("sale", good("sale", "presale", **changes)) == []


class TestRequired:
    @pytest.mark.parametrize("status", ["FILED", "AMENDED", "CANCELLED", "REVOKED", "COMPLETED"])
    @pytest.mark.parametrize("field", ["filing_no", "filed_at"])
    def test_a_filed_contract_has_its_filing(self, status, field):
        sale = good("sale", "presale", contract_status=status, **{field: None})
        assert codes("sale", sale) == [("EMPTY_CORE_FIELD", field)]

    @pytest.mark.parametrize("status", ["DRAFT", "SIGNED", "VOIDED"])
    def test_one_that_is_not_filed_need_not(self, status):
        assert (
            codes("sale", good("sale", "presale", contract_status=status, filing_no=None, filed_at=None))
            == []
        )

    def test_an_empty_text_is_not_given(self):
        assert codes("sale", good("sale", "presale", filing_no="")) == [("EMPTY_CORE_FIELD", "filing_no")]

    @pytest.mark.parametrize(
        ("name", "field"),
        [
            ("presale", "payment_method"),
            ("presale", "presale_permit_no"),
            ("presale", "escrow_account"),
            ("existing-home", "title_cert_no"),
        ],
    )
    def test_each_kind_of_sale_has_its_own_items(self, name, field):
        assert codes("sale", good("sale", name, **{field: None})) == [("EMPTY_CORE_FIELD", field)]

    def test_another_kind_need_not_have_them(self):
        assert (
            codes(
                "sale",
                good("sale", "presale", contract_kind="12", presale_permit_no=None, escrow_account=None),
            )
            == []
        )

    def test_statuses_by_way_of_another_follow_the_catalogue(self):
        sale = load_catalogue().subject("sale")
        filed = {"FILED", "AMENDED", "CANCELLED", "REVOKED", "COMPLETED"}
        assert statuses_from(sale, "FILED") == filed
        assert statuses_from(sale, "SIGNED") == filed | {"SIGNED"}


class TestKindsAndTargets:
    @pytest.mark.parametrize(
        ("subject", "name", "kind"),
        [
            ("sale", "presale", "31"),
            ("lease", "filed", "11"),
            ("mortgage", "filed", "21"),
            ("sale", "presale", "13"),
        ],
    )
    def test_a_kind_of_another_contract_is_found(self, subject, name, kind):
        assert ("UNKNOWN_CODE", "contract_kind") in codes(subject, good(subject, name, contract_kind=kind))
        assert len(codes(subject, good(subject, name, contract_kind=kind))) == 1

    def test_a_seizure_names_its_target(self):
        nothing = {"house_code": None, "contract_no": None, "realty_unit_no": None}
        assert codes("seizure", good("seizure", "seized", **nothing)) == [("EMPTY_CORE_FIELD", "house_code")]
        assert codes("seizure", good("seizure", "seized", **(nothing | {"contract_no": "HT-1"}))) == []

    def test_a_watch_names_a_house_or_a_party(self):
        watch = good("watch", "opened")
        assert codes("watch", watch | {"house_code": None, "parties": []}) == [
            ("EMPTY_CORE_FIELD", "house_code")
        ]
        assert codes("watch", watch | {"house_code": "41140200120200600001201016", "parties": []}) == []
        assert codes("watch", watch | {"house_code": None}) == []
