"""A story is told of what was decided, from made-up records: what belongs to it, in which order, and what is masked."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import pytest
from rich.console import Console

from broker.replay.selecting import holds
from qianbei.cli.explain_cmd import show
from qianbei.explain import NothingFound, Story
from qianbei.explain.model import Matter
from qianbei.explain.telling import tell
from qianbei.explain.words import party
from qianbei.inspect.tail import Line

HOUSE, OTHER = "41140200120200600001201016", "41140200120200600001201999"
CONTRACT, SECOND = "SQ2020-0001", "SQ2020-0002"
NAME, ID_NO = "张示例", "411499199003070015"
Json = dict[str, Any]


def event(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


def at(n: int) -> str:
    return f"2020-12-01T02:00:{n:02d}.000000Z"


@dataclass
class Topics:
    """Made-up topics, and the decisions that fill them."""

    lines: list[Line] = field(default_factory=list)
    seq: int = 0

    def add(self, topic: str, record: Json, offset: int) -> None:
        self.lines.append(Line(topic, 0, offset, 0, record["entity_id"], 1, record))

    def decide(self, subject: str, n: int, body: Json, *writes: tuple[str, Json], **changes: Any) -> Json:
        """A record came in and was decided, with these revisions written."""
        self.seq += 1
        principal = changes.pop("principal", "bureau")
        came = body | {"event_id": changes.pop("event_id", event(n)), "occurred_at": at(0), "version": 1}
        self.add(f"intake.{principal}", came, self.seq)
        decision_id = f"d-{n}"
        effects = []
        for topic, record in writes:
            made = {"event_id": event(1000 + n)} | record | {"decision_id": decision_id}
            self.add(f"exchange.{topic}", came | made if topic == subject else made, 100 + self.seq)
            named = {"entity_id": record["entity_id"], "revision": record["revision"]}
            effects.append({"topic": f"exchange.{topic}"} | named)
        decision: Json = {
            "decision_id": decision_id,
            "outcome": "ACCEPTED",
            "principal": principal,
            "event_id": came["event_id"],
            "subject": subject,
            "event_type": body["event_type"],
            "entity_id": body["entity_id"],
            "version": 1,
            "intake_topic": f"intake.{principal}",
            "intake_partition": 0,
            "intake_offset": self.seq,
            "slot": 0,
            "slot_seq": self.seq,
            "recorded_at": at(self.seq),
            "revision": writes[0][1]["revision"] if writes else None,
            "reasons": [],
            "seen": [],
            "effects": effects,
        }
        decision |= changes
        self.add(f"decision.{principal}", decision, self.seq)
        return decision

    def search(self, texts: Iterable[str], *kinds: str) -> Sequence[Line]:
        test = holds(texts)
        found = [line for line in self.lines if not kinds or line.topic.partition(".")[0] in kinds]
        return [line for line in found if test(json.dumps(line.record, ensure_ascii=False).encode())]

    def requests(self) -> Sequence[Line]:
        return [line for line in self.lines if line.topic == "decision.internal"]


def sale(entity_id: str, status: str = "SIGNED", **changes: Any) -> Json:
    buyer = {
        "role": "BUYER",
        "party_ref": "b" * 64,
        "name": NAME,
        "id_type": "1",
        "id_no": ID_NO,
        "phone": None,
    }
    body = {"entity_id": entity_id, "event_type": status, "contract_status": status, "contract_no": entity_id}
    return body | {"house_code": HOUSE, "parties": [buyer], "baseline": False} | changes


def revision(entity_id: str, revision: int, event_type: str, **fields: Any) -> Json:
    return {"entity_id": entity_id, "revision": revision, "event_type": event_type} | fields


SIDES = [
    {"subject": "seizure", "entity_id": "CF-1", "revision": 1},
    {"subject": "sale", "entity_id": CONTRACT, "revision": 1},
]
EFFECTIVE = {
    "status": "EFFECTIVE",
    "effective_kind": "1",
    "queue_place": 1,
    "effective_from": "2020-12-01",
    "effective_until": "2023-11-30",
}
REFUSAL = {
    "code": "UNIT_SEIZED",
    "severity": "REFUSE",
    "zh": "该房屋已被查封",
    "en": "The unit is seized",
    "legal_basis": "《城市房地产管理法》第三十八条",
    "rule_version": "1",
    "field": "house_code",
    "evidence": [{"subject": "seizure", "entity_id": "CF-1", "revision": 1}],
}


@pytest.fixture
def topics() -> Topics:
    """A house is sold, seized, in conflict; a second sale is refused; the seizure ends. Beside it another house."""
    made = Topics()
    seizure = {"entity_id": "CF-1", "seizure_id": "CF-1", "house_code": HOUSE, "event_type": "SEIZED"}
    conflict = {"house_code": HOUSE, "kind": "SEIZED_UNIT_SOLD", "sides": SIDES}
    made.decide(
        "sale", 1, sale(CONTRACT), ("sale", revision(CONTRACT, 1, "SIGNED")),
        seen=[{"subject": "listing", "entity_id": "b" * 64, "revision": None}],
    )  # fmt: skip
    made.decide(
        "seizure", 2, seizure | {"served_at": at(0)},
        ("seizure", revision("CF-1", 1, "SEIZED", **EFFECTIVE)),
        ("conflict", revision("K-1", 1, "RAISED", status="OPEN", **conflict)),
        principal="court",
    )  # fmt: skip
    made.decide("sale", 3, sale(SECOND), outcome="REFUSED", reasons=[REFUSAL])
    made.decide("sale", 4, sale("SQ-other", house_code=OTHER), ("sale", revision("SQ-other", 1, "SIGNED")))
    resolved = {"status": "RESOLVED", "resolution": "一方已终止"}
    made.decide(
        "seizure", 5, seizure | {"event_type": "RELEASED"},
        ("seizure", revision("CF-1", 2, "RELEASED", status="RELEASED")),
        ("conflict", revision("K-1", 2, "RESOLVED", **conflict | resolved)),
        principal="court",
    )  # fmt: skip
    return made


def decided(story: Story) -> list[tuple[str, str, str]]:
    return [(entry.subject, entry.event_type, entry.outcome) for entry in story.entries]


def test_the_story_of_a_house_has_what_came_and_what_was_refused(topics: Topics) -> None:
    story = tell(topics, HOUSE)
    assert story.matter is Matter.HOUSE
    assert decided(story) == [
        ("sale", "SIGNED", "ACCEPTED"),
        ("seizure", "SEIZED", "ACCEPTED"),
        ("sale", "SIGNED", "REFUSED"),
        ("seizure", "RELEASED", "ACCEPTED"),
    ]
    (refused,) = story.refused
    assert refused.entity_id == SECOND
    (why,) = refused.reasons
    assert (why.code, why.rule_version, why.text.en) == ("UNIT_SEIZED", "1", "The unit is seized")
    assert why.evidence[0].entity_id == "CF-1"
    assert refused.place == "intake.bureau/0/3"
    assert refused.occurred_at == at(0)


def test_the_story_of_a_contract_has_the_conflicts_that_it_is_a_side_of(topics: Topics) -> None:
    story = tell(topics, CONTRACT)
    assert story.matter is Matter.CONTRACT
    assert [entry.event_type for entry in story.entries] == ["SIGNED", "SEIZED", "RELEASED"]
    seized = story.entries[1]
    assert [(one.fact.subject, one.event_type, one.own) for one in seized.changes] == [
        ("seizure", "SEIZED", True),
        ("conflict", "RAISED", False),
    ]
    assert "第 1 位" in seized.changes[0].detail.zh
    assert "2020-12-01 to 2023-11-30" in seized.changes[0].detail.en
    assert "已有有效买卖合同" in seized.changes[1].detail.zh
    assert story.entries[0].seen[0].revision is None


def test_a_refused_contract_has_a_story_too(topics: Topics) -> None:
    assert decided(tell(topics, SECOND)) == [("sale", "SIGNED", "REFUSED")]


def test_the_story_of_a_seizure_and_of_one_event(topics: Topics) -> None:
    story = tell(topics, "CF-1")
    assert (story.matter, [entry.event_type for entry in story.entries]) == (
        Matter.ENTITY,
        ["SEIZED", "RELEASED"],
    )
    one = tell(topics, event(3))
    assert (one.matter, decided(one)) == (Matter.EVENT, [("sale", "SIGNED", "REFUSED")])


def test_an_event_that_was_sent_twice_is_told_twice(topics: Topics) -> None:
    topics.decide("sale", 9, sale(CONTRACT), event_id=event(1), outcome="DUPLICATE", first_decision_id="d-1")
    story = tell(topics, event(1))
    assert [entry.outcome for entry in story.entries] == ["ACCEPTED", "DUPLICATE"]
    assert story.entries[1].first_decision_id == "d-1"


def test_what_the_exchange_asked_of_itself_is_told_with_its_cause(topics: Topics) -> None:
    listing = {"entity_id": "SX-1", "event_type": "LISTED", "expires_on": "2022-12-01", "parties": []}
    topics.decide("defaulter", 11, listing, ("defaulter", revision("SX-1", 1, "LISTED")), principal="court")
    asked = str(uuid5(UUID(event(11)), "K-2:RAISED"))
    conflict = {
        "entity_id": "K-2",
        "event_type": "RAISED",
        "house_code": OTHER,
        "kind": "LISTED_BUYER",
        "sides": [],
    }
    topics.decide(
        "conflict", 12, conflict, ("conflict", revision("K-2", 1, "RAISED", kind="LISTED_BUYER", sides=[])),
        principal="internal", event_id=asked, slot=3,
    )  # fmt: skip
    story = tell(topics, event(11))
    assert [entry.subject for entry in story.entries] == ["defaulter", "conflict"]
    (request,) = story.entries[0].requests
    assert (request.subject, request.slot, request.outcome) == ("conflict", 3, "ACCEPTED")
    assert not story.entries[1].requests


def test_nothing_found_is_a_clear_error(topics: Topics) -> None:
    with pytest.raises(NothingFound, match="nothing on this exchange is called 'SQ2020-00'"):
        tell(topics, "SQ2020-00")  # stands within other numbers, and is none
    with pytest.raises(NothingFound, match="name an event id"):
        tell(topics, "  ")


# --- showing -------------------------------------------------------------------------------------------------------


def shown(story: Story, lang: str = "both", *, terminal: bool = False) -> str:
    out = io.StringIO()
    show(story, Console(file=out, force_terminal=terminal, width=160), lang)
    return out.getvalue()


def test_names_and_numbers_are_masked_everywhere(topics: Topics) -> None:
    story = tell(topics, HOUSE)
    for text in (shown(story), shown(story, terminal=True), json.dumps(story.as_dict(), ensure_ascii=False)):
        assert NAME not in text
        assert ID_NO not in text
        assert "张** 411499********0015" in text
    sealed = {"role": "BUYER", "name": {"key_id": "k1"}, "id_no": {"key_id": "k1"}}
    assert party(sealed).en == "Buyer *** ***"


def test_a_story_is_told_in_one_language_or_both(topics: Topics) -> None:
    story = tell(topics, HOUSE)
    zh, en, both = shown(story, "zh"), shown(story, "en"), shown(story)
    assert "该房屋已被查封" in zh
    assert "The unit is seized" not in zh
    assert "The unit is seized" in en
    assert "该房屋已被查封" not in en
    assert "该房屋已被查封 | The unit is seized" in both
    assert "rule version 1" in en
    assert "《城市房地产管理法》第三十八条" in en
    assert "evidence: seizure CF-1 @1" in en
    assert "4 decisions, 1 refused" in en


def test_plain_text_where_there_is_no_terminal(topics: Topics) -> None:
    story = tell(topics, HOUSE)
    assert "╭" not in shown(story)
    assert "\x1b" not in shown(story)
    assert "╭" in shown(story, terminal=True)


def test_what_could_steer_a_terminal_is_shown_harmless(topics: Topics) -> None:
    topics.decide("sale", 20, sale("SQ\x1b[2J"), outcome="REFUSED", reasons=[REFUSAL])
    assert "\x1b" not in shown(tell(topics, event(20)))


def test_a_story_is_plain_json(topics: Topics) -> None:
    told = json.loads(json.dumps(tell(topics, HOUSE).as_dict()))
    assert told["matter"] == "house"
    refused = next(entry for entry in told["entries"] if entry["outcome"] == "REFUSED")
    assert refused["reasons"][0]["text"] == {"zh": "该房屋已被查封", "en": "The unit is seized"}
    assert refused["what"]["en"] == "Sale contract: Signed online"
