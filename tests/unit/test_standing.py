"""The unit registry: sale status, restrictions with counts, the public word, and what departments feed back."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from broker.admission.model import Body, Claim, EntityKey, Request, Verdict
from broker.admission.standing import Standing, stand
from schemas.codelists import code_list
from tests.support.drafts import HOUSE, Exchange, accepted, codes
from tests.support.story import example

# -- pure ----------------------------------------------------------------------------------------------------------------


def claims(*described: tuple[str, str, str]) -> list[Claim]:
    """Claims by subject, status and kind."""
    return [
        Claim(EntityKey(subject, str(number)), status, beside=False, contract_no=None, kind=kind)
        for number, (subject, status, kind) in enumerate(described)
    ]


HEAD, PRE_HEAD = ("seizure", "EFFECTIVE", "1"), ("seizure", "EFFECTIVE", "3")
WAITING, PRE_WAITING = ("seizure", "WAITING", "2"), ("seizure", "WAITING", "4")
MORTGAGE, PRE_MORTGAGE, PROJECT = (("mortgage", "FILED", kind) for kind in ("41", "42", "43"))
LEASE, OBJECTION, NOTICE = (
    ("lease", "SIGNED", "31"),
    ("title", "ACTIVE", "OBJECTION"),
    ("title", "ACTIVE", "PRE_NOTICE"),
)
TITLE, TRANSFER = ("title", "ACTIVE", "TITLE"), ("title", "ACTIVE", "TRANSFER_COMPLETED")


@pytest.mark.parametrize(
    ("standing", "declared", "status"),
    [
        ([], None, "10"),
        ([], "00", "00"),
        ([], "20", "20"),
        ([("sale", "SIGNED", "11")], "10", "30"),
        ([("sale", "FILED", "11")], "20", "40"),
        ([("sale", "AMENDED", "11")], None, "40"),
        ([("sale", "FILED", "11"), ("sale", "SIGNED", "12")], None, "40"),
        ([TITLE], "10", "50"),
        ([TRANSFER], None, "50"),
        ([TITLE, ("sale", "SIGNED", "21")], "50", "30"),
        ([NOTICE, OBJECTION, LEASE, MORTGAGE, HEAD], "10", "10"),
        ([("conflict", "OPEN", "DOUBLE_SALE")], None, "10"),
    ],
)
def test_sale_status(standing: list[tuple[str, str, str]], declared: str | None, status: str) -> None:
    assert stand(claims(*standing), declared, ()).sale_status == status


@pytest.mark.parametrize(
    ("standing", "declared", "counts"),
    [
        ([], [], {}),
        ([HEAD, WAITING, WAITING], [], {"SEIZED": 1, "WAIT_SEIZED": 2}),
        ([PRE_HEAD, PRE_WAITING], [], {"PRE_SEIZED": 1, "WAIT_SEIZED": 1}),
        ([("seizure", "HELD", "")], [], {}),
        (
            [MORTGAGE, MORTGAGE, PRE_MORTGAGE, PROJECT],
            [],
            {"MORTGAGED": 2, "PROJECT_MORTGAGED": 1, "PRE_MORTGAGED": 1},
        ),
        ([LEASE, OBJECTION, NOTICE, TITLE], [], {"LEASED": 1, "OBJECTION": 1, "PRE_NOTICE": 1}),
        # What the exchange cannot know of stays as the source says, once each.
        ([], ["LOCKED", "DEMOLITION", "LOCKED"], {"LOCKED": 1, "DEMOLITION": 1}),
        ([], ["MORTGAGED", "MORTGAGED"], {"MORTGAGED": 1}),
        # What it does know of is counted by what stands, not once more.
        ([MORTGAGE, MORTGAGE], ["MORTGAGED", "RESIDENCE_RIGHT"], {"MORTGAGED": 2, "RESIDENCE_RIGHT": 1}),
        ([("conflict", "OPEN", "DOUBLE_SALE"), ("sale", "FILED", "11")], [], {}),
    ],
)
def test_restrictions_are_a_set_with_counts(
    standing: list[tuple[str, str, str]], declared: list[str], counts: dict[str, int]
) -> None:
    found = stand(claims(*standing), None, declared)
    assert dict(found.counts) == counts
    assert found.fields["restrictions"] == [
        item["restriction"] for item in found.fields["restriction_counts"]
    ]
    assert stand(reversed(claims(*standing)), None, reversed(declared)) == found


SHOWN_FIRST = [
    *("SEIZED", "PRE_SEIZED", "MORTGAGED", "PROJECT_MORTGAGED", "PRE_MORTGAGED", "PRE_NOTICE", "OBJECTION"),
    *("RESIDENCE_RIGHT", "LOCKED"),
]


def test_the_public_word_is_the_first_that_holds() -> None:
    for place in range(len(SHOWN_FIRST)):
        holding = tuple((name, 1) for name in reversed(SHOWN_FIRST[place:]))
        assert Standing("40", holding).public_status == SHOWN_FIRST[place]


@pytest.mark.parametrize("status", sorted(code_list("sale_status").codes))
@pytest.mark.parametrize("counts", [(), (("LEASED", 1),), (("WAIT_SEIZED", 2),)])
def test_without_any_it_is_that_of_the_sale(status: str, counts: Sequence[tuple[str, int]]) -> None:
    """A lease is for information, and a seizure that waits does so behind one in force."""
    assert Standing(status, tuple(counts)).public_status == status


# -- on the house ----------------------------------------------------------------------------------------------------------


class Registry(Exchange):
    """One house, and what its unit says after each record."""

    def tell(
        self, principal: str, subject: str, name: str, event_type: str, entity_id: str, **more: Any
    ) -> Verdict:
        known = self.workspace.entities.get(EntityKey(subject, entity_id))
        body: Body = (known.state if known else None) or example(subject, name)
        version = (known.highest_version if known else 0) + 1
        own = {"event_id": str(uuid.uuid4()), "event_type": event_type, "entity_id": entity_id}
        about = {"source": principal, "version": version, "house_code": HOUSE}
        verdict = self.decide(principal, subject, body | own | about | more)
        self.settle(verdict.requests)
        return verdict

    def sale(self, event_type: str) -> Verdict:
        own: Body = {
            "contract_status": event_type,
            "contract_kind": "12",
            "lender_uscc": None,
            "filing_no": None,
        }
        return self.tell("bureau", "sale", "presale", event_type, "S1", **own)

    def feedback(self, event_type: str = "REPORTED", entity_id: str = "F1", **more: Any) -> Verdict:
        return self.tell("police", "feedback", "residence-match", event_type, entity_id, **more)

    def shown(self) -> tuple[str, list[str], str]:
        state = self.state("unit", HOUSE)
        return state["sale_status"], state["restrictions"], state["public_status"]

    def events(self) -> list[tuple[str, int]]:
        return [(e.body["event_type"], e.revision) for e in self.emissions if e.key.subject == "unit"]


SAID: dict[str, Any] = {"sale_status": "10", "restrictions": ["LOCKED"]}
"""What the source says of the unit, which it says again in each of its records."""


@pytest.fixture
def town() -> Registry:
    town = Registry()
    assert accepted(town.unit(**SAID))
    return town


def test_a_units_own_revision_holds_both(town: Registry) -> None:
    town.seize("Z1", "2021-01-01")
    town.unit("CHANGED", sale_status="20", restrictions=["DEMOLITION"])
    state = town.state("unit", HOUSE)
    assert town.shown() == ("20", ["SEIZED", "DEMOLITION"], "SEIZED")
    assert (state["declared_sale_status"], state["declared_restrictions"]) == ("20", ["DEMOLITION"])
    assert town.events() == [("REGISTERED", 1), ("RESTATED", 2), ("CHANGED", 3)]


def test_a_source_cannot_say_what_is_the_exchanges(town: Registry) -> None:
    town.unit(
        "CHANGED",
        public_status="LOCKED",
        restriction_counts=[],
        declared_restrictions=["SEIZED"],
        reports=[{}],
    )
    state = town.state("unit", HOUSE)
    assert (state["declared_restrictions"], state["reports"]) == (["LOCKED"], None)
    assert state["restriction_counts"] == [{"restriction": "LOCKED", "count": 1}]


def test_a_units_word_follows_its_sale(town: Registry) -> None:
    shown = []
    for step in ("SIGNED", "FILED", "CANCELLED"):
        town.sale(step)
        shown.append(town.shown()[0])
    assert shown == ["30", "40", "10"]
    assert [name for name, _ in town.events()] == ["REGISTERED", *["RESTATED"] * 3]


def test_a_release_takes_back_what_a_seizure_brought(town: Registry) -> None:
    town.seize("Z1", "2021-01-01")
    town.seize("Z2", "2021-01-02")
    assert town.state("unit", HOUSE)["restriction_counts"] == [
        {"restriction": "SEIZED", "count": 1},
        {"restriction": "WAIT_SEIZED", "count": 1},
        {"restriction": "LOCKED", "count": 1},
    ]
    town.release("Z1")
    assert town.shown() == ("10", ["SEIZED", "LOCKED"], "SEIZED")
    town.release("Z2")
    assert town.shown() == ("10", ["LOCKED"], "LOCKED")


def test_nothing_is_restated_if_nothing_changed(town: Registry) -> None:
    town.seize("Z1", "2021-01-01")
    before = town.events()
    town.change("Z1", reason="另一原因")
    town.unit("CHANGED", room_no="102", **SAID)
    assert town.events() == [*before, ("CHANGED", 3)]


def test_an_unknown_unit_is_not_restated() -> None:
    town = Registry()
    town.seize("Z1", "2021-01-01")
    assert town.events() == []


def test_what_time_brings_about_is_restated_too(town: Registry) -> None:
    town.seize("Z1", "2021-01-01", start="2021-01-01", end="2021-01-31")
    town.at("2021-02-01T00:00").sweep()
    assert town.shown() == ("10", ["LOCKED"], "LOCKED")
    state = town.state("unit", HOUSE)
    assert (state["event_type"], state["revision"]) == ("RESTATED", 3)


def test_registration_and_a_second_sale(town: Registry) -> None:
    town.title("TITLE")
    assert town.shown()[0] == "50"
    town.sale("SIGNED")
    assert town.shown()[0] == "30"
    town.sale("VOIDED")
    assert town.shown()[0] == "50"
    town.title("TITLE", event_type="CANCELLED")
    assert town.shown()[0] == "10"


def test_a_withdrawn_unit_still_says_what_stands_on_it(town: Registry) -> None:
    town.seize("Z1", "2021-01-01")
    town.unit("WITHDRAWN", **SAID)
    assert town.shown() == ("10", ["SEIZED", "LOCKED"], "SEIZED")
    town.release("Z1")
    assert town.shown() == ("10", ["LOCKED"], "LOCKED")
    assert town.state("unit", HOUSE)["status"] == "WITHDRAWN"


def test_the_word_of_a_unit_from_before_is_its_sources(town: Registry) -> None:
    """Revisions of the first schema hold what the source said where the exchange's word stands now."""
    key = EntityKey("unit", HOUSE)
    own = dict.fromkeys(
        ("declared_sale_status", "declared_restrictions", "restriction_counts", "public_status")
    )
    old = town.state("unit", HOUSE) | own | {"sale_status": "20", "restrictions": ["MORTGAGED"]}
    town.workspace.entities[key] = town.workspace.entities[key].revised(old, "ACTIVE")
    town.seize("Z1", "2021-01-01")
    state = town.state("unit", HOUSE)
    assert town.shown() == ("20", ["SEIZED", "MORTGAGED"], "SEIZED")
    assert (state["declared_sale_status"], state["declared_restrictions"]) == ("20", ["MORTGAGED"])
    town.release("Z1")
    assert town.shown() == ("20", ["MORTGAGED"], "MORTGAGED")


