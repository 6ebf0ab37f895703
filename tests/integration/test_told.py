"""What the exchange itself tells departments, end to end: from an intake to the topics of those whom it concerns, and to
nobody else's."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.errors import AccessDenied
from broker.protected import clear
from broker.topics import group_prefix
from consumers.subscription import Subscription
from tests.support.exchange import Exchange
from tests.support.story import Event, event, example, sold_house
from tests.support.told import told


def seizure_of(house: str, **changes: Any) -> Event:
    """A notice of seizure of a house, served now."""
    served = {"served_at": datetime.now(UTC), "start_date": None, "end_date": None}
    own = {"entity_id": f"Z-{house}", "house_code": house, "version": 1}
    return event("court", "seizure", example("seizure", "seized") | served | own | changes)


def watch_on(house: str | None, name: str, **changes: Any) -> Event:
    """A watch of a court's case, on a house or on the person of the golden example."""
    own: dict[str, Any] = {"entity_id": name, "house_code": house, "version": 1, "expires_on": None}
    parties = {"parties": []} if house else {}
    return event("court", "watch", example("watch", "opened") | own | parties | changes)


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


def test_a_watch_is_told_how_its_house_and_person_stand_and_what_changes_until_it_closes(
    exchange: Exchange,
) -> None:
    unit, signed, filed = sold_house()
    house, contract = unit.record["house_code"], signed.record["entity_id"]
    person = example("watch", "opened")["parties"][0]
    who = person | {"id_type": "3", "id_no": clear(f"E{house[-8:]}")}
    buyer = signed.record["parties"][1] | {"id_type": "3", "id_no": who["id_no"], "role": "BUYER"}
    seller = signed.record["parties"][0]
    named = [seller, buyer | {"share": None, "share_text": None, "co_ownership_code": None}]
    signed, filed = (Event(e.principal, e.subject, e.record | {"parties": named}) for e in (signed, filed))
    on_house, on_person = watch_on(house, f"GZ-H-{house}"), watch_on(None, f"GZ-P-{house}", parties=[who])
    topic = "dept.court.watch.v1"
    with told(exchange, "bureau", "court") as here:
        here.taken(unit, signed)
        here.taken(on_house, on_person)
        here.wait(topic, 2, entity_id=on_house.record["entity_id"], event_type="HIT")
        here.wait(topic, 1, entity_id=on_person.record["entity_id"], event_type="HIT")
        here.taken(filed)
        here.wait(topic, 2, entity_id=on_person.record["entity_id"], event_type="HIT")
        here.wait(topic, 2, entity_id=on_house.record["entity_id"], hit_subject="sale")
        here.taken(again(on_house, event_type="CLOSED"), seizure_of(house))
        here.wait("dept.court.seizure.v1", house_code=house)

        hits = [(v["hit_entity_id"], v["hit_revision"]) for v in here.read(topic, entity_id=f"GZ-P-{house}")]
        assert hits == [(None, None), (contract, 1), (contract, 2)]
        records = here.read(topic, entity_id=f"GZ-H-{house}")
        assert [r["revision"] for r in records] == list(range(1, len(records) + 1))
        assert records[-1]["status"] == "CLOSED"
        seen = [(r["hit_subject"], r["hit_revision"]) for r in records if r["event_type"] == "HIT"]
        assert [revision for subject, revision in seen if subject == "sale"] == [1, 2]
        assert "seizure" not in {subject for subject, _ in seen}
        assert all("parties" not in record for record in records)


def test_a_signal_reaches_the_lenders_desk_and_nobody_else(exchange: Exchange) -> None:
    unit, signed, filed = sold_house(lender_uscc="91411400MA4000012N")
    house = unit.record["house_code"]
    low = {"appraisal_price": signed.record["total_price"] * 2, "down_payment": None, "loan_amount": None}
    signed, filed = (Event(e.principal, e.subject, e.record | low) for e in (signed, filed))
    with told(exchange, "bureau") as here:
        here.taken(unit, signed, filed)
        (signal,) = here.wait("dept.bank.icbc.aml.signal.v1", kind="PRICE_DEVIATION", house_code=house)
        assert (signal["level"], signal["contract_no"]) == ("ALERT", signed.record["contract_no"])
        assert [(m["name"], m["unit"]) for m in signal["measures"]] == [("DEVIATION_RATIO", "RATIO")]
        here.wait("dept.bank.icbc.sale.v1", 2, house_code=house)
        assert here.read("dept.bank.ccb.aml.signal.v1", house_code=house) == []
    for other in ("bank.icbc", "bureau", "court", "bank.ccb.aml"):
        settings, topics = exchange.site.settings(other), ["dept.bank.icbc.aml.signal.v1"]
        curious = Subscription(settings, group_prefix(other) + "told", topics, dead_letters=False)
        with pytest.raises(AccessDenied):
            curious.run(lambda record: None, threading.Event())


def test_a_correction_is_answered_corrected_and_heard_of_by_its_reporter(exchange: Exchange) -> None:
    unit = sold_house()[0]
    house, name = unit.record["house_code"], f"FK-{unit.record['house_code']}"
    about = {
        "house_code": house,
        "about_entity_id": house,
        "about_revision": None,
        "field_path": "inner_area",
    }
    report = event("tax", "feedback", example("feedback", "correction") | about, entity_id=name, version=1)
    answer = {
        "entity_id": f"DF-{house}",
        "answers_entity_id": name,
        "result": "ACCEPTED",
        "proposed_value": None,
    }
    topic = "dept.tax.feedback.v1"
    with told(exchange, "bureau", "tax", "police") as here:
        here.taken(unit, report)
        (heard,) = here.wait("dept.bureau.feedback.v1", entity_id=name)
        assert (heard["field_path"], heard["proposed_value"]) == ("inner_area", "91.20")
        (refused,) = here.sent(event("police", "feedback", report.record | answer, version=1))
        assert [r["code"] for r in refused["reasons"]] == ["EVENT_NOT_PERMITTED"]

        corrected = again(unit, event_type="CHANGED")
        (decided,) = here.taken(corrected)
        said = {"explanation": "已按测绘成果更正", "about_revision": decided["revision"]}
        here.taken(event("bureau", "feedback", report.record | answer | said, version=1))
        (final,) = here.wait(topic, entity_id=name, event_type="ANSWERED")
        assert (final["answer"], final["answered_by"]) == ("ACCEPTED", "bureau")
        assert (final["answer_explanation"], final["answer_revision"]) == (
            "已按测绘成果更正",
            decided["revision"],
        )
        assert here.read("dept.police.feedback.v1", entity_id=name) == []
        assert here.read("dept.monitoring.feedback.v1", entity_id=name) == []
