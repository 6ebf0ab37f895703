"""A small city in memory for the tests of check 4: decisions and the revisions that they wrote, as read from topics."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from qianbei.verify.deeds import DEEDS
from qianbei.verify.law import Law
from qianbei.verify.report import CheckResult
from qianbei.verify.rulings import Rulings, rulings_of
from qianbei.verify.window import Window

DAY = date(2020, 12, 1)
HOUSE = "h1"
SLOTS = 4
Json = dict[str, Any]
_TOPICS = ("decision.bureau", "decision.court", "decision.internal", *DEEDS)
EVERYTHING = Window({}, {(topic, slot): 1 << 40 for topic in _TOPICS for slot in range(SLOTS)})


def days(on: date | None) -> int | None:
    """A date as on the wire."""
    return None if on is None else (on - date(1970, 1, 1)).days


def micros(on: date, hour: int = 4) -> int:
    """A moment of a day in UTC as on the wire."""
    at = datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def party(ref: str, role: str = "BUYER") -> Json:
    return {"role": role, "party_ref": ref}


def seen(subject: str, entity_id: str, revision: int | None = None) -> Json:
    return {"subject": subject, "entity_id": entity_id, "revision": revision}


def looked(*refs: str) -> list[Json]:
    """A look that found neither aliases nor listings."""
    return [seen(kind, ref) for ref in refs for kind in ("alias", "listing")]


def sale(name: str, status: str = "SIGNED", *buyers: str, **changes: Any) -> tuple[str, str, Json]:
    parties = [party("seller", "SELLER"), *(party(ref) for ref in buyers or ("b1",))]
    record = {
        "event_type": status,
        "contract_status": status,
        "house_code": HOUSE,
        "county_code": "411402",
        "baseline": False,
        "contract_no": f"no-{name}",
        "parties": parties,
    }
    return "sale", name, record | changes


def mortgage(name: str, sale_no: str | None, status: str = "SIGNED") -> tuple[str, str, Json]:
    record = {"event_type": status, "contract_status": status, "house_code": HOUSE, "county_code": "411402"}
    return "mortgage", name, record | {"sale_contract_no": sale_no, "baseline": False}


def seizure(name: str, status: str, place: int | None = 1, **changes: Any) -> tuple[str, str, Json]:
    """Served on the day of its number (``z1``, ``z2`` …)."""
    head = status == "EFFECTIVE"
    record = {
        "event_type": "SEIZED",
        "status": status,
        "house_code": HOUSE,
        "bound_house_code": None,
        "served_at": micros(date(2020, 11, int(name[1:]))),
        "effective_kind": "1" if head else "2" if status == "WAITING" else None,
        "queue_place": place,
        "effective_from": days(DAY) if head else None,
        "effective_until": days(date(2023, 11, 30)) if head else None,
    }
    return "seizure", name, record | changes


def ended(name: str, event_type: str = "RELEASED", status: str = "RELEASED") -> tuple[str, str, Json]:
    return seizure(name, status, None, event_type=event_type, effective_kind=None)


def listing(
    name: str, *refs: str, status: str = "LISTED", until: date | None = None, **changes: Any
) -> tuple[str, str, Json]:
    record = {
        "event_type": status,
        "status": status,
        "county_code": "411402",
        "list_type": "DEFAULTER",
        "expires_on": days(until),
        "parties": [party(ref, "DEFAULTER") for ref in refs or ("b1",)],
    }
    return "defaulter", name, record | changes


def alias(name: str, *refs: str, status: str = "LINKED") -> tuple[str, str, Json]:
    return "alias", name, {"event_type": status, "status": status, "parties": [party(r, "OLD") for r in refs]}


def conflict(kind: str, *sides: tuple[str, str], status: str = "OPEN") -> tuple[str, str, Json]:
    name = f"{kind}-{'-'.join(sorted(name for _, name in sides))}"
    stated = [{"subject": subject, "entity_id": entity_id} for subject, entity_id in sides]
    event_type = "RAISED" if status == "OPEN" else "RESOLVED"
    body = {"event_type": event_type, "status": status, "house_code": HOUSE}
    return "conflict", name, body | {"kind": kind, "sides": stated}


@dataclass
class World:
    """Tells a ``Law`` what was decided, in this order within each slot. Houses are in slot 0, parties in slot 1."""

    rulings: Rulings = field(default_factory=lambda: rulings_of(None))
    window: Window = EVERYTHING
    on: date = DAY
    decisions: list[tuple[str, int, Json]] = field(default_factory=list)
    deeds: list[tuple[str, int, Json]] = field(default_factory=list)
    revisions: dict[tuple[str, str], int] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=dict)
    waited: bool = False

    def decide(
        self,
        *writes: tuple[str, str, Json],
        seen: list[Json] | None = None,
        own: int = 0,
        principal: str = "bureau",
        **changes: Any,
    ) -> "World":
        """An accepted decision that wrote these; ``own`` tells which of them became of the decided record."""
        slot = 1 if writes[0][0] in ("defaulter", "alias") else 0
        self.seqs[slot] = self.seqs.get(slot, 0) + 1
        effects = [self._write(slot, *one) for one in writes]
        subject, entity_id, body = writes[own]
        record = {
            "slot": slot,
            "slot_seq": self.seqs[slot],
            "outcome": "ACCEPTED",
            "subject": subject,
            "event_type": body["event_type"],
            "entity_id": entity_id,
            "revision": effects[own]["revision"],
            "recorded_at": micros(self.on),
            "effects": effects,
            "seen": seen or [],
        }
        self.decisions.append((f"decision.{principal}", slot, record | changes))
        return self

    def refuse(self, subject: str, event_type: str, entity_id: str, slot: int = 0) -> "World":
        """A refusal on the exchange's own request."""
        self.seqs[slot] = self.seqs.get(slot, 0) + 1
        record = {"slot": slot, "slot_seq": self.seqs[slot], "outcome": "REFUSED", "subject": subject}
        about: Json = {
            "event_type": event_type,
            "entity_id": entity_id,
            "revision": None,
            "effects": [],
            "seen": [],
        }
        self.decisions.append(("decision.internal", slot, record | about | {"recorded_at": micros(self.on)}))
        return self

    def sign(self, name: str = "s1", *buyers: str, **changes: Any) -> "World":
        """A sale signed that looked at its buyers and saw nothing."""
        return self.decide(sale(name, "SIGNED", *buyers, **changes), seen=looked(*(buyers or ("b1",))))

    def _write(self, slot: int, subject: str, entity_id: str, body: Json) -> Json:
        topic = f"exchange.{subject}"
        revision = self.revisions[subject, entity_id] = self.revisions.get((subject, entity_id), 0) + 1
        self.deeds.append((topic, slot, body | {"entity_id": entity_id, "revision": revision}))
        return {"topic": topic, "entity_id": entity_id, "revision": revision}

    def check(self, *, decisions_first: bool = False) -> CheckResult:
        """What check 4 says of it."""
        law = Law(self.rulings, self.window)
        for first in (decisions_first, not decisions_first):
            for at, (topic, slot, record) in enumerate(self.decisions if first else self.deeds):
                (law.add_decision if first else law.add_exchange)(topic, slot, at, record)
            law.advance()
        self.waited = law.waits()
        return law.finish()

    def found(self) -> dict[str, int]:
        """The violations by kind."""
        return dict(self.check().found)
