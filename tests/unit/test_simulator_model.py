"""The model alone, over histories written by hand from the domain page (2.5 lifecycle, 5.1 banks) and the version rules."""

from uuid import UUID, uuid5

import pytest

from producers.simulator.ledger import Ledger
from producers.simulator.model import Model
from producers.simulator.model_words import Decided, Expected, Revision
from tests.unit.simulator_history import FUND, ICBC, History


def test_a_sale_from_draft_to_title() -> None:
    history = (
        History()
        .unit()
        .sale("DRAFTED", 1)
        .sale("SIGNED", 2)
        .sale("FILED", 3)
        .sale("AMENDED", 4)
        .sale("COMPLETED", 5)
    )
    assert history.words() == [
        "ACCEPTED 1",
        "ACCEPTED 1",
        "ACCEPTED 2",
        "ACCEPTED 3",
        "ACCEPTED 4",
        "ACCEPTED 5",
    ]


@pytest.mark.parametrize(
    ("path", "then"),
    [
        ([], "FILED"),
        (["SIGNED"], "AMENDED"),
        (["SIGNED"], "CANCELLED"),
        (["SIGNED", "FILED"], "VOIDED"),
        (["SIGNED", "FILED"], "FILED"),
        (["SIGNED", "FILED", "COMPLETED"], "CANCELLED"),
        (["SIGNED", "FILED", "REVOKED"], "AMENDED"),
        (["SIGNED", "VOIDED"], "FILED"),
        (["DRAFTED"], "FILED"),
    ],
)
def test_steps_that_the_lifecycle_forbids(path: list[str], then: str) -> None:
    history = History().unit()
    for version, event_type in enumerate([*path, then], start=1):
        history.sale(event_type, version)
    assert history.words()[-1] == "ILLEGAL_TRANSITION"


def test_a_refused_step_uses_its_version_up() -> None:
    history = History().unit().sale("SIGNED", 1).sale("COMPLETED", 2).sale("FILED", 2).sale("FILED", 3)
    assert history.words() == ["ACCEPTED 1", "ACCEPTED 1", "ILLEGAL_TRANSITION", "STALE", "ACCEPTED 2"]


def test_the_same_bytes_are_a_duplicate_whatever_the_first_answer_was() -> None:
    history = (
        History().unit().sale("SIGNED", 1).sale("COMPLETED", 2).sale("FILED", 9).again(1).again(2).again(3)
    )
    assert history.words()[4:] == ["DUPLICATE", "DUPLICATE", "DUPLICATE"]


def test_an_event_id_with_other_bytes_is_refused_and_uses_nothing_up() -> None:
    event_id = str(UUID(int=77))
    history = (
        History()
        .unit()
        .sale("SIGNED", 1, event_id=event_id)
        .sale("FILED", 2, event_id=event_id)
        .sale("FILED", 2)
    )
    assert history.words() == ["ACCEPTED 1", "ACCEPTED 1", "EVENT_ID_REUSED", "ACCEPTED 2"]


def test_event_ids_of_two_principals_do_not_meet() -> None:
    event_id = str(UUID(int=77))
    history = History().unit().sale("SIGNED", 1, event_id=event_id).mortgage("SIGNED", 1, event_id=event_id)
    assert history.words() == ["ACCEPTED 1", "ACCEPTED 1", "ACCEPTED 1"]


def test_stale_and_gap() -> None:
    history = History().unit().sale("SIGNED", 1).sale("FILED", 3).sale("SIGNED", 1).sale("FILED", 2)
    assert history.words() == ["ACCEPTED 1", "ACCEPTED 1", "VERSION_GAP", "STALE", "ACCEPTED 2"]


def test_a_first_version_above_one_is_a_gap_and_makes_no_entity() -> None:
    history = History().unit().sale("SIGNED", 2).sale("SIGNED", 1)
    assert history.words() == ["ACCEPTED 1", "VERSION_GAP", "ACCEPTED 1"]


def test_a_unit_is_sold_once() -> None:
    history = (
        History()
        .unit()
        .sale("SIGNED", 1)
        .sale("SIGNED", 1, "S2")
        .sale("DRAFTED", 1, "S3")
        .sale("SIGNED", 2, "S3")
    )
    assert history.words()[2:] == ["UNIT_ALREADY_SOLD", "ACCEPTED 1", "UNIT_ALREADY_SOLD"]


