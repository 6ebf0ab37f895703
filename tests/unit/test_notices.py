"""Notices: what a refusal because of a court's seizure or listing tells that court and the filer, once an attempt."""

from collections.abc import Sequence

import pytest

from broker.admission.model import Emission, EntityKey, Outcome
from broker.admission.notices import notice_id
from tests.support.drafts import HOUSE, accepted, codes
from tests.support.town import LI, ZHANG, ZHANG_BEFORE, Town


@pytest.fixture
def town() -> Town:
    town = Town()
    assert accepted(town.unit())
    return town


def issued(town: Town) -> Sequence[Emission]:
    return [e for e in town.emissions if e.key.subject == "notice"]


def test_a_listed_buyer_is_a_notice_to_court_and_bureau(town: Town) -> None:
    listing = town.list_(case_no="（2020）豫1402执55号").emissions[0]
    refused = town.sale("SIGNED")
    assert refused.outcome is Outcome.REFUSED
    (notice,) = refused.notices
    assert refused.revisions == (notice,)
    assert refused.revision is None
    body = notice.body
    assert body["interested"] == body["addressed_to"] == ["bureau", "court"]
    assert (body["cause_subject"], body["cause_entity_id"], body["cause_revision"]) == (*listing.key, 1)
    assert body["case_no"] == "（2020）豫1402执55号"
    assert (body["about_subject"], body["about_entity_id"]) == ("sale", "S1")
    assert (body["about_event_type"], body["about_decision_id"]) == ("SIGNED", refused.decision_id)
    assert (body["house_code"], body["issued_at"]) == (HOUSE, refused.recorded_at)
    assert [reason["code"] for reason in body["reasons"]] == ["LISTED_BUYER"]
    assert notice.key.entity_id == notice_id(EntityKey("sale", "S1"), EntityKey("defaulter", "L1"))


def test_a_seized_house_is_a_notice_to_the_seizing_court(town: Town) -> None:
    town.seize("Z1", "2021-01-01", case_no="（2020）豫1403执保7号")
    (notice,) = town.sale("SIGNED").notices
    assert (notice.body["cause_entity_id"], notice.body["case_no"]) == ("Z1", "（2020）豫1403执保7号")
    (other,) = town.mortgage("SIGNED").notices
    assert other.body["addressed_to"] == ["bank.icbc", "court"]
    assert other.body["about_subject"] == "mortgage"


def test_each_cause_has_its_own_and_reads_of_no_other(town: Town) -> None:
    town.seize("Z1", "2021-01-01")
    town.list_(ZHANG, "L1")
    town.list_(LI, "L2")
    notices = town.sale("SIGNED", buyers=(ZHANG, LI)).notices
    assert [n.body["cause_entity_id"] for n in notices] == ["Z1", "L1", "L2"]
    for notice in notices:
        seen = [e["entity_id"] for reason in notice.body["reasons"] for e in reason["evidence"]]
        assert seen == [notice.body["cause_entity_id"]]


def test_the_same_attempt_is_told_once_whatever_is_sent_again(town: Town) -> None:
    town.list_()
    assert len(town.sale("SIGNED").notices) == 1
    for _ in range(3):
        again = town.sale("SIGNED")
        assert codes(again) == ["LISTED_BUYER"]
        assert again.notices == ()
    assert len(town.sale("SIGNED", "S2").notices) == 1
    assert len(issued(town)) == 2


def test_a_later_cause_of_the_same_attempt_is_told(town: Town) -> None:
    town.list_()
    town.sale("SIGNED")
    town.seize("Z1", "2021-01-01")
    assert [n.body["cause_entity_id"] for n in town.sale("SIGNED").notices] == ["Z1"]


def test_a_listing_under_an_earlier_document_is_the_cause(town: Town) -> None:
    town.list_(ZHANG_BEFORE)
    town.link(ZHANG_BEFORE, ZHANG)
    (notice,) = town.sale("SIGNED").notices
    assert notice.body["cause_entity_id"] == "L1"
    assert notice.body["case_no"]


def test_an_amendment_that_adds_a_listed_buyer_is_an_attempt(town: Town) -> None:
    town.sale("SIGNED")
    town.sale("FILED")
    town.list_(LI)
    (notice,) = town.sale("AMENDED", buyers=(ZHANG, LI)).notices
    assert notice.body["about_event_type"] == "AMENDED"


def test_what_is_taken_or_refused_for_other_reasons_tells_no_court(town: Town) -> None:
    town.list_()
    assert accepted(town.sale("SIGNED", baseline=True))  # stock data are only warned of
    assert codes(town.sale("SIGNED", "S2", buyers=(LI,))) == ["UNIT_ALREADY_SOLD"]
    assert issued(town) == []
