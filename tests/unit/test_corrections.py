"""Corrections: a report of a wrong record, its answer by whoever answers for it, and what the reporter hears."""

import uuid
from typing import Any

import pytest

from broker.admission.model import Body, EntityKey, Verdict
from schemas.catalogue import load_catalogue
from tests.support.drafts import HOUSE, Exchange, accepted, codes
from tests.support.story import example


class Desk(Exchange):
    """Departments that report, and those that answer."""

    def feedback(self, principal: str, event_type: str, name: str, **changes: Any) -> Verdict:
        known = self.workspace.entities.get(EntityKey("feedback", name))
        body: Body = (known.state if known else None) or example("feedback", "correction")
        own = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "entity_id": name,
            "source": principal,
            "version": (known.highest_version if known else 0) + 1,
            "house_code": HOUSE,
            "about_entity_id": HOUSE,
        }
        verdict = self.decide(principal, "feedback", body | own | changes)
        self.settle(verdict.requests)
        return verdict

    def report(self, principal: str = "tax", name: str = "R1", **changes: Any) -> Verdict:
        return self.feedback(principal, "REPORTED", name, **changes)

    def answer(self, result: str, principal: str = "bureau", name: str = "A1", **changes: Any) -> Verdict:
        event_type = "CHANGED" if EntityKey("feedback", name) in self.workspace.entities else "REPORTED"
        own: Body = {
            "answers_entity_id": "R1",
            "result": result,
            "explanation": "已核对",
            "about_revision": 2,
        }
        return self.feedback(principal, event_type, name, **(own | changes))

    def heard(self, name: str = "R1") -> list[tuple[str, str | None]]:
        """What became of a report, revision by revision."""
        bodies = [e.body for e in self.emissions if e.key == EntityKey("feedback", name)]
        return [(body["event_type"], body.get("answer")) for body in bodies]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    assert accepted(desk.unit())
    return desk


def test_the_bureau_hears_of_a_report_and_the_reporter_of_its_answer(desk: Desk) -> None:
    reported = desk.report()
    assert reported.emissions[0].body["interested"] == ["bureau", "tax"]
    assert accepted(desk.unit("CHANGED"))
    assert accepted(desk.answer("ACCEPTED"))
    assert desk.heard() == [("REPORTED", None), ("ANSWERED", "ACCEPTED")]
    report = desk.state("feedback", "R1")
    assert (report["source"], report["interested"], report["version"]) == ("tax", ["bureau", "tax"], 1)
    assert (report["answered_by"], report["answer_entity_id"], report["answer_revision"]) == (
        "bureau",
        "A1",
        2,
    )
    assert report["answer_explanation"] == "已核对"
    assert report["answered_at"] == desk.state("feedback", "A1")["occurred_at"]


def test_an_answer_may_be_changed_and_taken_back(desk: Desk) -> None:
    desk.report()
    desk.answer("REJECTED")
    desk.answer("ACCEPTED")
    desk.feedback("bureau", "WITHDRAWN", "A1")
    assert [answer for _, answer in desk.heard()] == [None, "REJECTED", "ACCEPTED", None]


def test_a_reporter_cannot_answer_itself_and_keeps_the_answer_when_it_changes_its_report(desk: Desk) -> None:
    desk.report(answer="ACCEPTED")
    assert desk.heard() == [("REPORTED", None)]
    desk.answer("REJECTED")
    desk.feedback("tax", "CHANGED", "R1", answer=None)
    assert desk.heard()[-1] == ("CHANGED", "REJECTED")


@pytest.mark.parametrize("principal", ["tax", "court", "bank.icbc", "registry"])
def test_only_who_answers_for_the_subject_may_answer(desk: Desk, principal: str) -> None:
    desk.report("police")
    refused = desk.answer("ACCEPTED", principal)
    assert codes(refused) == ["EVENT_NOT_PERMITTED"]
    assert refused.reasons[0].field == "answers_entity_id"
    assert desk.heard() == [("REPORTED", None)]


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        (
            {"about_subject": "seizure"},
            {},
        ),  # the court's to answer, whatever the answer says that it is about
        ({"feedback_kind": "TAX_PAID"}, {}),
        ({}, {"answers_entity_id": "R2"}),
    ],
)
def test_an_answer_that_fits_no_report_changes_nothing(desk: Desk, report: Body, answer: Body) -> None:
    desk.report(**report)
    assert accepted(desk.answer("ACCEPTED", **answer))
    assert desk.heard() == [("REPORTED", None)]
    assert codes(desk.asked[-1][1]) == ["MOOT"] or codes(desk.asked[-2][1]) == ["MOOT"]


def test_the_first_answer_stands_until_its_own_source_entity_changes_it(desk: Desk) -> None:
    desk.report()
    desk.answer("REJECTED")
    desk.answer("ACCEPTED", name="A2")
    assert [answer for _, answer in desk.heard()] == [None, "REJECTED"]


def test_a_withdrawn_report_is_not_answered(desk: Desk) -> None:
    desk.report()
    desk.feedback("tax", "WITHDRAWN", "R1")
    desk.answer("ACCEPTED")
    assert [event for event, _ in desk.heard()] == ["REPORTED", "WITHDRAWN"]


def test_other_feedback_is_between_its_source_and_whom_it_concerns(desk: Desk) -> None:
    paid = desk.report(feedback_kind="TAX_PAID")
    assert paid.emissions[0].body["interested"] == ["tax"]


def test_corrections_of_what_a_court_has_ordered_are_the_courts_to_answer(desk: Desk) -> None:
    desk.report(about_subject="seizure")
    assert desk.state("feedback", "R1")["interested"] == ["court", "tax"]
    assert accepted(desk.answer("ACCEPTED", "court", about_subject="seizure"))
    assert desk.heard()[-1] == ("ANSWERED", "ACCEPTED")


def test_every_subject_of_a_contract_or_unit_has_somebody_who_answers() -> None:
    catalogue = load_catalogue()
    for subject in ("project", "unit", "sale", "lease", "mortgage", "seizure", "defaulter", "title"):
        assert len(catalogue.answering(subject)) == 1