@pytest.mark.parametrize("ending", ["CANCELLED", "REVOKED", "COMPLETED"])
def test_a_unit_is_free_again_when_its_sale_has_ended(ending: str) -> None:
    history = History().unit().sale("SIGNED", 1).sale("FILED", 2).sale(ending, 3).sale("SIGNED", 1, "S2")
    assert history.words()[-1] == "ACCEPTED 1"


def test_a_lease_and_a_mortgage_do_not_keep_a_sale_away() -> None:
    history = (
        History().unit().add("bureau", "lease", "SIGNED", "L1", 1).mortgage("SIGNED", 1).sale("SIGNED", 1)
    )
    assert history.words() == ["ACCEPTED 1"] * 4


def test_contracts_need_a_unit_that_is_registered_and_not_withdrawn() -> None:
    history = History().sale("SIGNED", 1).unit().sale("SIGNED", 2).add("bureau", "unit", "WITHDRAWN", "H1", 2)
    history.sale("FILED", 3).sale("VOIDED", 4).add("bureau", "lease", "SIGNED", "L1", 1)
    assert history.words() == [
        "UNIT_UNKNOWN",
        "ACCEPTED 1",
        "ACCEPTED 1",
        "ACCEPTED 3",  # after the unit was restated as sold
        "UNIT_UNKNOWN",
        "ACCEPTED 2",  # a contract may always end
        "UNIT_UNKNOWN",
    ]


def test_seizures_and_titles_need_no_unit() -> None:
    history = (
        History().add("court", "seizure", "SEIZED", "Z1", 1).add("registry", "title", "REGISTERED", "T1", 1)
    )
    assert history.words() == ["ACCEPTED 1", "ACCEPTED 1"]


def test_a_filing_number_stays_through_all_that_follows() -> None:
    history = History().unit().sale("SIGNED", 1).sale("FILED", 2).sale("AMENDED", 3, filing_no="备2")
    history.sale("COMPLETED", 4, filing_no="备3").sale("AMENDED", 5)
    assert history.words()[3:] == ["FILING_NO_CHANGED", "FILING_NO_CHANGED", "ACCEPTED 3"]


def test_the_status_must_go_with_the_event() -> None:
    history = History().unit().sale("SIGNED", 1, contract_status="FILED").sale("SIGNED", 2)
    assert history.words() == ["ACCEPTED 1", "STATUS_MISMATCH", "ACCEPTED 1"]


def test_who_may_say_what() -> None:
    history = History().unit().mortgage("SIGNED", 1)
    history.mortgage("SIGNED", 2, source="bank.ccb")
    history.add("tax", "sale", "SIGNED", "S9", 1)
    history.mortgage("FILED", 2, by="bank.ccb")
    history.mortgage("FILED", 2, house="H2")
    history.mortgage("FILED", 2)
    assert history.words()[2:] == [
        "SOURCE_MISMATCH",
        "EVENT_NOT_PERMITTED",
        "FOREIGN_ENTITY",
        "UNIT_CHANGED",
        "ACCEPTED 2",
    ]


def test_a_field_fault_uses_the_version_up_and_makes_the_entity() -> None:
    history = History().unit().sale("SIGNED", 1, dirt="bad_citizen_id").sale("SIGNED", 1).sale("SIGNED", 2)
    history.mortgage("SIGNED", 1, dirt="bad_citizen_id").mortgage("SIGNED", 2, by="fund")
    assert history.words()[1:] == [
        "BAD_CITIZEN_ID",
        "STALE",
        "ACCEPTED 1",
        "BAD_CITIZEN_ID",
        "FOREIGN_ENTITY",
    ]


def test_a_field_fault_is_found_only_where_identity_and_version_are_right() -> None:
    history = (
        History()
        .unit()
        .sale("SIGNED", 1)
        .sale("FILED", 1, dirt="bad_citizen_id")
        .sale("FILED", 3, dirt="bad_area")
    )
    assert history.words()[2:] == ["STALE", "VERSION_GAP"]


def test_a_warning_does_not_refuse() -> None:
    judged = History().unit().sale("SIGNED", 1, dirt="uscc_check").judged()[-1]
    assert (judged.outcome, judged.codes, judged.revision) == ("ACCEPTED", {"USCC_CHECK"}, 1)


def test_junk_is_quarantined_each_time_and_leaves_no_trace() -> None:
    history = History().unit().junk("bad_magic").again(1).junk("truncated").sale("SIGNED", 1)
    assert [item.outcome for item in history.judged()] == [
        "ACCEPTED",
        "QUARANTINED",
        "QUARANTINED",
        "QUARANTINED",
        "ACCEPTED",
    ]


