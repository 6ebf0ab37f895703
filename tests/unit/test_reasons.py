"""The table of reasons: every code of the decision stages is there, and its texts can be shown to anyone."""

import re

import pytest

from broker.admission.reasons import REASONS, Evidence, Severity, reason
from schemas.identifiers import Finding, Problem

STAGES = {
    0: "BAD_MAGIC UNKNOWN_SCHEMA WRONG_SUBJECT UNDECODABLE TOO_LARGE TOMBSTONE MISROUTED BAD_ENVELOPE",
    1: "SOURCE_MISMATCH EVENT_NOT_PERMITTED EVENT_ID_REUSED FOREIGN_ENTITY UNIT_CHANGED",
    2: "STALE VERSION_GAP",
    3: "BAD_CITIZEN_ID BAD_HOUSE_CODE BAD_REALTY_UNIT_NO BAD_CASE_NO UNKNOWN_CODE TOO_LONG EMPTY_CORE_FIELD BAD_AREA "
    "BAD_DATE_ORDER BAD_SHARE BAD_AMOUNT BAD_PARTY BAD_TIME BAD_FORMAT USCC_CHECK",
    4: "ILLEGAL_TRANSITION STATUS_MISMATCH FILING_NO_CHANGED",
    5: "UNIT_UNKNOWN UNIT_ALREADY_SOLD UNIT_SEIZED LISTED_BUYER NO_PRESALE_PERMIT MORTGAGE_RANK_TAKEN MORTGAGE_OVER_VALUE "
    "LEASE_TOO_LONG CHANGE_UNDER_NOTICE CHANGE_UNDER_MORTGAGE",
}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_has_its_codes(stage):
    assert set(STAGES[stage].split()) <= {code for code, kind in REASONS.items() if kind.stage == stage}


@pytest.mark.parametrize("code", REASONS)
def test_each_text_says_what_is_wrong_and_what_to_do_in_both_languages(code):
    kind = REASONS[code]
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)
    assert kind.zh.count("。") >= 2
    assert re.search(r"[.:] .*\.$", kind.en)
    assert kind.legal_basis
    # What the decision's schema has room for, with a detail added.
    assert max(len(kind.zh), len(kind.en)) <= 400
    assert len(kind.legal_basis) <= 300


def test_severities_follow_the_stages():
    warnings = {code for code, kind in REASONS.items() if kind.severity is Severity.WARN}
    assert warnings == {"USCC_CHECK", "MORTGAGE_OVER_VALUE"}
    for kind in REASONS.values():
        assert (kind.severity is Severity.QUARANTINE) == (kind.stage == 0)


def test_a_reason_carries_field_evidence_and_detail():
    seen = Evidence("sale", "HT-1", 3)
    detail = Finding(Problem.LENGTH, "太短", "too short")
    made = reason("BAD_FORMAT", field="parties[0].phone", evidence=(seen,), detail=detail)
    assert made.severity is Severity.REFUSE
    assert made.zh.endswith("（太短）")
    assert made.en.endswith("(too short)")
    assert (made.field, made.evidence) == ("parties[0].phone", (seen,))


def test_an_unknown_code_is_an_error():
    with pytest.raises(KeyError):
        reason("BAD_LUCK")
