"""Which fields of a record or an answer are a person's own, by how he stands in it; and how rows of the access log are linked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from broker.disclosed.shown import in_chinese, of_answer, of_record
from broker.disclosed.terms import of_question, of_topic, terms_of
from broker.query.access_chain import begun
from broker.query.access_log import COLUMNS, linked
from qianbei.audit import Report
from qianbei.audit.findings import Finding, Kind
from qianbei.audit.links import check_links
from schemas.derive import KEYS, LEFT
from schemas.installation import load_installation
from tests.support.accesses import an_access

TERMS = terms_of(load_installation(None))
POLICE, BANK = TERMS["dept.police.sale.v1"], TERMS["dept.bank.icbc.sale.v1"]
Row = dict[str, Any]


def test_who_is_not_shown_finds_the_contract_and_not_his_name() -> None:
    seller, buyer = (of_record(POLICE, "FILED", [f"parties.{role}"]) for role in ("SELLER", "BUYER"))
    assert "contract_no" in seller
    assert not [path for path in seller if path.startswith("parties.")]
    assert {"parties.name", "parties.id_no"} <= set(buyer)
    assert of_record(POLICE, "FILED", None) == buyer


def test_a_masked_field_stands_under_its_own_name_and_what_left_was_no_more_than_its_key() -> None:
    fields = of_record(BANK, "FILED", ["parties.BUYER"])
    assert "parties.phone_masked" in fields
    assert "parties.phone" not in fields
    assert "当事人·联系电话（已遮盖）" in in_chinese(BANK, fields)
    assert of_record(BANK, LEFT, ["parties.BUYER"]) == KEYS


@pytest.mark.parametrize(
    ("way", "asked", "stands", "told"),
    [
        (
            "police/tenants_of_house",
            False,
            ["leases:parties.LESSEE"],
            {"leases.address", "leases.parties.name"},
        ),
        ("police/tenants_of_house", False, ["leases:occupants"], {"leases.address", "leases.occupants.name"}),
        ("police/tenants_of_house", False, ["leases:parties.AGENT"], {"leases.address"}),
        ("bank/household_units", False, ["*"], {"unit_count"}),
        ("bank/household_units", True, [], {"unit_count"}),
        (
            "court/everything_on_person",
            True,
            ["sales:parties.BUYER"],
            {"sales.parties.name", "units.address"},
        ),
        ("court/everything_on_person", False, ["sales:parties.BUYER"], {"sales.parties.name"}),
    ],
)
def test_of_an_answer_a_persons_part_is_told(
    way: str, asked: bool, stands: list[str], told: set[str]
) -> None:
    fields = ["leases.address", "leases.parties.name", "leases.occupants.name", "unit_count"]
    fields += ["sales.parties.name", "titles.holders.name", "units.address"]
    assert set(of_answer(TERMS[way], fields, stands, asked=asked)) == told


def test_terms_are_read_again_as_they_were() -> None:
    for way, terms in TERMS.items():
        read = of_topic(terms) if "subject" in terms else of_question(terms)
        assert read.legal_basis == terms["legal_basis"], way


# --- rows of the access log -----------------------------------------------------------------------------------------


def chain(count: int) -> list[Row]:
    rows, _ = linked("0:x", 0, begun("0:x"), [an_access(number=f"n{n}") for n in range(count)])
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def verdict(rows: Sequence[Row], *known: Finding, beyond: int = 0) -> list[tuple[Kind, int, int]]:
    def around(first: int, last: int) -> list[Row]:
        return [row for row in rows if first <= row["seq"] <= last]

    report = Report(findings=list(known))
    later: Iterator[Row] = (row for row in rows if row["seq"] > beyond)
    check_links("audit.access/0:x", None, beyond, later, around, report)
    return [(one.kind, one.first, one.last) for one in report.findings]


def test_a_chain_as_it_was_written_has_no_finding() -> None:
    assert verdict(chain(30)) == []
    undigested = [row | {"sha256": None, "sm3": None} for row in chain(3)]
    assert verdict(undigested) == []


def test_each_way_to_tamper_is_named_at_its_row() -> None:
    changed = [row | ({"number": "other"} if row["seq"] == 4 else {}) for row in chain(9)]
    assert verdict(changed) == [(Kind.CHANGED, 4, 4)]
    assert verdict([row for row in chain(9) if row["seq"] not in (3, 4)]) == [(Kind.DROPPED, 3, 4)]
    swapped = [row | {"seq": {5: 6, 6: 5}.get(row["seq"], row["seq"])} for row in chain(9)]
    swapped.sort(key=lambda row: row["seq"])
    assert verdict(swapped) == [(Kind.REORDERED, 5, 5), (Kind.REORDERED, 6, 6)]
    inserted = [*chain(9), chain(1)[0] | {"seq": 10, "sha256": None, "sm3": None}]
    assert verdict(inserted) == [(Kind.INSERTED, 10, 10)]


def test_what_the_audit_readers_chain_has_named_is_not_told_twice_but_called_by_what_it_is() -> None:
    swapped = [row | {"seq": {5: 6, 6: 5}.get(row["seq"], row["seq"])} for row in chain(9)]
    swapped.sort(key=lambda row: row["seq"])
    known = Finding(Kind.CHANGED, "audit.access/0:x", 0, 5, 6, "")
    assert verdict(swapped, known) == [(Kind.REORDERED, 5, 5), (Kind.REORDERED, 6, 6)]
    dropped = replace(known, kind=Kind.DROPPED, first=3, last=3)
    assert verdict([row for row in chain(9) if row["seq"] != 3], dropped) == [(Kind.DROPPED, 3, 3)]
