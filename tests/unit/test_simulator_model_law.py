"""The model's rules, late conflicts and unit registry, over histories written by hand from the domain page (1.5, 2.5, 3.4)."""

from datetime import date, timedelta
from typing import Any

import pytest

from producers.simulator.model_words import Seen
from tests.unit.simulator_history import FUND, LI, NOON, WANG, ZHANG, History


def sold(**more: Any) -> History:
    return History().unit().sale("SIGNED", 1, **more)


# --- listed buyers ---------------------------------------------------------------------------------------------------


def listed(**terms: Any) -> History:
    return History().unit().listing("LISTED", 1, **terms)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({}, "LISTED_BUYER"),
        ({"list_type": "CONSUMPTION"}, "ACCEPTED 1"),
        ({"parties": (LI,)}, "ACCEPTED 1"),
        ({"expires_on": None}, "LISTED_BUYER"),
        ({"expires_on": date(2021, 6, 1)}, "LISTED_BUYER"),
        ({"expires_on": date(2021, 5, 31)}, "ACCEPTED 1"),
    ],
)
def test_whom_a_listing_keeps_from_buying(said: dict[str, Any], word: str) -> None:
    assert listed(**said).sale("SIGNED", 1).words()[-1] == word


def test_every_co_buyer_is_looked_at() -> None:
    assert listed().sale("SIGNED", 1, terms={"parties": (LI, ZHANG)}).words()[-1] == "LISTED_BUYER"


def test_one_listing_of_two_is_enough_and_removal_counts_at_once() -> None:
    history = listed().listing("LISTED", 1, "D2").listing("REMOVED", 2).sale("SIGNED", 1)
    history.listing("REMOVED", 2, "D2").sale("SIGNED", 2)
    assert [history.words()[at] for at in (-3, -1)] == ["LISTED_BUYER", "ACCEPTED 1"]


def alias(history: History, *parties: tuple[str, str], entity: str = "A1") -> History:
    return history.add("police", "alias", "LINKED", entity, 1, house=None, terms={"parties": parties})


def test_a_party_is_found_by_all_documents_that_are_linked_even_in_a_chain() -> None:
    history = alias(alias(listed(), ZHANG, LI), WANG, LI, entity="A2").sale(
        "SIGNED", 1, terms={"parties": (WANG,)}
    )
    history.add("police", "alias", "UNLINKED", "A1", 2, house=None, terms={"parties": (ZHANG, LI)})
    assert history.sale("SIGNED", 2, terms={"parties": (WANG,)}).words()[-3::2] == [
        "LISTED_BUYER",
        "ACCEPTED 1",
    ]


def test_an_amendment_is_refused_for_buyers_that_it_adds_and_an_ending_never() -> None:
    history = sold(terms={"parties": (LI,)}).sale("FILED", 2, terms={"parties": (LI,)}).listing("LISTED", 1)
    history.listing("LISTED", 1, "D2", parties=(LI,)).answer()
    history.sale("AMENDED", 3, terms={"parties": (LI,)}).sale("AMENDED", 4, terms={"parties": (LI, ZHANG)})
    history.sale("CANCELLED", 5, terms={"parties": (LI, ZHANG)})
    assert history.words()[-3:] == ["ACCEPTED 3", "LISTED_BUYER", "ACCEPTED 4"]


# --- seized units, permits, ranks, leases, changes -------------------------------------------------------------------


def test_a_seized_unit_is_neither_sold_nor_mortgaged_but_let() -> None:
    history = History().unit().seizure("SEIZED", 1, kind="3").sale("SIGNED", 1).mortgage("SIGNED", 1)
    history.add("bureau", "lease", "SIGNED", "L1", 1).sale("DRAFTED", 1, "S2").seizure("RELEASED", 2)
    history.sale("SIGNED", 2)
    assert history.words()[2:] == [
        *("UNIT_SEIZED", "UNIT_SEIZED", "ACCEPTED 1", "ACCEPTED 1"),
        *("ACCEPTED 2", "ACCEPTED 1"),
    ]


