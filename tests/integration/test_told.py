"""What the exchange itself tells departments, end to end: from an intake to the topics of those whom it concerns, and to
nobody else's."""

from datetime import UTC, datetime
from typing import Any

from tests.support.exchange import Exchange
from tests.support.story import Event, event, example, sold_house
from tests.support.told import told


def seizure_of(house: str, **changes: Any) -> Event:
    """A notice of seizure of a house, served now."""
    served = {"served_at": datetime.now(UTC), "start_date": None, "end_date": None}
    own = {"entity_id": f"Z-{house}", "house_code": house, "version": 1}
    return event("court", "seizure", example("seizure", "seized") | served | own | changes)


def again(sent: Event, **changes: Any) -> Event:
    """The same entity under a new event id and the next version."""
    return event(
        sent.principal, sent.subject, sent.record | {"version": sent.record["version"] + 1} | changes
    )


def test_a_refusal_because_of_a_seizure_is_told_to_the_court_and_the_bureau_once(exchange: Exchange) -> None:
    unit, signed, _ = sold_house()
    house, contract = unit.record["house_code"], signed.record["entity_id"]
    with told(exchange, "bureau", "court") as here:
        here.taken(unit, seizure_of(house, case_no="（2020）豫1402执7801号"))
        tries = [signed, again(signed), again(again(signed))]
        refused = here.sent(*tries)
        assert [d["outcome"] for d in refused] == ["REFUSED"] * 3
        assert [[e["topic"] for e in d["effects"]] for d in refused] == [["exchange.notice"], [], []]

        (notice,) = here.wait("dept.court.notice.v1", house_code=house)
        assert (notice["case_no"], notice["cause_entity_id"]) == ("（2020）豫1402执7801号", f"Z-{house}")
        assert (notice["about_subject"], notice["about_event_type"]) == ("sale", "SIGNED")
        assert notice["reasons"] == [{"code": "UNIT_SEIZED"}]
        assert "about_entity_id" not in notice

        (explained,) = here.wait("dept.bureau.notice.v1", house_code=house)
        assert explained["about_entity_id"] == contract
        assert explained["about_decision_id"] == refused[0]["decision_id"]
