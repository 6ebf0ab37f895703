"""Records and rows of ``latest`` as what the calculations look at, and clear errors for what is not there."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from broker.reckoning.reading import (
    RecordError,
    read_household,
    read_invoice,
    read_lease,
    read_sale,
    read_title,
    read_unit,
)
from broker.reckoning.records import Evidence
from schemas import files
from schemas.jsonform import from_json

EXAMPLES = Path(files.__file__).parent / "examples"


def example(subject: str, name: str, version: int = 1) -> dict[str, Any]:
    """A golden example, with the references that the exchange fills in."""
    record: dict[str, Any] = json.loads((EXAMPLES / subject / f"v{version}" / f"{name}.json").read_text())
    for listed in ("parties", "holders", "members"):
        for n, item in enumerate(record.get(listed, [])):
            item["party_ref"] = f"{n:064x}"
    return record


def test_a_sale_is_read_the_same_from_json_and_from_its_avro_record() -> None:
    told = example("sale", "existing-home")
    sale = read_sale(told)
    assert sale == read_sale(from_json(files.load_schema("sale", 1), told))
    assert sale.source == Evidence("sale", "HT-2020-000002", 2)
    assert sale.filed_at == datetime(2020, 12, 2, 3, 15, 0, 250000, UTC)
    assert sale.total_price == Decimal("560000.00")
    assert [buyer.share for buyer in sale.buyers] == [Fraction(1, 3), Fraction(2, 3)]
    assert [seller.ownership for seller in sale.sellers] == ["0"]
    assert sale.dwelling.use == "11"
    assert sale.dwelling.is_complete is True


def test_a_title_is_current_if_registry_and_exchange_say_so() -> None:
    told = example("title", "registered")
    assert read_title(told).is_current
    assert read_title({**told, "status": "ACTIVE"}).is_current
    assert not read_title({**told, "status": "CANCELLED"}).is_current
    assert not read_title({**told, "rights_status_code": "2"}).is_current
    assert read_title(told).deal_kind == "1"


def test_a_unit_of_the_building_table() -> None:
    unit = read_unit(example("unit", "registered"))
    assert unit.dwelling.use == "11"
    assert not unit.is_withdrawn
    assert read_unit({**example("unit", "registered"), "status": "WITHDRAWN"}).is_withdrawn


def test_birth_dates_come_from_citizens_numbers_in_clear() -> None:
    told = example("household", "recorded")
    household = read_household(told)
    assert [m.born for m in household.members] == [date(1990, 3, 7), date(1985, 11, 15), date(2015, 6, 1)]
    assert household == read_household(from_json(files.load_schema("household", 1), told))
    assert household.as_of == date(2020, 11, 20)
    sealed = {"key_id": "k1", "nonce": b"1", "ciphertext": b"2"}
    child = {**told["members"][2], "id_no": sealed}
    assert read_household({**told, "members": [child]}).members[0].born is None
    opened = read_household({**told, "members": [child]}, lambda _: "411499201506010030")
    assert opened.members[0].born == date(2015, 6, 1)
    passport = {**child, "id_type": "3", "id_no": "X00000001"}
    assert read_household({**told, "members": [passport]}).members[0].born is None
    wrong = {**child, "id_no": "411499201506010031"}
    assert read_household({**told, "members": [wrong]}).members[0].born is None


def test_a_lease_is_read_the_same_from_json_and_from_its_avro_record() -> None:
    told = example("lease", "filed")
    lease = read_lease(told)
    assert lease == read_lease(from_json(files.load_schema("lease", 1), told))
    assert (lease.rent, lease.rent_period) == (Decimal("1200.00"), "MONTH")
    assert (lease.first_day, lease.last_day) == (date(2020, 12, 5), date(2021, 12, 4))
    assert (lease.area, lease.mode, lease.purpose) == (Decimal("76.20"), "WHOLE", "RESIDENCE")
    assert read_lease({**told, "leased_area": None, "gross_area": "80.00"}).area == Decimal(80)


def test_an_invoice_is_feedback_of_one_kind_that_stands() -> None:
    told = example("feedback", "rent-invoice")
    invoice = read_invoice(told)
    assert invoice is not None
    assert (invoice.lease_id, invoice.amount) == ("ZL-2020-000001", Decimal("14400.00"))
    assert (invoice.first_day, invoice.last_day) == (date(2020, 12, 5), date(2021, 12, 4))
    assert read_invoice({**told, "status": "WITHDRAWN"}) is None
    assert read_invoice(example("feedback", "tax-paid")) is None
    with pytest.raises(RecordError, match=r"feedback\.amount is missing"):
        read_invoice({**told, "amount": None})


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ({"share_text": "1/3", "share": "0.333333"}, Fraction(1, 3)),
        ({"share_text": "三分之一", "share": "0.333333"}, Fraction(333333, 1000000)),
        ({"share_text": "50", "share": None}, None),
        ({"share_text": "1/0", "share": None}, None),
        ({"share_text": None, "share": Decimal("0.5")}, Fraction(1, 2)),
        ({}, None),
    ],
)
def test_a_share_is_exact_where_its_text_is(said: dict[str, Any], share: Fraction | None) -> None:
    told = example("title", "registered")
    holder = {key: value for key, value in told["holders"][0].items() if not key.startswith("share")}
    assert read_title({**told, "holders": [{**holder, **said}]}).holders[0].share == share


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_price": None}, r"sale\.total_price is missing"),
        ({"total_price": "much"}, r"sale\.total_price is no exact number"),
        ({"total_price": 0.1}, r"sale\.total_price is no exact number"),
        ({"total_price": True}, r"sale\.total_price is no exact number"),
        ({"signed_at": "2020-12-02T03:10:00"}, r"sale\.signed_at is no moment with an offset"),
        ({"signed_at": "yesterday"}, r"sale\.signed_at is no moment"),
        ({"title_date": "2020"}, r"sale\.title_date is no date"),
        ({"title_date": datetime(2020, 1, 1, tzinfo=UTC)}, r"sale\.title_date is no date"),
        ({"house_code": 5}, r"sale\.house_code is no text"),
    ],
)
def test_what_is_wrong_is_named_and_its_value_is_not(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message) as raised:
        read_sale({**example("sale", "existing-home"), **change})
    assert "much" not in str(raised.value)
    assert "yesterday" not in str(raised.value)


def test_parties_without_reference_are_refused() -> None:
    told = example("sale", "existing-home")
    del told["parties"][1]["party_ref"]
    with pytest.raises(RecordError, match=r"sale\.parties\[1\]\.party_ref is missing"):
        read_sale(told)


ERASED = {"key_id": "erased", "nonce": "", "ciphertext": ""}


@pytest.mark.parametrize("left", [ERASED, None], ids=["of the exchange", "of a department"])
def test_an_erased_party_is_somebody_and_an_erased_member_is_none(left: Any) -> None:
    sale, whole = example("sale", "presale"), example("household", "recorded")
    for one in (*sale["parties"][1:3], whole["members"][0]):
        one |= {"party_ref": None, "id_no": left, "name": left}
    refs = [party.ref for party in read_sale(sale).parties]
    assert len(set(refs)) == len(refs), "two who were erased are not one"
    assert [party.role for party in read_sale(sale).parties] == [one["role"] for one in sale["parties"]]
    assert len(read_household(whole).members) == len(whole["members"]) - 1


def test_a_party_without_a_reference_that_was_not_erased_is_an_error() -> None:
    sale = example("sale", "presale")
    sale["parties"][0]["party_ref"] = None
    with pytest.raises(RecordError, match=r"parties\[0\]\.party_ref"):
        read_sale(sale)