def test_all_that_stands_in_the_way_is_named() -> None:
    history = listed().seizure("SEIZED", 1).sale("SIGNED", 1, house="H9").sale("SIGNED", 1, "S2")
    assert history.words()[-2:] == ["LISTED_BUYER UNIT_UNKNOWN", "LISTED_BUYER UNIT_SEIZED"]


@pytest.mark.parametrize(
    ("permit", "word"),
    [
        (("P1", None, None), "ACCEPTED 1"),
        (("P1", NOON.date(), NOON.date()), "ACCEPTED 1"),
        (("P1", NOON.date() + timedelta(days=1), None), "NO_PRESALE_PERMIT"),
        (("P1", None, NOON.date() - timedelta(days=1)), "NO_PRESALE_PERMIT"),
        (("P2", None, None), "NO_PRESALE_PERMIT"),
    ],
)
def test_a_home_is_presold_under_a_permit_in_force(permit: tuple[Any, ...], word: str) -> None:
    terms = {"contract_kind": "11", "presale_permit_no": "P1"}
    project = History().add(
        "bureau", "project", "REGISTERED", "J1", 1, house=None, terms={"permits": (permit,)}
    )
    assert project.unit().sale("SIGNED", 1, terms=terms).words()[-1] == word


def test_a_withdrawn_project_permits_nothing() -> None:
    permits = {"permits": (("P1", None, None),)}
    history = History().unit().add("bureau", "project", "REGISTERED", "J1", 1, house=None, terms=permits)
    history.add("bureau", "project", "WITHDRAWN", "J1", 2, house=None, terms=permits)
    history.sale("SIGNED", 1, terms={"contract_kind": "11", "presale_permit_no": "P1"})
    assert history.words()[-1] == "NO_PRESALE_PERMIT"


def test_live_mortgages_have_ranks_of_their_own_and_a_sum_above_the_value_only_warns() -> None:
    history = History().unit().mortgage("SIGNED", 1, terms={"rank": 1})
    history.mortgage("SIGNED", 1, entity="M2", terms={"rank": 1})
    history.mortgage("SIGNED", 2, entity="M2", terms={"rank": 2, "appraisal_price": 199})
    history.mortgage("VOIDED", 2, terms={"rank": 1}).mortgage("SIGNED", 1, entity="M3", terms={"rank": 1})
    judged = history.judged()
    assert [history.words()[at] for at in (2, 3, 5)] == ["MORTGAGE_RANK_TAKEN", "ACCEPTED 1", "ACCEPTED 1"]
    assert judged[3].codes == {"MORTGAGE_OVER_VALUE"}


@pytest.mark.parametrize(
    ("end", "word"), [(date(2041, 6, 1), "ACCEPTED 1"), (date(2041, 6, 2), "LEASE_TOO_LONG")]
)
def test_a_lease_is_for_twenty_years_at_most(end: date, word: str) -> None:
    history = History().unit().add("bureau", "lease", "SIGNED", "L1", 1, terms={"lease_end": end})
    assert history.words()[-1] == word


@pytest.mark.parametrize("step", ["AMENDED", "CANCELLED"])
def test_a_sale_under_notice_or_mortgage_is_neither_amended_nor_cancelled(step: str) -> None:
    history = sold().sale("FILED", 2).mortgage("SIGNED", 1)
    history.title("REGISTERED", 1, title_kind="PRE_NOTICE", sale_contract_no="S1").sale(step, 3)
    history.mortgage("VOIDED", 2).sale(step, 4)
    history.title("CANCELLED", 2, title_kind="PRE_NOTICE", sale_contract_no="S1").sale(step, 5)
    assert [history.words()[at] for at in (-5, -3)] == [
        "CHANGE_UNDER_MORTGAGE CHANGE_UNDER_NOTICE",
        "CHANGE_UNDER_NOTICE",
    ]
    assert history.judged()[-1].outcome == "ACCEPTED"