# -- what departments feed back ----------------------------------------------------------------------------------------------


def reports(town: Registry) -> list[tuple[str, str, str | None]]:
    found = town.state("unit", HOUSE)["reports"] or ()
    return [(report["entity_id"], report["source"], report["result"]) for report in found]


def test_feedback_is_noted_mended_and_taken_off(town: Registry) -> None:
    town.feedback()
    assert reports(town) == [("F1", "police", "MATCHED")]
    town.feedback(entity_id="F2", result="NOT_MATCHED")
    town.feedback("CHANGED", result="NOT_MATCHED")
    assert sorted(reports(town)) == [("F1", "police", "NOT_MATCHED"), ("F2", "police", "NOT_MATCHED")]
    town.feedback("WITHDRAWN")
    assert reports(town) == [("F2", "police", "NOT_MATCHED")]
    assert [name for name, _ in town.events()] == ["REGISTERED", *["REPORTED"] * 4]


def test_a_report_has_its_source_its_kind_and_its_time(town: Registry) -> None:
    town.feedback()
    (report,) = town.state("unit", HOUSE)["reports"]
    body = example("feedback", "residence-match")
    assert report["reported_at"] == body["occurred_at"]
    assert report["feedback_kind"] == "RESIDENCE_MATCH"


def test_reports_stay_when_the_unit_changes(town: Registry) -> None:
    town.feedback()
    town.unit("CHANGED", room_no="102", **SAID)
    town.seize("Z1", "2021-01-01")
    assert reports(town) == [("F1", "police", "MATCHED")]


def test_the_house_is_asked_without_personal_data(town: Registry) -> None:
    verdict = town.feedback(explanation="与登记不一致")
    (request,) = verdict.requests
    body = request.body
    assert (request.subject, body["event_type"], body["house_code"]) == ("feedback", "NOTED", HOUSE)
    assert (body["parties"], body["proposed_value"], body["explanation"]) == ([], None, None)


def test_feedback_on_no_house_or_an_unknown_one_is_noted_nowhere() -> None:
    town = Registry()
    assert town.feedback(house_code=None).requests == ()
    town.feedback(entity_id="F2")
    assert [codes(answer) for _, answer in town.asked] == [["MOOT"]]


def test_the_same_request_again_is_a_duplicate(town: Registry) -> None:
    verdict = town.feedback()
    town.settle([Request(request.subject, request.body) for request in verdict.requests])
    assert [name for name, _ in town.events()] == ["REGISTERED", "REPORTED"]
