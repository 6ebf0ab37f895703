"""Check 4, the law: replaying ``decision.*`` and ``exchange.*`` alone finds nothing that the law forbids.

Each slot's decisions are replayed in their order (``slot_seq``), each with the revisions that it wrote, in their order;
between slots there is no order but what each decision says it saw. Baseline and rules that the policy has off apart:

* no sale or mortgage becomes SIGNED, FILED or AMENDED on a house of which a seizure is in force; a house has one live
  sale;
* none for a listed buyer: each decision looked at the listings of all references of all (new) buyers (``buyers``);
* the queue of a house's seizures, its live sales and its conflicts fit together after every decision (``house``);
* a term ends once, not before its last day, and before anything later is decided on the house.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from qianbei.verify.avro import Record
from qianbei.verify.buyers import Buyers
from qianbei.verify.deeds import (
    DEEDS,
    LIVE,
    Alias,
    Conflict,
    Deed,
    Id,
    Listing,
    Mortgage,
    OfParty,
    OnHouse,
    Ruling,
    Sale,
    Seen,
    Seizure,
    effects_of,
    own_of,
    seen_of,
)
from qianbei.verify.house import DOUBLE_SALE, SEIZED_UNIT_SOLD, Clash, House
from qianbei.verify.outcome import Effect
from qianbei.verify.report import CheckResult, Findings, place_of
from qianbei.verify.rulings import Rulings, day_of
from qianbei.verify.window import Window
from schemas.said import said

REFUSED, MOOT_ASKED = "REFUSED", ("conflict", "RAISED")
_SLOT_OF_PARTIES = frozenset({"exchange.defaulter", "exchange.alias"})


@dataclass(slots=True)
class Slot:
    """One slot: its decisions that wait for their turn (None: one that wrote nothing), and what stands on its houses."""

    next: int = 1
    pending: dict[int, Ruling | None] = field(default_factory=dict)
    houses: dict[str, House] = field(default_factory=dict)

    def house(self, code: str) -> House:
        """The house of this code."""
        return self.houses.setdefault(code, House())


class Law:
    """Feed it every record of ``decision.*``, ``quarantine.*`` and ``exchange.*``, then ask.

    It keeps what stands, every listing and alias, and what one topic is ahead of the others.
    """

    def __init__(self, rulings: Rulings, window: Window) -> None:
        self._rulings = rulings
        self._window = window
        self.findings = Findings()
        self._slots: dict[int, Slot] = {}
        self._deeds: dict[Effect, Deed] = {}
        self._fed: Counter[str] = Counter()
        self._replayed: Counter[str] = Counter()
        self._expired: set[Id] = set()
        self._last_day = date.min
        self._buyers = Buyers(rulings, self.findings)

    # -- feeding ------------------------------------------------------------------------------------------------------

    def add_decision(self, topic: str, partition: int, offset: int, record: Record) -> None:
        """A decision."""
        effects, own = effects_of(record), own_of(record)
        slot = self._slots.setdefault(record["slot"], Slot())
        if record["outcome"] == REFUSED and (record["subject"], record["event_type"]) == MOOT_ASKED:
            self._buyers.moot.add(record["entity_id"])
        ruling = None
        if effects:
            required = self._window.required(topic, partition, offset)
            looks = own is not None and own.topic in ("exchange.sale", *_SLOT_OF_PARTIES)
            ruling = Ruling(
                record["slot"],
                record["slot_seq"],
                place_of(topic, partition, offset),
                required,
                record["recorded_at"],
                own,
                effects,
                seen_of(record) if looks else (),
            )
        slot.pending[record["slot_seq"]] = ruling

    def add_quarantine(self, record: Record) -> None:
        """A quarantine record: it has a number among the decisions of its slot."""
        self._slots.setdefault(record["slot"], Slot()).pending[record["slot_seq"]] = None

    def add_exchange(self, topic: str, partition: int, offset: int, record: Record) -> None:
        """A record of a topic that ``DEEDS`` names."""
        deed = DEEDS[topic](record)
        effect = Effect(topic, record["entity_id"], record["revision"])
        self._fed[topic] += 1
        self._deeds[effect] = deed
        if isinstance(deed, (Listing, Alias)):
            required = self._window.required(topic, partition, offset)
            self._buyers.register.add(_seen(effect), deed, required=required)

    def advance(self, *, final: bool = False) -> None:
        """Replay what can be replayed by now. ``final``: nothing more will come, so what is missing is missing."""
        for slot in self._slots.values():
            while slot.next in slot.pending and self._ready(slot.pending[slot.next]):
                self._replay_next(slot, slot.next)
            if final:
                self._replay_rest(slot)

    def _ready(self, ruling: Ruling | None) -> bool:
        return ruling is None or (
            all(effect in self._deeds for effect in ruling.effects)
            and not self._buyers.register.unknown(ruling.seen)
        )

    def _replay_rest(self, slot: Slot) -> None:
        """Whatever is missing of what is required has been noted by conservation; beyond it may be on its way."""
        last = max((seq for seq, one in slot.pending.items() if one and one.required), default=0)
        for seq in sorted(slot.pending):
            if seq > last and (seq != slot.next or not self._ready(slot.pending[seq])):
                return
            self._replay_next(slot, seq)

    def _replay_next(self, slot: Slot, seq: int) -> None:
        ruling = slot.pending.pop(seq)
        slot.next = seq + 1
        if ruling is not None:
            self._replay(slot, ruling)

    # -- replaying ----------------------------------------------------------------------------------------------------

    def _replay(self, slot: Slot, ruling: Ruling) -> None:
        on = day_of(ruling.recorded_at)
        self._last_day = max(self._last_day, on)
        touched: dict[str, None] = {}
        for effect in ruling.effects:
            deed = self._deeds.pop(effect, None)
            if deed is None:
                continue
            self._replayed[effect.topic] += 1
            if isinstance(deed, (Listing, Alias)):
                self._party(effect, deed, ruling, on)
            elif deed.house is not None:
                touched[deed.house] = None
                self._on_house(slot.house(deed.house), effect, deed, ruling, on)
        for code in touched:
            house = slot.houses[code]
            house.check(on, lambda what, detail: self.findings.add(what, ruling.place, detail))
            if house.empty:
                del slot.houses[code]

    def _party(self, effect: Effect, deed: OfParty, ruling: Ruling, on: date) -> None:
        if isinstance(deed, Listing) and deed.event_type == "EXPIRED":
            before = self._buyers.register.revisions.get(_seen(effect._replace(revision=effect.revision - 1)))
            self._term_ended(effect, before.until if isinstance(before, Listing) else None, ruling, on)
        if effect == ruling.own:
            self._buyers.placed(effect, deed, ruling)

    def _on_house(self, house: House, effect: Effect, deed: OnHouse, ruling: Ruling, on: date) -> None:
        name, own = effect.entity_id, effect == ruling.own
        if isinstance(deed, (Sale, Mortgage)) and own and deed.event_type in LIVE:
            self._judge(house, name, deed, ruling, on)
        if isinstance(deed, Sale):
            if deed.status in LIVE:
                self._buyers.lives(name, deed, ruling, own=own)
            else:
                self._buyers.ended(name)
        elif isinstance(deed, Seizure) and deed.event_type == "EXPIRED":
            before = house.queue.get(name)
            self._term_ended(effect, before.until if before else None, ruling, on)
        elif isinstance(deed, Conflict):
            self._buyers.conflict(name, deed)
        house.apply(effect, deed)

    def _judge(self, house: House, name: str, deed: Sale | Mortgage, ruling: Ruling, on: date) -> None:
        """An accepted SIGNED, FILED or AMENDED sale or mortgage, as the house was before it."""

        def say(what: str, detail: str) -> None:
            self.findings.add(what, ruling.place, detail)

        if isinstance(deed, Sale):
            self.findings.counts["sales_judged"] += 1
            self._allow(house, name, deed, on)
            self._buyers.judge(name, deed, house.sales.get(name), ruling, on, say)
        if deed.baseline or not self._rulings.refuses("UNIT_SEIZED", deed.county, on):
            return
        for head in house.effective():
            kind, what = ("SOLD", "sale") if isinstance(deed, Sale) else ("MORTGAGED", "mortgage")
            say(
                f"{kind}_WHILE_SEIZED",
                said(
                    "{what} {name} was accepted while seizure {head} was in force",
                    what=what,
                    name=name,
                    head=head,
                ),
            )

    def _allow(self, house: House, name: str, sale: Sale, on: date) -> None:
        """What no rule forbids needs no conflict; what a rule forbids is reported and needs none either."""
        if sale.baseline:
            return
        for head in house.effective():
            house.noted.add(Clash(SEIZED_UNIT_SOLD, frozenset({("seizure", head), ("sale", name)})))
        if not self._rulings.refuses("UNIT_ALREADY_SOLD", sale.county, on):
            for other in house.sales:
                house.noted.add(Clash(DOUBLE_SALE, frozenset({("sale", other), ("sale", name)})))

    def _term_ended(self, effect: Effect, until: date | None, ruling: Ruling, on: date) -> None:
        identity = (effect.topic, effect.entity_id)
        self.findings.counts["terms_ended"] += 1
        if identity in self._expired:
            self.findings.add(
                "EXPIRED_TWICE",
                ruling.place,
                said("{entity_id} has expired already", entity_id=effect.entity_id),
            )
        elif until is None or on <= until:
            self.findings.add(
                "EXPIRED_EARLY",
                ruling.place,
                said("{entity_id} had until {until}", entity_id=effect.entity_id, until=until),
            )
        self._expired.add(identity)

    # -- ending -------------------------------------------------------------------------------------------------------

    def waits(self) -> bool:
        """Whether anything required still waits for what more reading may bring."""
        self.advance()
        pending = (one for slot in self._slots.values() for one in slot.pending.values())
        return any(one is not None and one.required for one in pending) or self._buyers.waits()

    def finish(self) -> CheckResult:
        """The result."""
        self.advance(final=True)
        self._buyers.finish(self._last_day)
        for topic in sorted(DEEDS):
            name = topic.removeprefix("exchange.")
            self.findings.counts[f"{name}_revisions"] += self._replayed[topic]
            if self._fed[topic] and not self._replayed[topic]:
                self.findings.add("NOTHING_COMPARED", topic, said("none of its records could be replayed"))
        return self.findings.result("sales_judged")


def _seen(effect: Effect) -> Seen:
    return Seen(effect.topic.removeprefix("exchange."), effect.entity_id, effect.revision)