def test_what_names_another_contract_does_not_bind_and_a_court_may_always_revoke() -> None:
    history = sold().sale("FILED", 2).title("REGISTERED", 1, title_kind="PRE_NOTICE", sale_contract_no="S7")
    history.sale("AMENDED", 3).mortgage("SIGNED", 1).sale("REVOKED", 4)
    assert {item.outcome for item in history.judged()[-3:]} == {"ACCEPTED"}


# --- stock data ------------------------------------------------------------------------------------------------------


def test_stock_data_is_taken_with_warnings_and_its_clashes_are_conflicts() -> None:
    history = sold().seizure("SEIZED", 1).listing("LISTED", 1).answer()
    history.sale("FILED", 7, "S2", baseline=True, filing_no="备2")
    judged = history.judged()[-1]
    assert judged.outcome == "ACCEPTED"
    assert judged.codes == {"UNIT_ALREADY_SOLD", "UNIT_SEIZED", "LISTED_BUYER"}
    assert history.last() == [
        "S2 FILED FILED",
        *(f"{kind} RAISED OPEN" for kind in ("DOUBLE_SALE", "SEIZED_UNIT_SOLD", "LISTED_BUYER")),
    ]


# --- late conflicts --------------------------------------------------------------------------------------------------


def test_a_seizure_of_a_sold_unit_is_a_conflict_until_one_side_ends() -> None:
    history = sold().seizure("SEIZED", 1)
    assert history.last() == ["Z1 SEIZED EFFECTIVE", "SEIZED_UNIT_SOLD RAISED OPEN"]
    history.seizure("CHANGED", 2)
    assert history.last() == ["Z1 CHANGED EFFECTIVE"], "it is raised once"
    assert history.sale("VOIDED", 2).last() == ["S1 VOIDED VOIDED", "SEIZED_UNIT_SOLD RESOLVED RESOLVED"]


def test_one_that_waits_clashes_when_it_takes_effect() -> None:
    history = sold().seizure("SEIZED", 1).seizure("SEIZED", 1, "Z2")
    assert history.last() == ["Z2 SEIZED WAITING"]
    assert history.seizure("RELEASED", 2).last() == [
        *("Z1 RELEASED RELEASED", "Z2 PROMOTED EFFECTIVE"),
        *("SEIZED_UNIT_SOLD RESOLVED RESOLVED", "SEIZED_UNIT_SOLD RAISED OPEN"),
    ]


def test_a_mortgage_on_a_unit_sold_by_another_contract() -> None:
    history = sold().mortgage("SIGNED", 1, FUND, by="fund", sale_contract_no="S7")
    assert history.last()[-1] == "MORTGAGE_ON_SOLD_UNIT RAISED OPEN"
    earlier = History().unit().mortgage("SIGNED", 1, sale_contract_no=None).sale("SIGNED", 1)
    assert earlier.mortgage("FILED", 2, sale_contract_no=None).last() == ["M1 FILED FILED"], "it stood before"


def test_a_listing_of_a_buyer_asks_the_house_of_his_sale() -> None:
    history = sold().listing("LISTED", 1)
    assert [(a.word.event_type, a.house) for a in history.judged()[-1].asked] == [("RAISED", "H1")]
    assert history.answer().last() == ["LISTED_BUYER RAISED OPEN"]
    history.listing("CHANGED", 2).answer()
    assert history.words()[-1] == "MOOT", "it is open already"
    assert history.listing("REMOVED", 3).answer().last() == ["LISTED_BUYER RESOLVED RESOLVED"]


