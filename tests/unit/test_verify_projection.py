"""Check 3 finds every planted fault, and none where there is none."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from qianbei.verify.granted import Granted
from qianbei.verify.keys import GONE, Open
from qianbei.verify.projection import Projection
from qianbei.verify.report import CheckResult
from qianbei.verify.source import Sent
from qianbei.verify.window import Window
from tests.unit.verify_world import (
    BANK,
    EVERYTHING,
    EXCHANGE,
    PARTITIONS,
    RULES,
    TAX,
    clear,
    projected,
    readers,
    sale,
    sent,
    source,
)

RECORDS = [
    sale("s1", 1),
    sale("s2", 1, interested=[], loan_no=None, due=None),
    sale("s1", 2, interested=[], interested_before=["bank.a"]),
    sale("s3", 1, parties=[]),
    sale("s2", 2, interested=None, interested_before=None),
]
FROM = {TAX: RECORDS, BANK: [RECORDS[0], RECORDS[2], RECORDS[3]]}


def what_lies(topic: str) -> list[Sent]:
    return [sent(topic, at, projected(topic, record)) for at, record in enumerate(FROM[topic])]


def check(
    tax: list[Sent] | None = None,
    bank: list[Sent] | None = None,
    window: Window = EVERYTHING,
    routed: dict[tuple[str, int], int] | None = None,
    first: str = EXCHANGE,
) -> CheckResult:
    projection = Projection(Granted(tuple(RULES), frozenset()), PARTITIONS, window, readers())
    begin = window.begins.get((EXCHANGE, 0), 0)

    def feed_exchange() -> None:
        for at, record in enumerate(RECORDS):
            if at >= begin:
                projection.add_exchange(EXCHANGE, 0, source(at, record))
        projection.advance()

    if first == EXCHANGE:
        feed_exchange()
    for topic, records in (
        (TAX, what_lies(TAX) if tax is None else tax),
        (BANK, what_lies(BANK) if bank is None else bank),
    ):
        for record in records:
            projection.add_dept(topic, 0, record)
            projection.advance()
    if first != EXCHANGE:
        feed_exchange()
    return projection.finish(routed or {})


def kinds(result: CheckResult) -> dict[str, int]:
    return dict(result.found)


@pytest.mark.parametrize("first", [EXCHANGE, "dept"])
def test_what_is_right_is_found_right_whichever_side_comes_first(first: str) -> None:
    result = check(first=first)
    assert result.ok, result.violations
    assert result.compared == len(FROM[TAX]) + len(FROM[BANK])
    assert result.counts["dept_schemas"] == 2


def test_a_lost_record() -> None:
    tax = what_lies(TAX)
    assert kinds(check(tax=tax[:1] + tax[2:])) == {"LOST_RECORD": 1}


def test_the_last_record_lost() -> None:
    assert kinds(check(tax=what_lies(TAX)[:-1])) == {"LOST_RECORD": 1}


def test_a_record_that_routing_has_yet_to_send_is_late_and_not_lost() -> None:
    assert kinds(check(tax=what_lies(TAX)[:-1], routed={(EXCHANGE, 0): 4})) == {"BEHIND": 1}


def test_a_record_that_came_after_the_start_may_be_on_its_way() -> None:
    window = Window(EVERYTHING.begins, EVERYTHING.ends | {(EXCHANGE, 0): 4})
    assert check(tax=what_lies(TAX)[:-1], window=window).ok


def test_a_doubled_record() -> None:
    tax = what_lies(TAX)
    assert kinds(check(tax=[*tax[:2], tax[1]._replace(offset=9), *tax[2:]])) == {"UNEXPECTED_RECORD": 1}


def test_a_doubled_batch() -> None:
    tax = what_lies(TAX)
    assert kinds(check(tax=tax + tax)) == {"UNEXPECTED_RECORD": 5}


@pytest.mark.parametrize("first", [EXCHANGE, "dept"])
def test_two_records_out_of_order(first: str) -> None:
    tax = what_lies(TAX)
    found = kinds(check(tax=[tax[1], tax[0], *tax[2:]], first=first))
    assert found == {"UNEXPECTED_RECORD": 1, "LOST_RECORD": 1}


def test_a_record_that_the_department_may_not_have() -> None:
    stranger = sent(BANK, 9, projected(BANK, RECORDS[0]) | {"entity_id": "s2"})
    assert kinds(check(bank=[*what_lies(BANK), stranger])) == {"UNEXPECTED_RECORD": 1}


def test_left_must_hold_nothing_more() -> None:
    bank = what_lies(BANK)
    told = projected(BANK, RECORDS[2]) | {"contract_no": "SQ2020"}
    result = check(bank=[bank[0], sent(BANK, 1, told), bank[2]])
    assert kinds(result) == {"WRONG_RECORD": 1}
    assert result.violations[0].detail.endswith("contract_no")
    assert "SQ2020" not in result.violations[0].detail


def change_mask(record: dict[str, Any]) -> None:
    record["parties"][0]["phone_masked"] = "13900000001"


def keep_seller(record: dict[str, Any]) -> None:
    record["parties"].insert(0, {"role": "SELLER", "name": "示例公司", "phone_masked": None})


def drop_mask(record: dict[str, Any]) -> None:
    record["loan_masked"] = "LN-20200001"


def change_price(record: dict[str, Any]) -> None:
    record["price"] += 1


def drop_value(record: dict[str, Any]) -> None:
    record["contract_no"] = None


@pytest.mark.parametrize("plant", [change_mask, keep_seller, drop_mask, change_price, drop_value])
def test_a_wrong_value(plant: Callable[[dict[str, Any]], None]) -> None:
    wrong = projected(TAX, RECORDS[0])
    plant(wrong)
    tax = what_lies(TAX)
    for at in (0, 1):  # the first of a topic is decoded in any case, later ones only if their bytes differ
        wrong |= {"entity_id": RECORDS[at]["entity_id"], "event_id": RECORDS[at]["event_id"]}
        result = check(tax=[*tax[:at], sent(TAX, at, wrong), *tax[at + 1 :]])
        assert kinds(result) == {"WRONG_RECORD": 1}
        assert result.violations[0].place == f"{TAX}/0@{at}"


def test_a_field_outside_the_entitlement_even_if_it_is_null() -> None:
    tax = [sent(TAX, at, projected(TAX, record), 4) for at, record in enumerate(RECORDS)]
    found = kinds(check(tax=tax))
    assert found == {"FIELD_NOT_ENTITLED": 1, "WRONG_RECORD": 5}


def test_a_field_that_is_missing() -> None:
    tax = [sent(TAX, at, projected(TAX, record), 5) for at, record in enumerate(RECORDS)]
    assert kinds(check(tax=tax))["FIELD_MISSING"] == 3


def test_bytes_that_are_no_record() -> None:
    tax = what_lies(TAX)
    for value in (
        None,
        b"",
        b"junk!junk",
        tax[0].value[:-1],
        tax[0].value + b"\x00",
        b"\x00\x00\x00\x00\x63",
    ):
        assert kinds(check(tax=[tax[0]._replace(value=value), *tax[1:]])) == {"UNREADABLE": 1}, value


def test_a_wrong_revision_header_is_another_record() -> None:
    tax = what_lies(TAX)
    found = kinds(check(tax=[tax[0]._replace(revision=b"7"), *tax[1:]]))
    assert found == {"LOST_RECORD": 1, "UNEXPECTED_RECORD": 1}


def test_an_encrypted_value_cannot_be_checked_and_says_so() -> None:
    parties = [
        {"role": "BUYER", "party_ref": None, "name": clear("张示例") | {"key_id": "k1"}, "phone": None}
    ]
    projection = Projection(Granted(tuple(RULES), frozenset()), PARTITIONS, EVERYTHING, readers())
    projection.add_exchange(EXCHANGE, 0, source(0, sale(parties=parties)))
    projection.add_dept(TAX, 0, what_lies(TAX)[0])
    projection.add_dept(BANK, 0, what_lies(BANK)[0])
    assert "SEALED" in kinds(projection.finish({}))


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it lies encrypted: here the text itself, under a key id that only ``opens`` knows."""
    parties = [
        one
        | {name: one[name] and one[name] | {"key_id": "k1", "nonce": b"n" * 12} for name in ("name", "phone")}
        for one in record["parties"]
    ]
    return record | {"parties": parties}


