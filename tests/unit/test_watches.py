"""Watches: what changes on a watched house or about a watched person is told to the watch once, in order, until it closes."""

import random
from typing import Any

import pytest

from broker.admission.model import EntityKey, Request, Verdict
from tests.support.drafts import HOUSE, accepted, codes, day
from tests.support.story import example
from tests.support.town import LI, ZHANG, ZHANG_BEFORE, Town

OTHER_HOUSE = "41140200120200600001201016"
Hit = tuple[str, str, int, str]


class Court(Town):
    """A town with a court that watches."""

    def watch(
        self,
        name: str = "W1",
        event_type: str = "OPENED",
        *,
        house: str | None = None,
        refs: tuple[str, ...] = (),
        until: str | None = None,
        settle: bool = True,
    ) -> Verdict:
        party = example("watch", "opened")["parties"][0]
        return self.tell(
            "watch",
            event_type,
            name,
            settle=settle,
            house_code=house,
            parties=[party | {"party_ref": ref} for ref in refs],
            expires_on=day(until),
        )

    def hits(self, name: str = "W1") -> list[Hit]:
        """What a watch was told, in order: subject, entity, revision, event."""
        fields = ("hit_subject", "hit_entity_id", "hit_revision", "hit_event_type")
        bodies = [e.body for e in self.emissions if e.key == EntityKey("watch", name)]
        return [tuple(b[f] for f in fields) for b in bodies if b["event_type"] == "HIT"]


@pytest.fixture
def court() -> Court:
    court = Court()
    assert accepted(court.unit())
    return court


def on(hits: list[Hit], subject: str) -> list[tuple[int, str]]:
    return [(revision, event) for what, _, revision, event in hits if what == subject]


def test_a_house_is_told_as_it_stands_and_then_as_it_changes(court: Court) -> None:
    court.sale("SIGNED")
    assert accepted(court.watch(house=HOUSE))
    assert court.hits() == [("unit", HOUSE, 2, "RESTATED"), ("sale", "S1", 1, "SIGNED")]
    court.sale("FILED")
    court.mortgage("SIGNED")
    court.seize("Z1", "2021-01-01")
    assert on(court.hits(), "sale") == [(1, "SIGNED"), (2, "FILED")]
    assert on(court.hits(), "mortgage") == [(1, "SIGNED")]
    assert on(court.hits(), "seizure") == [(1, "SEIZED")]
    assert [revision for revision, _ in on(court.hits(), "unit")] == [2, 3, 4, 5]


def test_a_hit_says_what_changed_and_carries_the_case(court: Court) -> None:
    court.watch(refs=(ZHANG,))
    signed = court.sale("SIGNED").emissions[0]
    watch = court.state("watch", "W1")
    assert watch["case_no"] == example("watch", "opened")["case_no"]
    assert (watch["event_type"], watch["revision"], watch["status"]) == ("HIT", 2, "OPEN")
    assert (watch["hit_house_code"], watch["hit_status"]) == (HOUSE, "SIGNED")
    assert watch["hit_recorded_at"] == signed.body["recorded_at"]


def test_a_person_is_told_in_every_role_but_not_those_who_only_handle_it(court: Court) -> None:
    template = example("sale", "presale")["parties"][0]
    for role, subject in (("SELLER", "sale"), ("LESSEE", "lease"), ("DEBTOR", "mortgage")):
        court.watch(role, refs=(role * 8,))
        if subject == "sale":
            court.sale("SIGNED", parties=[template | {"role": role, "party_ref": role * 8}])
            assert on(court.hits(role), "sale") == [(1, "SIGNED")]
    party = example("mortgage", "filed")["parties"][0]
    named = [party | {"role": r, "party_ref": r * 8} for r in ("DEBTOR", "MORTGAGEE")]
    court.watch("bank", refs=("MORTGAGEE" * 8,))
    court.mortgage("SIGNED", parties=named)
    assert on(court.hits("DEBTOR"), "mortgage") == [(1, "SIGNED")]
    assert court.hits("bank") == []


def test_what_stands_of_a_person_is_told_when_the_watch_opens(court: Court) -> None:
    court.sale("SIGNED", buyers=(ZHANG, LI))
    court.seize("Z1", "2021-01-01", debtors=[_debtor(ZHANG)])
    court.unit(house=OTHER_HOUSE)
    court.sale("SIGNED", "S2", buyers=(LI,), house_code=OTHER_HOUSE)
    court.watch(refs=(ZHANG,))
    assert sorted(court.hits()) == [("sale", "S1", 1, "SIGNED"), ("seizure", "Z1", 1, "SEIZED")]
    assert all(hit_house == HOUSE for hit_house in _houses(court))


def _houses(court: Court) -> list[Any]:
    return [e.body["hit_house_code"] for e in court.emissions if e.body["event_type"] == "HIT"]


def _debtor(ref: str) -> dict[str, Any]:
    debtor: dict[str, Any] = example("seizure", "seized")["debtors"][0]
    return debtor | {"party_ref": ref}