def test_the_house_decides_by_what_stands_there_then() -> None:
    ended = sold().listing("LISTED", 1).sale("VOIDED", 2).answer()
    removed = sold().listing("LISTED", 1).listing("REMOVED", 2).answer()
    harmless = sold().listing("LISTED", 1, list_type="CONSUMPTION").answer()
    assert {history.words()[-1] for history in (ended, removed, harmless)} == {"MOOT"}


def test_an_alias_brings_a_listing_and_a_sale_together() -> None:
    history = sold(terms={"parties": (WANG,)}).listing("LISTED", 1)
    alias(alias(history, ZHANG, LI).answer(), LI, WANG, entity="A2")
    assert history.answer().last() == ["LISTED_BUYER RAISED OPEN"]


def test_a_listing_ends_by_its_last_day_and_resolves() -> None:
    history = sold().listing("LISTED", 1, expires_on=date(2021, 6, 30)).answer().later(days=60)
    history.listing("CHANGED", 2, expires_on=date(2021, 6, 30))
    assert (history.words()[-1], history.last()) == ("ILLEGAL_TRANSITION", ["D1 EXPIRED EXPIRED"])
    assert history.answer().last() == ["LISTED_BUYER RESOLVED RESOLVED"]
    assert history.listing("REMOVED", 3).words()[-1] == "ACCEPTED 3"


# --- the unit registry -----------------------------------------------------------------------------------------------


def restated(history: History) -> list[int]:
    """The records by which the unit was stated anew, counted from 0."""
    return [
        at
        for at, item in enumerate(history.judged())
        for revision in item.revisions
        if revision.event_type == "RESTATED"
    ]


def test_a_unit_is_stated_anew_when_it_stands_otherwise() -> None:
    history = sold().sale("FILED", 2).sale("AMENDED", 3).sale("COMPLETED", 4).title("REGISTERED", 1)
    assert restated(history) == [1, 2, 4, 5], "an amendment changes nothing"


def test_each_claim_counts_and_ends() -> None:
    history = History().unit().mortgage("SIGNED", 1).mortgage("FILED", 2).mortgage("SIGNED", 1, entity="M2")
    history.seizure("SEIZED", 1).seizure("SEIZED", 1, "Z2").seizure("RELEASED", 2, "Z2").mortgage(
        "VOIDED", 2, entity="M2"
    )
    assert restated(history) == [1, 3, 4, 5, 6, 7]


def test_what_the_source_declares_is_kept_and_no_revision_is_made_for_it() -> None:
    history = History().unit(restrictions=["MORTGAGED", "LOCKED"], sale_status="00")
    assert restated(history.mortgage("SIGNED", 1, terms={"contract_kind": "41"})) == []
    assert restated(history.mortgage("SIGNED", 1, entity="M2", terms={"contract_kind": "41"})) == [2]


def test_feedback_is_noted_on_its_unit_if_that_is_known() -> None:
    history = History().unit().add("tax", "feedback", "REPORTED", "F1", 1).answer()
    assert [r.event_type for r in history.judged()[-1].revisions] == ["REPORTED"]
    history.add("tax", "feedback", "REPORTED", "F2", 1, house="H9").answer()
    assert history.words()[-1] == "MOOT"


# --- what decisions say they saw -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "is_so"),
    [
        (Seen("defaulter", "D1", 1), True),
        (Seen("defaulter", "D1", 2), False),
        (Seen("defaulter", "D2", 1), False),
        (Seen("listed", "D2", None), True),
        (Seen("listed", "D1", None), False),
        (Seen("contract", "S1", None), True),
        (Seen("held", "contract:S1", None), False),
    ],
)
def test_a_decision_must_have_seen_what_was_there(seen: Seen, is_so: bool) -> None:
    history = listed().seizure("SEIZED", 1, house=None, contract_no="S1")
    place = history.sale("SIGNED", 1, "S2", terms={"parties": (LI,)}).order[-1]
    again = history.model.decide(place._replace(seen=(seen,)))
    assert again.unseen == (() if is_so else (seen,))