def kinds_of_sealed(opens: Open, lies: dict[str, Any]) -> dict[str, int]:
    """What is found of one encrypted record, of which tax was sent what is made of another."""
    projection = Projection(Granted(tuple(RULES), frozenset()), PARTITIONS, EVERYTHING, readers())
    projection.add_exchange(EXCHANGE, 0, source(0, sealed(RECORDS[0]), opens))
    projection.add_dept(TAX, 0, sent(TAX, 0, projected(TAX, lies)))
    projection.add_dept(BANK, 0, what_lies(BANK)[0])
    return kinds(projection.finish({}))


def named(name: str) -> dict[str, Any]:
    seller, buyer = RECORDS[0]["parties"]
    return RECORDS[0] | {"parties": [seller, buyer | {"name": clear(name)}]}


def opened(value: Mapping[str, Any]) -> Any:
    return value["ciphertext"].decode()


def gone(_value: Mapping[str, Any]) -> Any:
    return GONE


def test_an_encrypted_record_is_compared_by_what_its_keys_open() -> None:
    assert kinds_of_sealed(opened, RECORDS[0]) == {}
    assert kinds_of_sealed(opened, named("李样例")) == {"WRONG_RECORD": 1}


def test_a_destroyed_key_excuses_its_values_and_nothing_else() -> None:
    assert kinds_of_sealed(gone, RECORDS[0]) == kinds_of_sealed(gone, named("李样例")) == {}
    assert kinds_of_sealed(gone, RECORDS[0] | {"price": Decimal("1.00")}) == {"WRONG_RECORD": 1}
    fewer = RECORDS[0] | {"parties": RECORDS[0]["parties"][:1]}
    assert kinds_of_sealed(gone, fewer) == {"WRONG_RECORD": 1}


