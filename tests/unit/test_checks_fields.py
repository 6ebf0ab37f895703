"""The checks that the properties of single fields ask for: each code triggered, each near miss let through."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.admission.checks import MAX_AHEAD, MAX_REASONS, compile_all, compile_checks
from broker.admission.model import Candidate, Place
from broker.admission.reasons import Severity
from broker.errors import ConfigError
from broker.protected import clear
from schemas.files import latest_version, load_schema, parsed, subjects
from tests.support.checking import EXAMPLES, NOW, codes, good, problems

ALL_EXAMPLES = [
    (subject, path.stem)
    for subject in subjects()
    for path in sorted((EXAMPLES / subject / "v1").glob("*.json"))
]


@pytest.mark.parametrize(("subject", "name"), ALL_EXAMPLES)
def test_golden_examples_are_right(subject, name):
    assert codes(subject, good(subject, name)) == []


@pytest.mark.parametrize("subject", subjects())
def test_schemas_as_fastavro_parses_them_compile_too(subject):
    compile_checks(parsed(subject, latest_version(subject)))


def test_all_subjects_are_checked_as_one_function():
    check = compile_all({subject: load_schema(subject, latest_version(subject)) for subject in subjects()})
    body = good("unit", "registered", address=" ")
    candidate = Candidate(Place("intake.bureau", 0, 0), "", "bureau", "unit", body)
    assert [found.code for found in check(candidate, NOW)] == ["EMPTY_CORE_FIELD"]


@pytest.mark.parametrize(
    ("subject", "name", "field", "value", "code"),
    [
        ("unit", "registered", "house_code", "41140200120200600001201015", "BAD_HOUSE_CODE"),
        ("unit", "registered", "house_code", "4403050010000200003000401", "BAD_HOUSE_CODE"),
        ("unit", "registered", "realty_unit_no", "411402001003XB00012F00010203", "BAD_REALTY_UNIT_NO"),
        ("seizure", "seized", "case_no", "(2020)豫1402执1号", "BAD_CASE_NO"),
        ("seizure", "seized", "case_no", "", "EMPTY_CORE_FIELD"),
        ("defaulter", "listed", "case_no", "2021豫1402执第88号", "BAD_CASE_NO"),
        ("unit", "registered", "planned_use_code", "99", "UNKNOWN_CODE"),
        ("unit", "registered", "planned_use_code", "", "EMPTY_CORE_FIELD"),
        ("unit", "registered", "structure_code", "7", "UNKNOWN_CODE"),
        ("unit", "registered", "county_code", "410000", "UNKNOWN_CODE"),
        ("unit", "registered", "region_code", "110101", "UNKNOWN_CODE"),
        ("unit", "registered", "address", "长" * 301, "TOO_LONG"),
        ("unit", "registered", "room_no", "1" * 51, "TOO_LONG"),
        ("unit", "registered", "address", "", "EMPTY_CORE_FIELD"),
        ("unit", "registered", "address", " \u3000", "EMPTY_CORE_FIELD"),
        ("unit", "registered", "address", "示范路1号\x00", "BAD_FORMAT"),
        ("unit", "registered", "estate_name", "\x1b[31m", "BAD_FORMAT"),
        ("unit", "registered", "estate_name", "样板\n花园", "BAD_FORMAT"),
        ("unit", "registered", "estate_name", "\u202e园花板样", "BAD_FORMAT"),
        ("defaulter", "listed", "duty", "给付\x00", "BAD_FORMAT"),
        ("unit", "registered", "built_year", "20", "BAD_FORMAT"),
        ("unit", "registered", "event_id", "C9AB3578-05DB-5DB6-8A4F-AF1622D4B23A", "BAD_FORMAT"),
        ("unit", "registered", "floors_total", 0, "BAD_FORMAT"),
        ("unit", "registered", "floors_below", -1, "BAD_FORMAT"),
        ("unit", "registered", "yc_gross_area", Decimal("0.00"), "BAD_AREA"),
        ("unit", "registered", "listed_total_price", Decimal("-0.01"), "BAD_AMOUNT"),
        ("lease", "filed", "rent_amount", Decimal("0.00"), "BAD_AMOUNT"),
        ("mortgage", "filed", "secured_principal", Decimal("0.00"), "BAD_AMOUNT"),
        ("sale", "presale", "filing_org_code", "", "EMPTY_CORE_FIELD"),
        ("sale", "presale", "agency_uscc", "91411400MA4000012N0", "TOO_LONG"),
    ],
)
def test_each_code_is_found_at_its_field(subject, name, field, value, code):
    found = codes(subject, good(subject, name, **{field: value}))
    assert (code, field) in found
    assert {other for other, _ in found} <= {code, "USCC_CHECK"}


@pytest.mark.parametrize(
    ("subject", "name", "changes"),
    [
        ("unit", "registered", {"house_code": "4114020012020**00001200016"}),
        ("unit", "registered", {"house_code": "LOCAL:SQ-TEMP:411402-2020-00017"}),
        ("unit", "registered", {"realty_unit_no": None}),
        ("unit", "registered", {"realty_unit_no": ""}),
        ("unit", "registered", {"structure_code": None}),
        ("unit", "registered", {"address": "长" * 300}),
        ("unit", "registered", {"address": "示范路1号\u30002室"}),
        ("unit", "registered", {"address": "示范路𠮷1号"}),
        ("unit", "registered", {"floors_below": 0, "floor_no": -1}),
        ("unit", "registered", {"listed_total_price": Decimal("0.00")}),
        ("unit", "registered", {"restrictions": ["SEIZED", "MORTGAGED", "MORTGAGED"]}),
        ("unit", "registered", {"restrictions": []}),
        ("unit", "registered", {"county_code": "411481"}),
        ("defaulter", "listed", {"duty": "一、给付货款；\n二、给付利息。\t"}),
        ("seizure", "seized", {"case_no": "（2020）豫1402执保1号之二"}),
        ("lease", "filed", {"rent_amount": Decimal("0.01")}),
    ],
)
def test_near_misses_are_right(subject, name, changes):
    assert codes(subject, good(subject, name, **changes)) == []


def test_list_items_are_named_by_their_place():
    assert codes("unit", good("unit", "registered", restrictions=["SEIZED", "SOLD"])) == [
        ("UNKNOWN_CODE", "restrictions[1]")
    ]
    project = good("project", "registered")
    project["buildings"][0]["structure_code"] = "9"
    project["presale_permits"][0] |= {"valid_from": date(2020, 2, 1), "valid_until": date(2020, 1, 31)}
    assert sorted(codes("project", project)) == [
        ("BAD_DATE_ORDER", "presale_permits[0].valid_until"),
        ("UNKNOWN_CODE", "buildings[0].structure_code"),
    ]


class TestCreditCodes:
    """A wrong credit code is a warning and never refuses a record."""

    @pytest.mark.parametrize("code", ["91350211M0000XUF46", "91350100M000100Y44", "SOMETHING"])
    def test_a_mismatch_warns(self, code):
        found = problems("sale", good("sale", "presale", lender_uscc=code))
        assert [(item.code, item.severity, item.field) for item in found] == [
            ("USCC_CHECK", Severity.WARN, "lender_uscc")
        ]

    @pytest.mark.parametrize("code", ["91411400MA4000012N", None, ""])
    def test_a_right_or_missing_one_does_not(self, code):
        assert codes("sale", good("sale", "presale", lender_uscc=code)) == []


class TestProtected:
    @pytest.mark.parametrize(
        "envelope",
        [
            {"key_id": "clear", "nonce": b"", "ciphertext": b"\xff"},
            {"key_id": "k1", "nonce": b"", "ciphertext": b"x"},
            {"key_id": "clear", "nonce": b"n", "ciphertext": b"x"},
        ],
    )
    @pytest.mark.parametrize("field", ["name", "id_no", "phone"])
    def test_what_is_not_in_clear_is_refused(self, envelope, field):
        sale = good("sale", "presale")
        sale["parties"][1][field] = envelope
        assert codes("sale", sale) == [("BAD_FORMAT", f"parties[1].{field}")]

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("name", "", "EMPTY_CORE_FIELD"),
            ("name", " ", "EMPTY_CORE_FIELD"),
            ("name", "张" * 201, "TOO_LONG"),
            ("name", "张\x00三", "BAD_FORMAT"),
            ("id_no", "", "EMPTY_CORE_FIELD"),
            ("id_no", "\u3000", "EMPTY_CORE_FIELD"),
            ("phone", "12345", "BAD_FORMAT"),
            ("contact_address", "长" * 301, "TOO_LONG"),
        ],
    )
    def test_the_clear_text_is_held_to_its_field(self, field, value, code):
        sale = good("sale", "presale")
        sale["parties"][1][field] = clear(value)
        assert codes("sale", sale) == [(code, f"parties[1].{field}")]

    def test_near_misses(self):
        sale = good("sale", "presale")
        sale["parties"][1] |= {"name": clear("阿卜杜拉·买买提"), "phone": None}
        sale["parties"][2] |= {"name": clear("张" * 200), "phone": clear("+85212345678")}
        assert codes("sale", sale) == []


class TestTime:
    def test_an_event_of_the_future_is_refused(self):
        unit = good("unit", "registered", occurred_at=NOW + MAX_AHEAD + timedelta(microseconds=1))
        assert codes("unit", unit) == [("BAD_TIME", "occurred_at")]

    def test_a_clock_may_run_ahead_a_little(self):
        assert codes("unit", good("unit", "registered", occurred_at=NOW + MAX_AHEAD)) == []

    def test_without_a_time_of_decision_it_is_not_judged(self):
        unit = good("unit", "registered", occurred_at=datetime(2999, 1, 1, tzinfo=UTC))
        assert codes("unit", unit, now=None) == []

    @pytest.mark.parametrize(
        ("subject", "name", "field"),
        [
            ("sale", "presale", "signed_at"),
            ("sale", "cancelled", "cancelled_at"),
            ("seizure", "seized", "served_at"),
        ],
    )
    def test_a_moment_that_has_no_day_in_china_is_refused(self, subject: str, name: str, field: str):
        last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
        assert ("BAD_TIME", field) in codes(subject, good(subject, name, **{field: last}))
        assert ("BAD_TIME", field) not in codes(subject, good(subject, name, **{field: NOW}))


class TestHostileRecords:
    def test_reasons_are_limited_and_refusals_come_first(self):
        party = good("sale", "presale")["parties"][0]
        warned = party | {"id_type": "USCC", "id_no": clear("91350211M0000XUF46")}
        sale = good("sale", "presale")
        sale["parties"] += [warned] * 50
        sale |= {"occurred_at": NOW + timedelta(days=1)}
        found = problems("sale", sale)
        assert len(found) == MAX_REASONS
        assert (found[0].code, found[0].severity) == ("BAD_TIME", Severity.REFUSE)

    def test_a_list_beyond_all_measure_is_refused_whole(self):
        sale = good("sale", "presale")
        sale["parties"] *= 400
        assert codes("sale", sale) == [("BAD_PARTY", "parties")]

        assert codes("unit", good("unit", "registered", restrictions=["?"] * 1001)) == [
            ("BAD_FORMAT", "restrictions")
        ]

    def test_a_share_in_words_cannot_keep_us_busy(self):
        sale = good("sale", "presale")
        sale["parties"][1] |= {"co_ownership_code": "2", "share_text": "1e999999999"}
        assert ("BAD_SHARE", "parties[1].share") in codes("sale", sale)

    @given(st.data())
    def test_any_text_in_any_field_is_judged_without_an_error_and_never_shown(self, data):
        sale = good("sale", "presale")
        texts = sorted(name for name, value in sale.items() if isinstance(value, str))
        chosen = data.draw(st.sampled_from(texts))
        secret = data.draw(st.text(min_size=4, max_size=400).map(lambda text: f"秘{text}密"))
        sale[chosen] = secret
        sale["parties"][1]["id_no"] = clear(secret)
        sale["parties"][2]["phone"] = {
            "key_id": "clear",
            "nonce": b"",
            "ciphertext": data.draw(st.binary(max_size=40)),
        }
        for found in problems("sale", sale):
            assert secret not in found.zh + found.en + str(found.field)

    @given(st.text(max_size=60))
    def test_text_that_passes_can_be_stored(self, text):
        unit = good("unit", "registered", estate_name=text)
        if not problems("unit", unit):
            assert "\x00" not in text
            assert len(text) <= 200
            assert text.splitlines() in ([], [text])


class TestCompiling:
    """A property that no check keeps is an error at start, not a rule that is silently not kept."""

    @staticmethod
    def _with(field):
        schema = load_schema("watch", latest_version("watch"))
        return schema | {"fields": [*schema["fields"], field]}

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ({"name": "x", "type": "string", "code_list": "colour"}, "no code list 'colour'"),
            ({"name": "x", "type": "string", "format": "colour"}, "no format 'colour'"),
            ({"name": "x", "type": "string", "colour": "red"}, "no check keeps the property colour on text"),
            ({"name": "x", "type": "string", "positive": True}, "property positive on text"),
            ({"name": "x", "type": "string", "required_from": "FILLED"}, "no status FILLED"),
            ({"name": "x", "type": {"type": "int", "logicalType": "date"}, "not_before": "y"}, "refers to y"),
            (
                {"name": "x", "type": {"type": "int", "logicalType": "date"}, "not_before": "occurred_at"},
                "cannot be compared",
            ),
            ({"name": "x", "type": ["null", "string", "int"]}, "a union of null and one type"),
        ],
    )
    def test_is_refused(self, field, message):
        with pytest.raises(ConfigError, match=message):
            compile_checks(self._with(field))

    def test_a_right_one_is_not(self):
        compile_checks(self._with({"name": "x", "type": "string", "code_list": "gender"}))
