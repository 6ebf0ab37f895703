"""Histories, written by hand or planned: records in the order of their decisions, and what the model says of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from producers.simulator.ledger import Facts, Ledger, Planned
from producers.simulator.model import Model
from producers.simulator.model_compare import Observed
from producers.simulator.model_words import Asked, Decided, Expected, Internal
from producers.simulator.numbers import slot_of
from producers.simulator.stream import plan

SLOTS = 4
AFTERWARDS = datetime(2021, 11, 1, tzinfo=UTC)
"""After the simulated year."""
ICBC, CCB, FUND = "91411400MA4000012N", "914114027067800106", "12411400MB1000002A"
STATUS = {"DRAFTED": "DRAFT"}
NOON = datetime(2021, 6, 1, 4, 0, tzinfo=UTC)
"""When a history begins: noon of a day in China."""

ZHANG, LI, WANG = ("1", "411499199003070015"), ("1", "411499198511150025"), ("3", "E12345678")
NO_RANK_IN_COMMON = 1_000
TERMS: Mapping[str, Mapping[str, Any]] = {
    "unit": {"realty_unit_no": None, "sale_status": "10", "restrictions": None},
    "sale": {"contract_kind": "12", "presale_permit_no": None, "signed_at": NOON, "parties": (ZHANG,)},
    "lease": {"lease_start": date(2021, 6, 1), "lease_end": date(2022, 5, 31)},
    "mortgage": {"contract_kind": "42", "secured_principal": 100, "appraisal_price": None},
    "seizure": {
        "kind": "1",
        "start_date": None,
        "end_date": None,
        "waiting_term": None,
        "contract_no": None,
        "realty_unit_no": None,
        "disposal": None,
    },
    "defaulter": {"list_type": "DEFAULTER", "expires_on": date(2023, 5, 31), "parties": (ZHANG,)},
    "title": {"title_kind": "TITLE", "rights_status_code": "1"},
    "alias": {"parties": (ZHANG, LI)},
    "project": {"permits": ()},
}
"""What the records of a history say unless told otherwise."""


@dataclass
class History:
    """Records decided one after the other, all in one slot unless told otherwise; and what the exchange asks of itself,
    decided when it is let."""

    ledger: Ledger = field(default_factory=Ledger)
    sent: list[Planned] = field(default_factory=list)
    now: datetime = NOON
    slot: int = 0
    served: dict[str, datetime] = field(default_factory=dict)
    found: list[Expected] = field(default_factory=list)
    _model: Model | None = None

    @property
    def model(self) -> Model:
        self._model = self._model or Model(self.ledger)
        return self._model

    @property
    def order(self) -> list[Decided]:
        return [item.place for item in self.found]

    def add(
        self,
        principal: str,
        subject: str,
        event_type: str,
        entity_id: str,
        version: int,
        *,
        house: str | None = "H1",
        terms: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Self:
        number = len(self.sent)
        dirt = more.pop("dirt", None)
        more.setdefault("event_id", str(UUID(int=number + 1)))
        more.setdefault("source", principal)
        said = {"occurred_at": self.now, **TERMS.get(subject, {})}
        if subject in ("sale", "lease", "mortgage"):
            more.setdefault("contract_status", STATUS.get(event_type, event_type))
            said["contract_no"] = entity_id
        if subject == "mortgage":
            # Of their own each, but the same for all events of one.
            said["rank"] = sum(entity_id.encode()) % NO_RANK_IN_COMMON
        if subject == "seizure":
            said["served_at"] = self.served.setdefault(entity_id, self.now)
        facts = Facts(
            principal=principal,
            subject=subject,
            event_type=event_type,
            entity_id=entity_id,
            version=version,
            house_code=house,
            terms=said | dict(terms or {}),
            **more,
        )
        topic = f"intake.{principal}"
        return self._put(
            Planned(principal, topic, b"H1", subject, None, f"record {number}".encode(), None, facts, dirt)
        )

    def again(self, number: int) -> Self:
        """The same bytes once more."""
        return self._put(self.sent[number])

    def junk(self, dirt: str) -> Self:
        body = f"junk {len(self.sent)}".encode()
        return self._put(Planned("bureau", "intake.bureau", None, "sale", None, body, None, None, dirt))

    def unit(self, house: str = "H1", **terms: Any) -> Self:
        return self.add("bureau", "unit", "REGISTERED", house, 1, house=house, terms=terms)

    def sale(self, event_type: str, version: int, entity: str = "S1", **more: Any) -> Self:
        if event_type not in ("DRAFTED", "SIGNED", "VOIDED"):
            more.setdefault("filing_no", "备1")
        return self.add("bureau", "sale", event_type, entity, version, **more)

    def mortgage(
        self, event_type: str, version: int, uscc: str = ICBC, by: str = "bank.icbc", **more: Any
    ) -> Self:
        if event_type not in ("DRAFTED", "SIGNED", "VOIDED"):
            more.setdefault("filing_no", "押1")
        more.setdefault("sale_contract_no", "S1")
        return self.add(
            by, "mortgage", event_type, more.pop("entity", "M1"), version, mortgagee_uscc=uscc, **more
        )

    def seizure(self, event_type: str, version: int, entity: str = "Z1", **more: Any) -> Self:
        """A seizure; its terms beside ``house``."""
        house = more.pop("house", "H1")
        return self.add("court", "seizure", event_type, entity, version, house=house, terms=more)

    def listing(self, event_type: str, version: int, entity: str = "D1", **terms: Any) -> Self:
        return self.add("court", "defaulter", event_type, entity, version, house=None, terms=terms)

    def title(self, event_type: str, version: int, entity: str = "T1", **more: Any) -> Self:
        sale_no = more.pop("sale_contract_no", None)
        return self.add(
            "registry", "title", event_type, entity, version, sale_contract_no=sale_no, terms=more
        )

    def later(self, **span: float) -> Self:
        """Time passes."""
        self.now += timedelta(**span)
        return self

    def answer(self) -> Self:
        """The exchange decides all that it has asked of itself, until nothing is left."""
        while self.model.open:
            self.decide_asked(next(iter(self.model.open.values())))
        return self

    def decide_asked(self, asked: Asked) -> Self:
        """The exchange decides one thing that it has asked of itself."""
        return self._decide_own(asked.word)

    def call(self, subject: str, entity_id: str, event_id: str) -> Self:
        """The exchange calls for what is due."""
        return self._decide_own(Internal(subject, "EXPIRED", entity_id, event_id))

    def ask_unasked(self, subject: str, event_type: str, entity_id: str) -> Self:
        """The exchange decides what no decision asked for."""
        return self._decide_own(Internal(subject, event_type, entity_id, str(UUID(int=0))))

    def _decide_own(self, word: Internal) -> Self:
        place = self._place("intake.internal", word.event_id)._replace(internal=word)
        self.found.append(self.model.decide(place))
        return self

    def _put(self, planned: Planned) -> Self:
        digest = self.ledger.add(planned, planned.body)
        self.sent.append(planned)
        self.found.append(self.model.decide(self._place(planned.topic, digest)))
        return self

    def _place(self, topic: str, digest: str) -> Decided:
        number = len(self.found)
        return Decided(self.slot, number + 1, topic, self.slot, number, digest, self.now)

    def judged(self) -> list[Expected]:
        return self.found

    def words(self) -> list[str]:
        """Outcome or reason codes of each record, and the revision of what was accepted."""
        return [
            f"ACCEPTED {item.revision}"
            if item.outcome == "ACCEPTED"
            else " ".join(sorted(item.codes)) or item.outcome
            for item in self.judged()
        ]

    def events(self, since: int = 0) -> list[str]:
        """What was brought about, entity by entity: ``Z1 SEIZED EFFECTIVE``; conflicts by their kind."""
        return [
            f"{self._name(r.subject, r.entity_id)} {r.event_type} {r.status}"
            for item in self.found[since:]
            for r in item.all_revisions
            if r.subject != "unit"
        ]

    def last(self) -> list[str]:
        """What the last record brought about."""
        return self.events(len(self.found) - 1)

    def _name(self, subject: str, entity_id: str) -> str:
        if subject != "conflict":
            return entity_id
        clash = self.model.world.entities[subject, entity_id].clash
        return clash.kind if clash else entity_id


class Deciding:
    """A plan as if it had been decided in its own order, by the model itself."""

    def __init__(self, now: datetime = AFTERWARDS) -> None:
        self.ledger = Ledger()
        self.found: list[Expected] = []
        self._model = Model(self.ledger)
        self._now = now
        self._sequence: Counter[int] = Counter()
        self._offsets: Counter[tuple[str, int]] = Counter()

    def play(self, seed: int, events: int) -> "Deciding":
        for planned in plan(seed, events, slots=SLOTS):
            value = (
                planned.body if planned.schema is None else b"\x00\x00\x00\x00\x01" + (planned.body or b"")
            )
            slot = slot_of(planned.key or b"", SLOTS) if planned.partition is None else planned.partition
            self._decide(self._place(planned.topic, slot, self.ledger.add(planned, value)))
        return self

    def _decide(self, place: Decided) -> None:
        self.found.append(expected := self._model.decide(place))
        for asked in expected.asked:
            self._decide(self._asked(asked))

    def _asked(self, asked: Asked) -> Decided:
        # The slot does not matter here: all are decided in one order.
        return self._place("intake.internal", 0, asked.word.event_id)._replace(internal=asked.word)

    def _place(self, topic: str, slot: int, digest: str) -> Decided:
        self._now += timedelta(milliseconds=1)
        self._sequence[slot] += 1
        offset = self._offsets[topic, slot]
        self._offsets[topic, slot] += 1
        return Decided(slot, self._sequence[slot], topic, slot, offset, digest, self._now)


def observed(found: list[Expected]) -> list[Observed]:
    """As if it had been decided as expected."""
    return [
        Observed(
            item.place,
            item.outcome,
            item.codes,
            item.revision,
            frozenset((f"exchange.{r.subject}", r.entity_id, r.revision) for r in item.all_revisions),
        )
        for item in found
    ]
