"""Parties: numbers fit their documents, each side is there, shares add up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.admission.reasons import Severity
from broker.protected import clear
from schemas.identifiers import citizen_id
from tests.support.checking import codes, good, problems

BUYER = 1  # its place in the example; 0 is the seller, 2 the other buyer


def _sale(**changes):
    sale = good("sale", "presale")
    sale["parties"][BUYER] |= changes
    return sale


def _numbered(id_type, id_no):
    return _sale(id_type=id_type, id_no=clear(id_no))


class TestDocuments:
    @pytest.mark.parametrize(
        ("id_type", "id_no", "code"),
        [
            ("1", "411499199003070016", "BAD_CITIZEN_ID"),
            ("1", "411499199002300015", "BAD_CITIZEN_ID"),
            ("1", "E12345678", "BAD_CITIZEN_ID"),
            ("2", "81000019900307001", "BAD_FORMAT"),
            ("2", "810000199003070010", "BAD_CITIZEN_ID"),
            ("2", "411499199003070015", "BAD_FORMAT"),
            ("3", "ABCDEFGH", "BAD_FORMAT"),
            ("6", "MA4000013", "USCC_CHECK"),
            ("7", "91350211M0000XUF46", "USCC_CHECK"),
            ("7", "no licence", "USCC_CHECK"),
            ("USCC", "91350100M0001TGQXM", "USCC_CHECK"),
            ("8", "411499199003070015", "UNKNOWN_CODE"),
        ],
    )
    def test_a_number_that_does_not_fit_is_found(self, id_type, id_no, code):
        field = "id_type" if code == "UNKNOWN_CODE" else "id_no"
        assert codes("sale", _numbered(id_type, id_no)) == [(code, f"parties[{BUYER}].{field}")]

    @pytest.mark.parametrize(
        ("id_type", "id_no"),
        [
            ("1", "411499196802291232"),
            ("1", "11010519491231002x"),
            ("1", "110105491231002"),
            ("2", "H12345678"),
            ("3", "E12345678"),
            ("4", "户411400123456"),
            ("5", "军字第123456号"),
            ("6", "MA400001-2"),
            ("7", "91411400MA4000012N"),
            ("7", "411400000012345"),
            ("99", "随便"),
            ("USCC", "11411400005900008T"),
        ],
    )
    def test_near_misses_are_right(self, id_type, id_no):
        assert codes("sale", _numbered(id_type, id_no)) == []

    def test_a_wrong_credit_code_warns_only(self):
        found = problems("sale", _numbered("USCC", "91350211M0000XUF46"))
        assert [item.severity for item in found] == [Severity.WARN]

    def test_a_birth_after_today_is_found(self):
        body = "41149920300102001"
        unborn = body + citizen_id.check_digit(body)
        assert codes("sale", _numbered("1", unborn)) == [("BAD_CITIZEN_ID", f"parties[{BUYER}].id_no")]
        assert codes("sale", _numbered("1", unborn), now=None) == []

    def test_a_birth_today_in_china_is_right_before_utc_has_come_to_that_day(self):
        now = good("sale", "presale")["occurred_at"].replace(year=2029, month=12, day=31, hour=17)
        body = "41149920300101001"
        assert codes("sale", _numbered("1", body + citizen_id.check_digit(body)), now) == []

    @pytest.mark.parametrize(
        ("subject", "name", "lists"),
        [
            ("lease", "filed", "occupants"),
            ("household", "recorded", "members"),
            ("seizure", "seized", "debtors"),
        ],
    )
    def test_every_list_of_people_is_looked_at(self, subject, name, lists):
        record = good(subject, name)
        record[lists][0] |= {"id_type": "1", "id_no": clear("411499199003070016")}
        assert codes(subject, record) == [("BAD_CITIZEN_ID", f"{lists}[0].id_no")]

    @given(st.integers(0, 17), st.integers(0, 9))
    def test_any_single_wrong_digit_is_refused_and_never_shown(self, place, digit):
        right = "411499199003070015"
        wrong = f"{right[:place]}{digit}{right[place + 1 :]}"
        found = problems("sale", _numbered("1", wrong))
        assert [item.code for item in found] == ([] if wrong == right else ["BAD_CITIZEN_ID"])
        assert not any(wrong in item.zh + item.en for item in found)


class TestRoles:
    @pytest.mark.parametrize(
        ("subject", "name", "role"),
        [
            ("sale", "presale", "SELLER"),
            ("sale", "presale", "BUYER"),
            ("lease", "filed", "LESSOR"),
            ("lease", "filed", "LESSEE"),
            ("mortgage", "filed", "MORTGAGOR"),
        ],
    )
    def test_a_side_that_is_missing_is_found(self, subject, name, role):
        record = good(subject, name)
        record["parties"] = [party for party in record["parties"] if party["role"] != role]
        found = problems(subject, record)
        assert [(item.code, item.field) for item in found] == [("BAD_PARTY", "parties")]
        assert role in found[0].en

    def test_no_parties_at_all_is_each_side_missing(self):
        assert codes("sale", good("sale", "presale", parties=[])) == [("BAD_PARTY", "parties")] * 2

    def test_a_role_of_another_kind_of_record_is_found(self):
        sale = good("sale", "presale")
        sale["parties"].append(sale["parties"][0] | {"role": "LESSEE"})
        assert codes("sale", sale) == [("BAD_PARTY", "parties[3].role")]

    def test_an_unknown_role_is_only_an_unknown_code(self):
        sale = good("sale", "presale")
        sale["parties"].append(sale["parties"][0] | {"role": "WITNESS"})
        assert codes("sale", sale) == [("UNKNOWN_CODE", "parties[3].role")]

    def test_an_agent_is_welcome_but_is_no_side(self):
        sale = good("sale", "presale")
        sale["parties"].append(sale["parties"][0] | {"role": "AGENT"})
        assert codes("sale", sale) == []
        sale["parties"] = [sale["parties"][0], sale["parties"][3]]
        assert codes("sale", sale) == [("BAD_PARTY", "parties")]

    def test_a_listing_is_of_exactly_one_party(self):
        listing = good("defaulter", "listed")
        listing["parties"] *= 2
        assert codes("defaulter", listing) == [("BAD_PARTY", "parties")]
        assert codes("defaulter", listing | {"parties": []}) == [("BAD_PARTY", "parties")]

    def test_a_household_has_a_member(self):
        assert codes("household", good("household", "recorded", members=[])) == [
            ("EMPTY_CORE_FIELD", "members")
        ]


def _shared(*shares, **both):
    """A sale to two buyers by shares; each share is a number or a text."""
    sale = good("sale", "presale")
    for buyer, share in zip(sale["parties"][1:], shares, strict=True):
        is_text = share is not None and bool(set(share) & set("/%"))
        number = None if is_text or share is None else Decimal(share)
        text = share if is_text else None
        buyer.update({"co_ownership_code": "2", "share": number, "share_text": text} | both)
    return sale


class TestShares:
    @pytest.mark.parametrize(
        "shares",
        [
            ("0.500000", "0.500000"),
            ("0.333333", "0.666667"),
            ("0.333333", "0.666666"),
            ("1/3", "2/3"),
            ("1/3", "0.666667"),
            ("33.3%", "66.7%"),
            (None, None),
            ("0.400000", None),
        ],
    )
    def test_the_whole_is_right(self, shares):
        assert codes("sale", _shared(*shares)) == []

    @pytest.mark.parametrize(
        "shares",
        [
            ("0.700000", "0.700000"),
            ("0.300000", "0.300000"),
            ("0.333333", "0.666660"),
            ("1/3", "1/3"),
            ("2/3", "2/3"),
        ],
    )
    def test_more_or_less_than_the_whole_is_found(self, shares):
        assert codes("sale", _shared(*shares)) == [("BAD_SHARE", "parties.share")]

    @pytest.mark.parametrize("share", ["0.000000", "-0.500000", "1.000001", "0/2", "3/2"])
    def test_a_share_that_cannot_be_is_found_once(self, share):
        found = codes("sale", _shared(share, "0.500000"))
        assert found[0] == ("BAD_SHARE", "parties[1].share")
        assert {code for code, _ in found} == {"BAD_SHARE"}

    @pytest.mark.parametrize("text", ["half", "1/0", "一半", "1e9", "-1/2", "1 /2", "1_0/20"])
    def test_a_share_in_other_words_is_found(self, text):
        assert codes("sale", _shared(None, None, share_text=text))[0] == ("BAD_SHARE", "parties[1].share")

    def test_number_and_text_must_agree(self):
        assert codes("sale", _shared("0.500000", "0.500000", share_text="1/2")) == []
        assert codes("sale", _shared("0.500000", "0.500000", share_text="1/3"))[0] == (
            "BAD_SHARE",
            "parties[1].share",
        )

    def test_joint_owners_need_no_shares(self):
        sale = _shared("0.300000", "0.300000", co_ownership_code="1")
        assert codes("sale", sale) == []

    def test_each_side_is_a_whole_of_its_own(self):
        sale = _shared("0.500000", "0.500000")
        sale["parties"][0] |= {"co_ownership_code": "2", "share": Decimal("1.000000")}
        assert codes("sale", sale) == []

    @given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
    def test_any_division_rounded_to_the_last_place_is_a_whole(self, parts):
        place = Decimal("0.000001")
        shares = [max((Decimal(part) / sum(parts)).quantize(place), place) for part in parts]
        sale = good("sale", "presale")
        buyer = sale["parties"][BUYER]
        sale["parties"] = [sale["parties"][0]] + [
            buyer | {"co_ownership_code": "2", "share": share, "share_text": None} for share in shares
        ]
        assert codes("sale", sale) == []