def test_listings_households_and_watches_go_their_ways() -> None:
    history = History().add("court", "defaulter", "LISTED", "D1", 1, house=None)
    history.add("court", "defaulter", "REMOVED", "D1", 2, house=None).add(
        "court", "defaulter", "CHANGED", "D1", 3, house=None
    )
    history.add("civil", "household", "RECORDED", "F1", 1, house=None)
    history.add("police", "household", "CHANGED", "F1", 2, house=None)
    history.add("court", "watch", "CLOSED", "W1", 1, house=None)
    assert history.words() == [
        "ACCEPTED 1",
        "ACCEPTED 2",
        "ILLEGAL_TRANSITION",
        "ACCEPTED 1",
        "FOREIGN_ENTITY",
        "ILLEGAL_TRANSITION",
    ]


# --- who is interested ----------------------------------------------------------------------------------------------


def contracts(item: Expected) -> list[Revision]:
    """What came of a decision for the contracts themselves."""
    return [revision for revision in item.revisions if revision.subject in ("sale", "mortgage")]


def filed_sale(**more: str) -> History:
    return History().unit().sale("SIGNED", 1, **more).sale("FILED", 2, **more)


def test_the_lender_that_a_sale_names_is_interested_from_the_first() -> None:
    revision = filed_sale(lender_uscc=ICBC).judged()[1].revisions[0]
    assert (revision.interested, revision.interested_before) == (("bank.icbc",), ())


def test_a_mortgage_makes_its_lender_interested_in_the_sale() -> None:
    history = filed_sale(lender_uscc=ICBC).mortgage("SIGNED", 1, FUND, by="fund")
    own, sale = contracts(history.judged()[-1])
    assert own.interested == ("fund",)
    assert (sale.subject, sale.entity_id, sale.revision, sale.event_type) == (
        "sale",
        "S1",
        3,
        "INTEREST_CHANGED",
    )
    assert (sale.status, sale.interested, sale.interested_before) == (
        "FILED",
        ("bank.icbc", "fund"),
        ("bank.icbc",),
    )
    assert sale.event_id == str(uuid5(UUID(int=4), "S1:INTEREST_CHANGED"))


def test_the_lender_leaves_when_the_mortgage_ends() -> None:
    history = filed_sale().mortgage("SIGNED", 1).mortgage("FILED", 2).mortgage("CANCELLED", 3)
    signed, filed, cancelled = history.judged()[3:]
    assert len(contracts(signed)) == 2
    assert len(contracts(filed)) == 1  # nothing changes by the filing
    assert (cancelled.revisions[1].interested, cancelled.revisions[1].interested_before) == (
        (),
        ("bank.icbc",),
    )


def test_no_revision_where_the_lender_was_named_already() -> None:
    history = filed_sale(lender_uscc=ICBC).mortgage("SIGNED", 1)
    assert len(contracts(history.judged()[-1])) == 1


def test_a_draft_is_no_stake() -> None:
    history = filed_sale().mortgage("DRAFTED", 1)
    assert len(contracts(history.judged()[-1])) == 1


def test_a_mortgage_of_another_sale_or_of_an_unknown_bank_interests_nobody() -> None:
    history = filed_sale().mortgage("SIGNED", 1, sale_contract_no="S7")
    history.mortgage("SIGNED", 1, "91411403MA40000047", by="bureau", entity="M2")
    assert [len(contracts(item)) for item in history.judged()[3:]] == [1, 1]


def test_a_sale_that_has_ended_gets_no_revision() -> None:
    history = filed_sale().sale("COMPLETED", 3).mortgage("SIGNED", 1)
    assert len(contracts(history.judged()[-1])) == 1


def test_the_next_revision_of_the_sale_carries_the_present_set() -> None:
    history = History().unit().mortgage("SIGNED", 1).sale("SIGNED", 1).mortgage("VOIDED", 2).sale("FILED", 2)
    signed, voided, filed = history.judged()[2:]
    assert (signed.revisions[0].interested, signed.revision) == (("bank.icbc",), 1)
    assert voided.revisions[1].revision == 2
    assert (filed.revision, filed.revisions[0].interested, filed.revisions[0].interested_before) == (
        3,
        (),
        (),
    )


def test_bytes_that_were_never_sent_are_an_error() -> None:
    with pytest.raises(LookupError, match="not in the ledger"):
        Model(Ledger()).judge([Decided(0, 1, "intake.tax", 0, 0, "00")])
