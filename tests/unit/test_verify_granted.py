"""``verify`` reads the site's files anew: the same rules as the exchange, and no more excused than a grant explains."""

from dataclasses import replace
from pathlib import Path

import pytest

from qianbei.verify.fills import ALL
from qianbei.verify.granted import Granted, granted_at, granted_by
from qianbei.verify.lanes import NOTICE_MS
from qianbei.verify.projection import Projection
from qianbei.verify.report import CheckResult
from qianbei.verify.source import Source
from schemas.installation import load_installation
from tests.unit.test_installation import BANK, REVOKED, WATER
from tests.unit.test_verify_projection import RECORDS, kinds, what_lies
from tests.unit.verify_world import BANK as BANK_TOPIC
from tests.unit.verify_world import EVERYTHING, EXCHANGE, PARTITIONS, RULES, TAX, readers, source

SINCE = 1_000_000


@pytest.mark.parametrize("quoted", [False, True])
def test_the_rules_are_those_of_the_installation(tmp_path: Path, quoted: bool) -> None:
    again = "departments: [tax]\nzh: 税\nen: Tax\ngranted: 2026-11-27T20:30:00Z\n"
    for name, text in {"bank.cmb": BANK, "water": WATER, "bank.ccb": REVOKED, "tax": again}.items():
        written = text.replace("2026-11-27T20:30:00Z", "'2026-11-27T20:30:00Z'") if quoted else text
        (tmp_path / f"{name}.yaml").write_text(written, encoding="utf-8")
    found, installation = granted_at(tmp_path), load_installation(tmp_path)
    assert found.revoked == {"bank.ccb"}
    assert {(r.department, r.subject, r.version, frozenset(r.paths)) for r in found.rules} == {
        (g.department, g.subject, g.terms.version, frozenset(g.terms.fields)) for g in installation.grants
    }
    since = {rule.department: rule.since_ms for rule in found.rules}
    assert since["bank.cmb"] == since["water"] == since["tax"] == 1795811400000
    assert since["bank.icbc"] is None


def test_without_site_files_all_is_required_from_the_first_record() -> None:
    assert {rule.since_ms for rule in granted_at(None).rules} == {None}
    assert granted_by([]).revoked == frozenset()


# --- what a grant excuses -------------------------------------------------------------------------------------------


def judged(
    bank_has: slice, appended_ms: list[int], since: int | None = SINCE, *, revoked: bool = False
) -> CheckResult:
    """The bank has this part of its records; the exchange's five were appended at these times."""
    rules = tuple(
        replace(r, since_ms=since) if BANK_TOPIC.startswith(f"dept.{r.department}.") else r for r in RULES
    )
    own = {r.department for r in rules if BANK_TOPIC.startswith(f"dept.{r.department}.")}
    if revoked:
        rules = tuple(rule for rule in rules if rule.department not in own)
    projection = Projection(
        Granted(rules, frozenset(own if revoked else ())), PARTITIONS, EVERYTHING, readers()
    )
    for at, (record, ms) in enumerate(zip(RECORDS, appended_ms, strict=True)):
        projection.add_exchange(EXCHANGE, 0, _appended(source(at, record), ms))
    for record in what_lies(TAX):
        projection.add_dept(TAX, 0, record)
    for record in what_lies(BANK_TOPIC)[bank_has]:
        projection.add_dept(BANK_TOPIC, 0, record)
    projection.advance()
    return projection.finish({})


def _appended(one: Source, ms: int) -> Source:
    one.sent = one.sent._replace(at_ms=ms)
    return one


BEFORE, AFTER = SINCE - 1, SINCE + NOTICE_MS


def test_what_came_before_a_grant_may_be_missing_or_there() -> None:
    assert judged(slice(2, None), [BEFORE, BEFORE, BEFORE, AFTER, AFTER]).ok
    assert judged(slice(None), [BEFORE, BEFORE, BEFORE, AFTER, AFTER]).ok
    assert judged(slice(0, 0), [BEFORE] * 5).ok