def test_a_person_is_the_same_under_an_earlier_document_linked_before_or_later(court: Court) -> None:
    court.link(ZHANG_BEFORE, ZHANG)
    court.watch("before", refs=(ZHANG_BEFORE,))
    court.sale("SIGNED")
    assert on(court.hits("before"), "sale") == [(1, "SIGNED")]
    court.watch("later", refs=(LI,))
    assert court.hits("later") == []
    court.link(LI, ZHANG_BEFORE, "B2")
    assert on(court.hits("later"), "sale") == [(1, "SIGNED")]
    court.sale("FILED")
    assert (
        on(court.hits("later"), "sale") == on(court.hits("before"), "sale") == [(1, "SIGNED"), (2, "FILED")]
    )


def test_what_the_exchange_does_to_a_seizure_is_told_of_its_debtor(court: Court) -> None:
    court.watch(refs=(ZHANG,))
    court.seize("Z1", "2021-01-01", debtors=[_debtor(LI)])
    court.seize("Z2", "2021-01-02", debtors=[_debtor(ZHANG)])
    court.release("Z1")
    assert on(court.hits(), "seizure") == [(1, "SEIZED"), (2, "PROMOTED")]


def test_a_buyer_who_is_amended_away_is_told_once_more_and_then_no_longer(court: Court) -> None:
    court.watch(refs=(ZHANG,))
    court.sale("SIGNED", buyers=(ZHANG, LI))
    court.sale("FILED", buyers=(ZHANG, LI))
    court.sale("AMENDED", buyers=(LI,))
    court.sale("AMENDED", buyers=(LI,))
    assert on(court.hits(), "sale") == [(1, "SIGNED"), (2, "FILED"), (3, "AMENDED")]


def test_a_closed_watch_and_one_whose_days_are_over_hear_nothing_more(court: Court) -> None:
    court.watch("open", house=HOUSE)
    court.watch("closed", house=HOUSE)
    court.watch("over", house=HOUSE, until="2021-01-31")
    court.watch("closed", "CLOSED", house=HOUSE)
    known = court.hits("over")
    court.at("2021-02-01")
    court.sale("SIGNED")
    assert on(court.hits("open"), "sale") == [(1, "SIGNED")]
    assert on(court.hits("closed"), "sale") == []
    assert court.hits("over") == known
    # Asked before it closed, decided after.
    request = Request("watch", next(r.body for r, _ in court.asked if r.body["event_type"] == "HIT"))
    late = court.decide("internal", "watch", request.body | {"entity_id": "closed", "event_id": _fresh()})
    assert codes(late) == ["MOOT"]


def _fresh() -> str:
    return "7b2d1c1e-9f5e-4b3a-8f30-0f5a3f0d9c11"


def test_a_watch_that_turns_to_something_else_is_told_how_that_stands(court: Court) -> None:
    court.watch(refs=(LI,))
    court.sale("SIGNED")
    assert court.hits() == []
    court.watch("W1", "CHANGED", refs=(ZHANG,))
    assert court.hits() == [("sale", "S1", 1, "SIGNED")]
    court.watch("W1", "CHANGED", refs=(ZHANG,), until="2029-01-01")  # the same person: nothing new
    court.sale("FILED")
    assert court.hits() == [("sale", "S1", 1, "SIGNED"), ("sale", "S1", 2, "FILED")]


@pytest.mark.parametrize("seed", range(12))
def test_each_revision_is_told_once_and_in_order_whatever_the_slots_interleave(seed: int) -> None:
    """What slots ask of each other arrives in each slot in its order, at any time, and perhaps twice."""
    rng, court = random.Random(seed), Court()
    court.unit()
    court.sale("SIGNED", settle=False)
    waiting: list[Request] = []
    doings = [
        lambda: court.watch(refs=(ZHANG,), settle=False),
        lambda: court.sale("FILED", settle=False),
        lambda: court.sale("AMENDED", settle=False),
        lambda: court.watch("W1", "CHANGED", refs=(ZHANG,), house=HOUSE, settle=False),
        lambda: court.sale("AMENDED", settle=False),
        lambda: court.link(ZHANG_BEFORE, ZHANG, settle=False),
    ]
    for do in doings:
        waiting += do().requests
        for _ in range(rng.randrange(3)):
            _one(court, rng, waiting)
    while waiting:
        _one(court, rng, waiting)
    told = on(court.hits(), "sale")
    assert told == sorted(set(told))
    assert told[-1] == (4, "AMENDED")
    revisions = [revision for revision, _ in told]
    assert revisions == list(range(revisions[0], 5))


def _one(court: Court, rng: random.Random, waiting: list[Request]) -> None:
    """The next request of one slot; now and then it comes again."""
    if not waiting:
        return
    kinds = list(dict.fromkeys(request.body["event_type"] for request in waiting))
    kind = rng.choice(kinds)
    request = next(one for one in waiting if one.body["event_type"] == kind)
    if rng.random() < 0.8:
        waiting.remove(request)
    waiting += court.decide("internal", request.subject, request.body).requests