def test_an_erased_value_is_null_for_everyone() -> None:
    def erased(_value: Mapping[str, Any]) -> Any:
        return None

    assert kinds_of_sealed(erased, RECORDS[0])["WRONG_RECORD"] == 1


def test_records_before_the_retained_ones_are_not_asked_for() -> None:
    window = Window(EVERYTHING.begins | {(TAX, 0): 2}, EVERYTHING.ends)
    result = check(tax=what_lies(TAX)[2:], window=window)
    assert result.ok, result.violations
    assert result.compared == 3 + len(FROM[BANK])


def test_behind_the_first_retained_record_nothing_may_be_missing() -> None:
    window = Window(EVERYTHING.begins | {(TAX, 0): 2}, EVERYTHING.ends)
    tax = what_lies(TAX)
    assert kinds(check(tax=[tax[2], tax[4]], window=window)) == {"LOST_RECORD": 1}


def test_a_topic_without_an_entitlement_and_one_that_is_missing() -> None:
    projection = Projection(
        Granted(tuple(RULES), frozenset()),
        [*PARTITIONS[:2], ("dept.court.sale.v1", 0)],
        EVERYTHING,
        readers(),
    )
    projection.add_dept("dept.court.sale.v1", 0, what_lies(TAX)[0])
    assert kinds(projection.finish({})) == {"NO_TOPIC": 1, "NO_ENTITLEMENT": 1}


def test_nothing_compared_is_no_success() -> None:
    result = Projection(Granted(tuple(RULES), frozenset()), PARTITIONS, EVERYTHING, readers()).finish({})
    assert not result.ok
    assert kinds(result) == {"NOTHING_COMPARED": 1}