def test_what_came_after_it_may_not() -> None:
    result = judged(slice(0, 2), [BEFORE, BEFORE, BEFORE, AFTER, AFTER])
    assert kinds(result) == {"LOST_RECORD": 1}


def test_without_a_grant_of_the_site_nothing_is_excused() -> None:
    assert kinds(judged(slice(1, None), [BEFORE] * 5, None)) == {"LOST_RECORD": 1}


def test_what_a_revoked_department_was_given_is_left_alone() -> None:
    assert judged(slice(None), [AFTER] * 5, revoked=True).ok


# --- what is filled from history --------------------------------------------------------------------------------------


def filled(bank_has: slice, upto: int) -> CheckResult:
    """The bank was granted after all five records; its topic must hold what lies before ``upto``."""
    rules = tuple(replace(rule, since_ms=SINCE) for rule in RULES)
    projection = Projection(
        Granted(rules, frozenset()), PARTITIONS, EVERYTHING, readers(), {(BANK_TOPIC, 0): upto, (TAX, 0): ALL}
    )
    for at, record in enumerate(RECORDS):
        projection.add_exchange(EXCHANGE, 0, _appended(source(at, record), BEFORE))
    for topic, had in ((TAX, slice(None)), (BANK_TOPIC, bank_has)):
        for record in what_lies(topic)[had]:
            projection.add_dept(topic, 0, record)
    projection.advance()
    return projection.finish({})


def test_before_its_mark_a_topic_must_hold_all_and_behind_it_nothing_is_asked() -> None:
    assert filled(slice(0, 2), 3).ok
    assert kinds(filled(slice(1, 2), 3)) == {"LOST_RECORD": 1}
    assert kinds(filled(slice(0, 1), 3)) == {"LOST_RECORD": 1}
    assert filled(slice(0, 0), 0).ok


def test_more_than_the_mark_says_is_written_by_nobody() -> None:
    assert kinds(filled(slice(0, 3), 3)) == {"UNEXPECTED_RECORD": 1}


def test_what_has_joined_must_be_there_from_the_first_record_on_whenever_it_was_granted() -> None:
    assert filled(slice(None), ALL).ok
    assert kinds(filled(slice(1, None), ALL)) == {"LOST_RECORD": 1}


# --- versions beside each other -------------------------------------------------------------------------------------

TWO = (
    WATER.replace("version: 1", "version: 2").rstrip()
    + """
    earlier:
      - version: 1
        legal_basis: 市政数据共享协议
        purpose: {zh: 过户, en: Change of the customer}
        rows: all
        retention_days: 30
        fields: [house_code]
"""
)


@pytest.mark.parametrize(
    ("retired", "versions"), [("", {1, 2}), ("retired: {sale.v1: 2026-11-28T20:30:00Z}", {2})]
)
def test_an_earlier_version_is_in_force_until_it_is_retired(
    tmp_path: Path, retired: str, versions: set[int]
) -> None:
    (tmp_path / "water.yaml").write_text(TWO + retired + "\n", encoding="utf-8")
    (tmp_path / "tax.yaml").write_text(
        "departments: [tax]\nzh: 税\nen: Tax\nretired: {sale.v1: 2026-11-28T20:30:00Z}\n", encoding="utf-8"
    )
    found, installation = granted_at(tmp_path), load_installation(tmp_path)
    assert {r.version for r in found.rules if r.department == "water"} == versions
    assert {g.terms.version for g in installation.grants if g.department == "water"} == versions
    # The newest version is not retired by that, as that of tax: it would have to be revoked.
    assert {r.version for r in found.rules if (r.department, r.subject) == ("tax", "sale")} == {1}
    assert "dept.tax.sale.v1" in {grant.topic for grant in installation.grants}
    assert found.retired == ({"dept.water.sale.v1"} if retired else set())
