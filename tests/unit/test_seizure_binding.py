"""Seizures whose house is not known: held, found by contract or realty unit, handed over, bound in the house's queue."""

from typing import Any

import pytest

from broker.admission.model import EntityKey
from broker.slots import slot_of
from tests.support.drafts import HOUSE, SLOTS, Exchange, accepted, codes, deeds

CONTRACT, UNIT_NO = "HT-2020-0001", "411402001003GB00012F00010203"
BY_CONTRACT: dict[str, Any] = {"house_code": None, "contract_no": CONTRACT}
BY_UNIT: dict[str, Any] = {"house_code": None, "realty_unit_no": UNIT_NO}


@pytest.fixture
def exchange() -> Exchange:
    return Exchange("2020-12-20")


def sell(exchange: Exchange, name: str = "S", event_type: str = "SIGNED", **more: Any) -> None:
    told = {
        "contract_no": CONTRACT,
        "house_code": HOUSE,
        "contract_kind": "12",
        "contract_status": event_type,
        "filing_no": None,
        "filed_at": None,
    }
    assert accepted(exchange.send("sale", event_type, name, version=1, **(told | more)))


def bound(exchange: Exchange, name: str = "A") -> tuple[str | None, str | None, str | None, str | None]:
    state = exchange.state("seizure", name)
    entity = exchange.workspace.entities[EntityKey("seizure", name)]
    return exchange.status(name), state["house_code"], state["bound_house_code"], entity.house_code


BOUND = ("EFFECTIVE", HOUSE, HOUSE, HOUSE)


# -- a house not yet registered -------------------------------------------------------------------------------------


def test_a_seizure_of_an_unknown_house_is_held_there(exchange: Exchange) -> None:
    verdict = exchange.seize("A", "2020-12-10")
    assert accepted(verdict)
    assert (exchange.status("A"), exchange.queue(), exchange.term("A")) == ("HELD", [], None)
    assert verdict.requests == ()


