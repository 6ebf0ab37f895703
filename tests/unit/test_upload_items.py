"""From the department's records to the standard's items, and what becomes of a filing that lacks one."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.routing.project import compile_projection
from consumers import monitoring
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription
from consumers.testing import MemoryExchange
from consumers.upload.filing import Filing, Key
from consumers.upload.items import SUBJECTS, items_of, missing_items, standard
from consumers.upload.ledger import Ledger, opened
from consumers.upload.running import read_until_quiet, send
from consumers.upload.standing import Standing, standing
from consumers.upload.target import NotAFiling, filing_from
from consumers.upload.terms import judge
from tests.support.story import EXAMPLES
from tests.support.uploading import Ends, quick_disk
from tests.unit.test_consumers_departments import GRANTS
from tests.unit.test_routing_records import filled, schema_of


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ends:
    quick_disk(monkeypatch)
    return Ends(tmp_path, f"sqlite:///{tmp_path}/received.db")


ROLES = {"sale": ("SELLER", "BUYER"), "lease": ("LESSOR", "LESSEE"), "mortgage": ("MORTGAGOR", "DEBTOR")}


def received(subject: str, **changes: Any) -> DepartmentRecord:
    grant = GRANTS[f"dept.monitoring.{subject}.v1"]
    record = filled(subject, county_code="411402")
    for party, role in zip(record.get("parties", []), ROLES.get(subject, ()), strict=True):
        party["role"] = role
    record |= changes
    value = compile_projection(schema_of(subject), grant)(record)
    assert value is not None
    return DepartmentRecord(grant.topic, 0, 0, "e1", 7, "FILED", value, left=False)


def example(subject: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / subject / "v1" / f"{name}.json").read_text())
    return found


def test_items_have_the_standards_names_and_json_types() -> None:
    items = filing_from(received("sale", filed_at=datetime(2026, 11, 25, 16, 30, tzinfo=UTC))).items
    assert items["HTBASJ"] == "2026-11-25T16:30:00Z"
    assert {"FWBM", "BDCDYDM", "HTBH", "HTJE", "XZQH"} <= items.keys()
    assert isinstance(items["HTJE"], str)
    assert not {"house_code", "total_price", "contract_no"} & items.keys()
    # The department is entitled to no name and no number, so none can leave.
    assert {name for party in items["parties"] for name in party} == {
        "role",
        "party_kind",
        "nationality",
        "home_ordinal",
    }


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_two_fields_share_an_item(subject: str) -> None:
    names = [item.name for item in standard(subject)]
    assert len(set(names)) == len(names)
    assert items_of(subject, received(subject).value).keys() == {*names, "XZQH"}


def test_a_day_is_that_of_china() -> None:
    late = received("unit", recorded_at=datetime(2026, 11, 25, 16, 0, tzinfo=UTC))
    assert (filing_from(late).day, filing_from(late).items["XZQH"]) == (
        "2026-11-26",
        late.value["region_code"],
    )
    none_of_its_own = received("unit", region_code=None)
    assert filing_from(none_of_its_own).items["XZQH"] == "411402"


@pytest.mark.parametrize(
    ("subject", "changes", "missing"),
    [
        ("sale", {"contract_status": "SIGNED", "filing_no": None, "filed_at": None}, ()),
        ("sale", {"contract_status": "FILED", "filing_no": None, "filed_at": None}, ("BABH", "HTBASJ")),
        ("sale", {"contract_kind": "11", "presale_permit_no": " "}, ("YSXKZH",)),
        ("sale", {"contract_kind": "21", "presale_permit_no": None, "payment_method": None}, ()),
        ("unit", {"gross_area": None, "inner_area": None}, ("JZMJ",)),
        ("mortgage", {"parties": []}, ("parties",)),
        ("project", {"presale_permits": []}, ()),
    ],
)
def test_what_a_record_lacks(subject: str, changes: dict[str, Any], missing: tuple[str, ...]) -> None:
    value = received(subject).value | changes
    assert missing_items(subject, value) == missing


def test_what_is_missing_within_a_list_is_named_with_it() -> None:
    value = received("lease").value
    value["parties"][1]["party_kind"] = None
    assert missing_items("lease", value) == ("parties.party_kind",)


@pytest.mark.parametrize("change", [{"recorded_at": None}, {"county_code": "411499"}, {"county_code": None}])
def test_what_has_no_day_or_county_is_no_filing(change: dict[str, Any]) -> None:
    record = received("sale")
    record.value.update(change)
    with pytest.raises(NotAFiling):
        filing_from(record)


# --- incomplete filings ---------------------------------------------------------------------------------------------


def incomplete(n: int) -> Filing:
    return Filing(Key("unit", f"u{n}", 1), "REGISTERED", "2026-11-25", "411402", {"FWBM": f"{n}"})


def stands(ends: Ends, **changes: Any) -> Standing:
    upload = ends.upload(**changes)
    with opened(upload.ledger, read_only=True) as db:
        return standing(db, upload.file, datetime.now(UTC).timestamp())


def test_an_incomplete_filing_is_withheld_and_counted_until_the_terms_change(ends: Ends) -> None:
    terms: dict[str, Any] = {"require": {"unit": ["BDCDYDM"]}}
    ends.send([incomplete(1), incomplete(2)], **terms)
    found = stands(ends, **terms)
    assert not ends.held()
    assert (found.withheld, found.unsent, found.is_well) == (2, 0, False)
    assert found.missing == {"unit": {"BDCDYDM": 2}}
    filled_in = terms | {"incomplete": "send", "placeholders": {"BDCDYDM": "/"}}
    ends.send([incomplete(1), incomplete(2)], **filled_in)
    found = stands(ends, **filled_in)
    assert (found.withheld, found.taken, found.timely, found.incomplete) == (0, 2, 2, 2)
    assert ends.store.figures("city.411402", "2026-11-25").count == 2


def test_an_item_without_a_placeholder_is_never_sent_empty(ends: Ends) -> None:
    terms = ends.upload(
        require={"unit": ["BDCDYDM", "ZCS"]}, incomplete="send", placeholders={"BDCDYDM": "/"}
    ).file
    judged = judge(incomplete(1), (), terms)
    assert (judged.filing, judged.missing) == (None, ("BDCDYDM", "ZCS"))


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.fixture
def exchange() -> MemoryExchange:
    made = MemoryExchange()
    for version in (1, 2, 3):
        made.put("sale", example("sale", "presale") | {"version": version})
    made.put("unit", example("unit", "registered"))
    return made


def read(exchange: MemoryExchange, ledger: Ledger) -> int:
    subscription = Subscription(exchange.servers("monitoring"), "monitoring-upload", monitoring.TOPICS)
    return read_until_quiet(subscription, ledger, threading.Event(), 0.05)


def test_topics_are_read_once_and_a_second_reading_goes_on(ends: Ends, exchange: MemoryExchange) -> None:
    for came in (4, 0):
        with ends.sender() as (ledger, upload, dispatcher):
            assert read(exchange, ledger) == came
            assert not send(ledger, upload, dispatcher).problems
    keys = kept_by(ends)
    assert keys == {("sale", 1): 1, ("sale", 2): 1, ("sale", 3): 1, ("unit", 1): 1}
    exchange.put("sale", example("sale", "presale") | {"version": 4})
    with ends.sender() as (ledger, upload, dispatcher):
        assert read(exchange, ledger) == 1
        send(ledger, upload, dispatcher)
    assert kept_by(ends) == keys | {("sale", 4): 1}


def test_a_ledger_that_lost_its_positions_reads_again_and_sends_nothing_twice(
    ends: Ends, exchange: MemoryExchange
) -> None:
    with ends.sender() as (ledger, upload, dispatcher):
        read(exchange, ledger)
        send(ledger, upload, dispatcher)
        ledger._db.exec_driver_sql("DELETE FROM position")
        ledger._db.commit()
        assert read(exchange, ledger) == 4
        assert not send(ledger, upload, dispatcher).published
    assert set(kept_by(ends).values()) == {1}


def kept_by(ends: Ends) -> dict[tuple[str, int], int]:
    return {(key.subject, key.revision): count for (_, key), count in ends.held().items()}
