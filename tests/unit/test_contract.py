"""The contract test's own sense: what is sent, and how what was seen is judged."""

from dataclasses import replace
from typing import Any

import pytest
from fastavro import parse_schema

from broker.codec import Decoder, Released
from broker.errors import ConfigError
from consumers.testing import MemoryRegistry
from qianbei.contract.judge import Expectation, Seen, State, judge, newest_of, state_of
from qianbei.contract.records import ADDED, Halves, granted_to, make, newer_schema
from schemas.catalogue import load_catalogue
from schemas.derive import KEYS, LEFT
from schemas.entitlements import grants, load_entitlements, newest_schemas

DEPARTMENTS = sorted({grant.department for grant in grants(load_entitlements())})


def made(department: str, *topics: str) -> tuple[Halves, MemoryRegistry]:
    registry, granted = MemoryRegistry(), granted_to(department, topics)
    for grant in granted:
        schema = grant.schema(newest_schemas()[grant.subject])
        registry.register(f"{grant.topic}-value", schema)
        registry.register(f"{grant.topic}-value", newer_schema(schema))
    return make(granted, registry, 4, "x"), registry


def decoded(halves: Halves, registry: MemoryRegistry) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for one in halves.all:
        assert one.message.value is not None
        number = int.from_bytes(one.message.value[1:5], "big")
        released = Released("x", 1, number, parse_schema(registry.schema(number)))
        value = Decoder({number: released}, max_bytes=1 << 20).decode(one.message.value)[1]
        assert (value["entity_id"], value["revision"]) == (one.entity_id, one.revision)
        found.append((one.case, value))
    return found


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_each_case_is_sent_on_each_topic(department: str) -> None:
    halves, registry = made(department)
    values = decoded(halves, registry)
    for grant in granted_to(department):
        mine = [(case, v) for case, v in values if f"-{grant.subject}-" in v["entity_id"]]
        bare = [v for case, v in mine if case.startswith("every field null")]
        assert {v["event_type"] for v in bare} == set(load_catalogue().subject(grant.subject).event_types)
        assert all(value is None for v in bare for name, value in v.items() if name not in KEYS)
        assert [v["revision"] for case, v in mine if case.startswith("an older")] == [1, 3, 2]
        assert [v[ADDED] for case, v in mine if case.startswith("a newer schema")] == ["new"]
        assert max(len(str(v)) for _, v in mine) > 80_000
        left = grant.terms.rows == "interested"
        assert (LEFT in {v["event_type"] for _, v in mine}) == left
        assert any(case == "golden records" for case, _ in mine)


def test_records_lie_where_their_entity_does() -> None:
    halves, _ = made("bank.icbc")
    places: dict[str, set[int]] = {}
    for one in halves.all:
        assert one.message.key == one.entity_id.encode()
        places.setdefault(one.entity_id, set()).add(one.message.partition)
    assert all(len(partitions) == 1 for partitions in places.values())
    assert len(set.union(*places.values())) > 1


def test_what_is_no_topic_of_the_department_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing is sent to gov"):
        granted_to("gov")
    with pytest.raises(
        ConfigError,
        match=r"by dept\.court\.sale\.v1; its topics: dept\.tax\.feedback\.v1, dept\.tax\.sale\.v1",
    ):
        granted_to("tax", ["dept.court.sale.v1"])


# --- judging --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sent() -> Halves:
    return made("tax", "dept.tax.sale.v1")[0]


def good(sent: Halves) -> Seen:
    """A program that tells each record that is newer than what it holds."""
    lives: list[list[State]] = []
    known: dict[str, int] = {}
    for half in (sent.first, sent.second):
        lives.append([])
        for one in half:
            if one.revision > known.get(one.entity_id, 0):
                known[one.entity_id] = one.revision
                lives[-1].append(State(one.entity_id, one.revision))
    return Seen(lives[0], lives[1], None, 0, 0, ["tax-main"])


def wrong(found: list[Expectation]) -> set[str]:
    return {one.name for one in found if not one.met}


def test_a_good_program_meets_all(sent: Halves) -> None:
    found = judge(sent, good(sent))
    assert wrong(found) == set()
    assert len(found) == 11


def test_records_that_come_again_after_the_kill_are_no_fault(sent: Halves) -> None:
    seen = good(sent)
    assert wrong(judge(sent, replace(seen, after=[*seen.before, *seen.after]))) == set()


def test_going_back_is_a_fault(sent: Halves) -> None:
    seen = good(sent)
    late = next(one for one in sent.second if one.revision == 2)
    found = wrong(judge(sent, replace(seen, after=[*seen.after, State(late.entity_id, 2)])))
    assert found == {
        "an older revision after a newer one",
        "the newest revision is kept",
        "nothing is lost by kill -9 and a restart",
    }


def test_what_is_lost_is_named_and_not_all_of_it(sent: Halves) -> None:
    seen = good(sent)
    found = {one.name: one.wrong for one in judge(sent, replace(seen, after=[]))}
    lost = found["nothing is lost by kill -9 and a restart"]
    assert lost is not None
    assert "revision 3 was sent, nothing is held" in lost
    assert found["golden records"] is None
    golden = {one.name: one.wrong for one in judge(sent, replace(seen, before=[]))}["golden records"]
    assert golden is not None
    assert golden.endswith("more")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"uncommitted": 4}, "every record's offset is committed"),
        ({"groups": []}, "every record's offset is committed"),
        ({"exit_code": 1}, "SIGTERM ends it cleanly"),
        ({"exit_code": None}, "SIGTERM ends it cleanly"),
    ],
)
def test_each_fault_is_found(sent: Halves, change: dict[str, Any], name: str) -> None:
    assert wrong(judge(sent, replace(good(sent), **change))) == {name}


def test_who_died_has_not_ended_cleanly(sent: Halves) -> None:
    found = wrong(judge(sent, replace(good(sent), died="it ended with exit code 1", exit_code=None)))
    assert found == {"the program lives until it is told to stop", "SIGTERM ends it cleanly"}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "reading",
        "[1]",
        "3",
        '{"entity_id": "a"}',
        '{"entity_id": 1, "revision": 1}',
        '{"entity_id": "a", "revision": true}',
    ],
)
def test_other_lines_are_no_states(line: str) -> None:
    assert state_of(line) is None


def test_a_state_may_hold_more() -> None:
    assert state_of('{"entity_id": "a", "revision": 2, "event_type": "FILED"}') == State("a", 2)


def test_the_newest_is_the_highest_revision_not_the_last(sent: Halves) -> None:
    late = next(one.entity_id for one in sent.second if one.case.startswith("an older"))
    assert newest_of(sent.all)[late] == 3