def test_registration_binds_all_that_are_held_in_order_of_service(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-11")
    exchange.seize("A", "2020-12-10", kind="3")
    exchange.seize("C", "2020-12-10")
    verdict = exchange.unit()
    assert deeds(verdict.emissions) == [("A", "BOUND"), ("C", "BOUND"), ("B", "BOUND")]
    assert exchange.queue() == [("A", "3"), ("C", "2"), ("B", "2")]
    assert bound(exchange) == BOUND
    assert exchange.term("A") == ("2020-12-10", "2023-12-09")
    assert exchange.conflicts() == []


def test_a_held_one_can_be_released_or_changed(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10")
    exchange.seize("B", "2020-12-11")
    assert accepted(exchange.change("B", kind="3"))
    assert accepted(exchange.release("A"))
    exchange.unit()
    assert exchange.queue() == [("B", "3")]


def test_a_withdrawn_unit_holds_what_comes_and_keeps_what_stands(exchange: Exchange) -> None:
    exchange.unit()
    exchange.seize("A", "2020-12-10")
    exchange.unit("WITHDRAWN")
    exchange.seize("B", "2020-12-09")
    assert accepted(exchange.change("A", scope="另一范围"))
    assert (exchange.status("A"), exchange.status("B")) == ("EFFECTIVE", "HELD")
    assert accepted(exchange.release("A", "WHOLE"))
    assert exchange.status("B") == "HELD"


# -- a contract or realty unit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [BY_CONTRACT, BY_UNIT])
def test_nobody_knows_the_target(exchange: Exchange, target: dict[str, Any]) -> None:
    verdict = exchange.seize("A", "2020-12-10", **target)
    assert bound(exchange) == ("HELD", None, None, None)
    assert (verdict.requests, verdict.handed_over) == ((), {})
    assert exchange.workspace.claims(HOUSE) == {}


@pytest.mark.parametrize("target", [BY_CONTRACT, BY_UNIT])
def test_the_target_is_known_already(exchange: Exchange, target: dict[str, Any]) -> None:
    exchange.unit(realty_unit_no=UNIT_NO)
    sell(exchange)
    verdict = exchange.seize("A", "2020-12-10", **target)
    assert deeds(verdict.emissions) == [("A", "SEIZED")]
    assert verdict.emissions[0].status == "HELD"
    assert verdict.handed_over == {EntityKey("seizure", "A"): HOUSE}
    assert bound(exchange) == BOUND
    assert exchange.queue() == [("A", "1")]
    assert deeds(exchange.emissions) == [("A", "SEIZED"), ("A", "BOUND")]
    assert exchange.conflicts() == [("SEIZED_UNIT_SOLD", ["A", "S"])]
    assert exchange.workspace.entities[EntityKey("seizure", "A")].slot == slot_of(HOUSE, SLOTS)


@pytest.mark.parametrize("target", [BY_CONTRACT, BY_UNIT])
def test_the_target_becomes_known_later(exchange: Exchange, target: dict[str, Any]) -> None:
    exchange.seize("A", "2020-12-10", **target)
    exchange.unit(realty_unit_no=UNIT_NO)
    sell(exchange, baseline=True)
    assert bound(exchange) == BOUND
    assert deeds(exchange.emissions) == [("A", "SEIZED"), ("A", "BOUND")]
    # The seizure's own slot is asked first and asks the house's slot in turn.
    asked = [request.body["house_code"] for request, _ in exchange.asked if request.subject == "seizure"]
    assert asked == [None, HOUSE]


def test_one_that_is_bound_takes_its_place_by_service(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    exchange.seize("C", "2020-12-12", **BY_CONTRACT)
    exchange.unit()
    exchange.seize("B", "2020-12-11")
    sell(exchange, baseline=True)
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "2")]
    assert ("SEIZURE_ORDER", ["A", "B"]) in exchange.conflicts()


def test_a_contract_on_a_house_that_nobody_registered(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    sell(exchange, baseline=True)
    assert bound(exchange) == ("HELD", HOUSE, HOUSE, HOUSE)
    exchange.unit()
    assert bound(exchange) == BOUND
    assert deeds(exchange.emissions) == [("A", "SEIZED"), ("A", "BOUND"), ("A", "BOUND")]


def test_a_withdrawn_unit_is_no_realty_unit(exchange: Exchange) -> None:
    exchange.unit(realty_unit_no=UNIT_NO)
    exchange.unit("WITHDRAWN")
    exchange.seize("A", "2020-12-10", **BY_UNIT)
    assert bound(exchange) == ("HELD", None, None, None)


def test_another_number_finds_nothing(exchange: Exchange) -> None:
    exchange.unit(realty_unit_no="411402001003GB00012F00010204")
    exchange.seize("A", "2020-12-10", **BY_UNIT)
    sell(exchange)
    assert exchange.status("A") == "HELD"
    exchange.unit("CHANGED", realty_unit_no=UNIT_NO)
    assert bound(exchange) == BOUND


def test_a_corrected_target_is_found(exchange: Exchange) -> None:
    exchange.unit()
    sell(exchange)
    exchange.seize("A", "2020-12-10", house_code=None, contract_no="HT-2020-9999")
    assert exchange.status("A") == "HELD"
    exchange.change("A", contract_no=CONTRACT)
    assert bound(exchange) == BOUND


def test_what_was_released_in_the_meantime_is_not_bound(exchange: Exchange) -> None:
    exchange.unit()
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    exchange.release("A")
    sell(exchange)
    assert exchange.status("A") == "RELEASED"
    assert exchange.queue() == []


def test_a_request_that_comes_again_does_no_harm(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    exchange.unit()
    sell(exchange)
    first, second = [request for request, _ in exchange.asked if request.subject == "seizure"]
    for request in (first, second):
        again = exchange.decide("internal", "seizure", request.body | {"event_id": str(EVENT)})
        assert again.emissions == ()
    assert exchange.queue() == [("A", "1")]


EVENT = "5f6e3e53-6f2c-4c83-9d0e-6f3c5f1d2a11"


# -- whom it is keyed by --------------------------------------------------------------------------------------------


def test_once_bound_it_is_keyed_by_its_house(exchange: Exchange) -> None:
    exchange.unit()
    sell(exchange)
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    refused = exchange.send("seizure", "CHANGED", "A", house_code=None)
    assert codes(refused) == ["REKEY"]
    assert accepted(exchange.send("seizure", "CHANGED", "A", house_code=HOUSE))
    assert bound(exchange) == BOUND


def test_until_then_it_is_keyed_by_itself(exchange: Exchange) -> None:
    # In four slots these two keys lie apart.
    assert slot_of("A", SLOTS) != slot_of(HOUSE, SLOTS)
    exchange.unit()
    exchange.seize("A", "2020-12-10", **BY_CONTRACT)
    assert codes(exchange.send("seizure", "CHANGED", "A", house_code=HOUSE)) == ["STILL_HELD"]
