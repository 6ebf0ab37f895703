"""What each department makes of its records; they are projected by the shipped entitlements, so that an example that
reads a field to which its department is not entitled fails here."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from broker.routing.project import compile_projection
from consumers import aml, bank, bureau, court, fund, monitoring, police, reporter, tax
from consumers.records import DepartmentRecord
from schemas.entitlements import grants, load_entitlements
from tests.unit.test_entitlements import REPORTERS
from tests.unit.test_routing_records import filled, schema_of

GRANTS = {grant.topic: grant for grant in grants(load_entitlements())}
DAY = date(2020, 12, 1)


def received(topic: str, revision: int = 1, entity_id: str = "e1", **changes: Any) -> DepartmentRecord:
    grant = GRANTS[topic]
    interests = {"interested": [grant.department], "interested_before": []}
    record = filled(grant.subject, entity_id=entity_id, revision=revision, **(interests | changes))
    value = compile_projection(schema_of(grant.subject), grant)(record)
    assert value is not None
    left = value["event_type"] == "LEFT"
    return DepartmentRecord(topic, 0, revision, entity_id, revision, value["event_type"], value, left)


def person(role: str, name: str, id_no: str = "411499199003070015") -> dict[str, Any]:
    def sealed(text: str) -> dict[str, Any]:
        return {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}

    one: dict[str, Any] = filled("sale")["parties"][0]
    return one | {"role": role, "name": sealed(name), "id_type": "1", "id_no": sealed(id_no)}


def test_the_topics_of_the_examples_are_those_of_the_entitlements() -> None:
    names = ("bank.icbc", "bank.ccb")
    banks = [topic for name in names for topic in (*bank.topics(name), *aml.topics(f"{name}.aml"))]
    banks += [topic for name in REPORTERS for topic in reporter.topics(name)]
    examples = [m.TOPICS for m in (tax, court, police, fund, bureau, monitoring)]
    assert {topic for topics in examples for topic in topics} | set(banks) == set(GRANTS)


def test_tax_keeps_a_line_while_the_contract_is_filed() -> None:
    ledger = tax.PrefillLedger()
    parties = [person("SELLER", "甲"), person("BUYER", "乙"), person("AGENT", "丙")]
    sale: dict[str, Any] = {"contract_no": "C1", "parties": parties, "total_price": Decimal("800000.00")}
    ledger(received("dept.tax.sale.v1", 1, contract_status="SIGNED", **sale))
    assert list(ledger.lines) == []
    ledger(received("dept.tax.sale.v1", 2, contract_status="FILED", **sale))
    (line,) = ledger.lines
    assert (line.contract_no, line.total_price) == ("C1", Decimal("800000.00"))
    assert [(payer.role, payer.name) for payer in line.taxpayers] == [("SELLER", "甲"), ("BUYER", "乙")]
    ledger(received("dept.tax.sale.v1", 3, contract_status="CANCELLED", **sale))
    assert list(ledger.lines) == []
    ledger(received("dept.tax.sale.v1", 2, contract_status="FILED", **sale))
    assert list(ledger.lines) == []


DEAL: dict[str, Any] = {
    "contract_kind": "21",
    "county_code": "411402",
    "planned_use_code": "11",
    "gross_area": Decimal("89.50"),
    "total_price": Decimal("560000.00"),
    "filed_at": datetime(2020, 12, 2, 3, tzinfo=UTC),
    "title_date": date(2003, 6, 18),
    "prior_acquired_date": date(2003, 6, 18),
    "prior_deal_kind": "1",
}


def buyer(number: str | None, ordinal: int | None, count: int | None, id_no: str) -> dict[str, Any]:
    own = {"household_no": number, "home_ordinal": ordinal, "home_count": count, "share": None}
    return person("BUYER", "乙", id_no) | own | {"share_text": None, "party_kind": "1"}


def test_a_line_has_the_taxes_as_the_contract_declares_the_homes_and_its_end_takes_them_back() -> None:
    ledger = tax.PrefillLedger()
    couple = [buyer("J1", None, 1, "411499199003070015"), buyer("J1", 2, 1, "411499198511150025")]
    seller = person("SELLER", "甲", "411499196802291232") | {"party_kind": "1"}
    deal = DEAL | {"parties": [seller, *couple]}
    ledger(received("dept.tax.sale.v1", 2, contract_status="FILED", **deal))
    (line,) = ledger.lines
    # The couple's second home of at most 90 m²: 560000 × 1 %. Held over two years: no VAT.
    assert line.taxes.deed_tax.figure.value == Decimal("5600.00")
    assert line.taxes.vat.figure.value == 0
    assert line.taxes.income_tax.figure.missing == ("home count of a seller's household",)
    ledger(
        received("dept.tax.sale.v1", 3, contract_status="AMENDED", **deal | {"total_price": Decimal(600000)})
    )
    (line,) = ledger.lines
    assert line.taxes.deed_tax.figure.value == Decimal("6000.00")
    for _ in range(2):
        ledger(received("dept.tax.sale.v1", 4, contract_status="CANCELLED", **deal))
    assert list(ledger.lines) == []
    (back,) = ledger.reversals
    assert (back.reverses.revision, back.sale.revision) == (3, 4)
    assert [one.figure.value for one in back.taxes] == [Decimal("-6000.00"), 0]


def test_a_completed_sale_keeps_its_taxes_and_what_is_not_known_is_not_guessed() -> None:
    ledger = tax.PrefillLedger()
    deal = DEAL | {
        "parties": [buyer(None, None, None, "411499199003070015")],
        "gross_area": Decimal("118.00"),
    }
    ledger(received("dept.tax.sale.v1", 2, contract_status="FILED", **deal))
    (line,) = ledger.lines
    # A contract of the old stock may name no seller.
    assert line.taxes.vat.figure.missing == ("a party that pays it",)
    assert line.taxes.deed_tax.figure.missing == ("a party that pays it",)
    ledger(received("dept.tax.sale.v1", 3, contract_status="COMPLETED", **deal))
    assert list(ledger.lines) == [line]
    assert list(ledger.reversals) == []


def test_the_court_sees_what_stands_on_a_house() -> None:
    files = court.HouseFiles()
    files(received("dept.court.sale.v1", entity_id="s", contract_status="FILED", house_code="H1"))
    files(received("dept.court.lease.v1", entity_id="l", contract_status="CANCELLED", house_code="H1"))
    files(received("dept.court.mortgage.v1", entity_id="m", contract_status="FILED", house_code="H1"))
    files(received("dept.court.unit.v1", entity_id="u", house_code="H1", restrictions=["MORTGAGED"]))
    bound: dict[str, Any] = {
        "house_code": None,
        "bound_house_code": "H1",
        "status": "EFFECTIVE",
        "queue_place": 1,
    }
    files(received("dept.court.seizure.v1", entity_id="z", **bound))
    files(received("dept.court.seizure.v1", entity_id="y", **(bound | {"status": "RELEASED"})))
    contracts, restrictions, seizures = files.on_house("H1")
    assert {contract.subject for contract in contracts} == {"sale", "mortgage"}
    assert restrictions == {"MORTGAGED"}
    assert [seizure.queue_place for seizure in seizures] == [1]


def test_a_removed_listing_is_forgotten() -> None:
    files = court.HouseFiles()
    files(received("dept.court.defaulter.v1", 1, status="LISTED", case_no="（2020）豫1402执1号"))
    assert list(files.listings) == ["（2020）豫1402执1号"]
    files(received("dept.court.defaulter.v1", 2, status="REMOVED"))
    assert list(files.listings) == []


def test_a_judge_has_conflicts_to_settle_until_they_are_resolved() -> None:
    files = court.HouseFiles()
    side: dict[str, Any] = filled("conflict")["sides"][0]
    sides = [side | {"subject": name, "entity_id": name[0]} for name in ("seizure", "sale")]
    about: dict[str, Any] = {"house_code": "H1", "kind": "SEIZED_UNIT_SOLD", "sides": sides}
    files(received("dept.court.conflict.v1", 1, "c", status="OPEN", **about))
    files(received("dept.court.conflict.v1", 1, "d", status="OPEN", **(about | {"house_code": "H2"})))
    (found,) = files.to_settle("H1")
    assert (found.kind, found.sides) == ("SEIZED_UNIT_SOLD", (("seizure", "s"), ("sale", "s")))
    files(received("dept.court.conflict.v1", 2, "c", status="RESOLVED", **about))
    assert files.to_settle("H1") == []


def test_a_refused_attempt_is_found_by_its_case_and_the_bureau_can_explain_it() -> None:
    files, desk = court.HouseFiles(), bureau.Worklist()
    about: dict[str, Any] = {
        "house_code": "H1",
        "case_no": "（2020）豫1402执1号",
        "cause_subject": "seizure",
        "cause_entity_id": "z",
        "about_subject": "sale",
        "about_entity_id": "s",
        "about_event_type": "SIGNED",
    }
    for _ in range(2):  # a record may come again
        files(received("dept.court.notice.v1", 1, "n", **about))
        desk(received("dept.bureau.notice.v1", 1, "n", **about))
    (attempt,) = files.refused_for("（2020）豫1402执1号")
    assert (attempt.house_code, attempt.cause, attempt.tried) == ("H1", ("seizure", "z"), ("sale", "SIGNED"))
    assert files.refused_for("（2020）豫1402执2号") == []
    assert desk.cases_against("s") == {"（2020）豫1402执1号"}


def test_a_reporter_knows_what_became_of_its_corrections() -> None:
    reports, topic = reporter.Reports(), "dept.education.feedback.v1"
    about: dict[str, Any] = {"feedback_kind": "CORRECTION", "answers_entity_id": None, "status": "ACTIVE"}
    reports(received(topic, 1, answer=None, answer_revision=None, **about))
    assert len(reports.unanswered()) == 1
    reports(received(topic, 2, answer="ACCEPTED", answer_revision=3, **about))
    (report,) = reports.reports
    assert (report.answer, report.corrected_by) == ("ACCEPTED", 3)
    assert reports.unanswered() == []
    reports(received(topic, 1, "answer", **(about | {"answers_entity_id": "e1"})))
    assert list(reports.reports) == [report]


def test_a_desk_keeps_signals_while_the_bank_lends() -> None:
    desk, topic = aml.Desk(), "dept.bank.icbc.aml.signal.v1"
    measure: dict[str, Any] = filled("signal")["measures"][0]
    about: dict[str, Any] = {"kind": "PRICE_DEVIATION", "contract_no": "C1"}
    about["measures"] = [measure | {"name": "DEVIATION_RATIO", "value": Decimal("-0.25")}]
    desk(received(topic, 1, level="WARN", **about))
    assert desk.alerts() == []
    desk(received(topic, 2, level="ALERT", **about))
    (alert,) = desk.alerts()
    assert (alert.contract_no, alert.figures) == ("C1", (("DEVIATION_RATIO", Decimal("-0.25")),))
    desk(received(topic, 3, interested=[], interested_before=["bank.icbc.aml"]))
    assert list(desk.suspicions) == []


def test_the_police_know_who_lives_where_on_a_day() -> None:
    register = police.ResidenceRegister()
    occupant = filled("lease")["occupants"][0] | {"id_type": "1", "id_no": person("X", "x", "O")["id_no"]}
    lease: dict[str, Any] = {
        "contract_status": "FILED",
        "address": "甲路1号",
        "lease_start": date(2020, 1, 1),
        "lease_end": DAY,
        "parties": [person("LESSOR", "甲", "A"), person("LESSEE", "乙", "B")],
        "occupants": [occupant],
    }
    register(received("dept.police.lease.v1", **lease))
    register(
        received(
            "dept.police.sale.v1",
            entity_id="s",
            contract_status="FILED",
            parties=[person("BUYER", "丁", "D")],
        )
    )
    assert register.homes_of("1", "B", DAY) == ["甲路1号"]
    assert register.homes_of("1", "O", DAY) == ["甲路1号"]
    assert register.homes_of("1", "A", DAY) == []
    assert register.homes_of("1", "B", date(2020, 12, 2)) == []
    assert len(register.homes_of("1", "D", DAY)) == 1


def test_the_fund_knows_the_filed_rent() -> None:
    book = fund.FundBook()
    lease: dict[str, Any] = {
        "contract_status": "FILED",
        "rent_amount": Decimal("3000.00"),
        "rent_period": fund.QUARTERLY,
        "lease_start": date(2020, 1, 1),
        "lease_end": date(2021, 12, 31),
        "parties": [person("LESSOR", "甲", "A"), person("LESSEE", "乙", "B")],
    }
    book(received("dept.fund.lease.v1", **lease))
    assert book.filed_annual_rent("1", "B", DAY) == Decimal("12000.00")
    assert book.filed_annual_rent("1", "A", DAY) is None


def test_the_fund_forgets_a_contract_that_it_left() -> None:
    book = fund.FundBook()
    book(received("dept.fund.sale.v1", 1))
    assert len(book.contracts) == 1
    book(received("dept.fund.sale.v1", 2, interested=[], interested_before=["fund"]))
    assert len(book.contracts) == 0


@pytest.mark.parametrize(("invoiced", "least"), [(None, 900), (Decimal(700), 700), (Decimal(950), 900)])
def test_a_withdrawal_is_the_lowest_of_what_is_known(invoiced: Decimal | None, least: int) -> None:
    assert fund.withdrawal(Decimal(1000), invoiced, Decimal(900)) == least


def test_a_bank_is_warned_once_when_its_contract_falls_and_forgets_what_it_left() -> None:
    warned: list[bank.LoanContract] = []
    book = bank.LoanBook(warned.append)
    topic = bank.topics("bank.icbc")[0]
    book(received(topic, 1, contract_status="FILED"))
    fallen = received(topic, 2, contract_status="CANCELLED")
    book(fallen)
    book(fallen)
    assert [contract.status for contract in warned] == ["CANCELLED"]
    book(received(topic, 3, interested=[], interested_before=["bank.icbc"]))
    assert list(book.contracts) == []
    assert bank.loan_base(Decimal(5), Decimal(4)) == 4


def test_the_bureau_gets_its_tasks() -> None:
    work = bureau.Worklist()
    work(received("dept.bureau.conflict.v1", 1, "c", status="OPEN", kind="DOUBLE_SALE"))
    work(received("dept.bureau.feedback.v1", 1, "f", status="ACTIVE", feedback_kind="CORRECTION"))
    work(received("dept.bureau.feedback.v1", 1, "t", status="ACTIVE", feedback_kind="TAX_PAID"))
    assert {task.kind for task in work.tasks} == {"DOUBLE_SALE", "CORRECTION"}
    work(received("dept.bureau.conflict.v1", 2, "c", status="RESOLVED"))
    assert {task.kind for task in work.tasks} == {"CORRECTION"}


def test_the_bureau_knows_seized_houses_and_statuses() -> None:
    work = bureau.Worklist()
    work(
        received("dept.bureau.seizure.v1", 1, "z", status="EFFECTIVE", house_code="H1", bound_house_code=None)
    )
    assert work.is_seized("H1")
    work(received("dept.bureau.seizure.v1", 2, "z", status="RELEASED", house_code="H1"))
    assert not work.is_seized("H1")
    work(received("dept.bureau.sale.v1", 1, "s", contract_status="COMPLETED"))
    work(received("dept.bureau.title.v1", 1, "t"))
    assert list(work.statuses) == ["COMPLETED"]


def test_monitoring_counts_the_newest_states() -> None:
    figures = monitoring.MarketFigures()
    sale: dict[str, Any] = {
        "filed_at": datetime(2020, 12, 1, 17, tzinfo=UTC),
        "county_code": "411402",
        "gross_area": Decimal("90.00"),
    }
    topic = "dept.monitoring.sale.v1"
    figures(received(topic, 1, "a", contract_status="FILED", total_price=Decimal(100), **sale))
    figures(received(topic, 1, "b", contract_status="FILED", total_price=Decimal(50), **sale))
    figures(received(topic, 2, "a", contract_status="AMENDED", total_price=Decimal(120), **sale))
    figures(received(topic, 1, "c", contract_status="SIGNED", total_price=Decimal(1), **sale))
    ((cell, total),) = figures.by_day_and_county().items()
    # 17:00 in UTC is the next day in Shanghai.
    assert cell == (date(2020, 12, 2), "411402")
    assert (total.count, total.area, total.price) == (2, Decimal("180.00"), Decimal(170))
    figures(received(topic, 2, "b", contract_status="CANCELLED", **sale))
    assert figures.by_day_and_county()[cell].price == 120


def test_whom_a_revision_has_erased_is_nobody_to_the_examples() -> None:
    """Of a lease that has run out and of a household that goes on the record stays, without the person."""
    gone = {"key_id": "erased", "nonce": b"", "ciphertext": b""}
    nobody = person("LESSEE", "") | {"name": gone, "id_no": gone, "party_ref": None}
    register = police.ResidenceRegister()
    lease = {"contract_status": "FILED", "parties": [person("LESSOR", "甲"), nobody], "occupants": []}
    register(received("dept.police.lease.v1", event_type="PARTY_ERASED", address="一号", **lease))
    assert register.homes_of("1", "411499199003070015", DAY) == []
    bought = person("BUYER", "") | {"name": gone, "id_no": gone, "party_ref": None, "household_no": None}
    value = received("dept.tax.sale.v1", parties=[person("SELLER", "甲"), bought]).value
    assert [facts.refs for facts in tax.declared(value).buyers] == [frozenset()]
