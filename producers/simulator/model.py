"""The independent account of what must come out: decides again, from the ledger and the recorded order alone.

*Order* is the recorded order of decisions (see ``model_order`` for that between slots). The model takes the records in
that order, knows from the ledger what each held, and says what the decision must have been, what it must have brought
about, and what it must have asked of other slots. It imports nothing of the exchange. Its parts: ``model_tables`` (who
may do what), ``model_rules`` (what the law forbids), ``model_notices`` (whom a refusal is told to), ``model_queue``
(seizures), ``model_conflicts``, ``model_unit`` (the unit registry); ``model_state`` is what they share.
"""

from collections.abc import Iterable, Iterator, Mapping

from producers.simulator import model_conflicts, model_notices, model_queue, model_unit
from producers.simulator.ledger import Facts, Ledger, Sent
from producers.simulator.model_inner import answer
from producers.simulator.model_rules import objections
from producers.simulator.model_seen import unseen
from producers.simulator.model_stages import identity, lifecycle, version
from producers.simulator.model_state import Entity, Hand, World
from producers.simulator.model_tables import (
    ANSWERING,
    FAULTS,
    HOUSE_KEYED,
    LIFECYCLES,
    PRINCIPAL_OF_USCC,
    Fault,
    Stage,
)
from producers.simulator.model_words import (
    ACCEPTED,
    DUPLICATE,
    QUARANTINED,
    REFUSED,
    Asked,
    Decided,
    Expected,
    Internal,
)

INTEREST_CHANGED = "INTEREST_CHANGED"
INTERNAL = "internal"
UNASKED = "UNASKED"
"""In place of an outcome: the exchange decided on something of its own that no decision before had asked for."""


class Model:
    """The state of the world as the decisions so far must have left it. Feed it the order.

    ``parties`` gives the document (id type, id number) of a party reference, for what decisions say they saw of parties.
    """

    def __init__(self, ledger: Ledger, parties: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.open: dict[str, Asked] = {}
        """What was asked of other slots and is not decided yet, by event id."""
        self._ledger = ledger
        self._parties = parties or {}
        self.world = World()
        self._first: dict[tuple[str, str], str] = {}

    def judge(self, order: Iterable[Decided]) -> list[Expected]:
        """What must have been decided on each record. Raises LookupError for bytes that were never sent."""
        return [self.decide(place) for place in order]

    def decide(self, place: Decided) -> Expected:
        """What must have been decided on the next record of the order. Raises LookupError as ``judge`` does."""
        wrong = unseen(self.world, place.seen, self._parties)
        expected = self._decide(place)._replace(unseen=wrong)
        for revision in expected.all_revisions:
            if revision.event_type == "EXPIRED":
                # Whoever let it happen, the exchange's own call for it comes too late from now on.
                self._first.setdefault((INTERNAL, revision.event_id), "")
        self.open |= {asked.word.event_id: asked for asked in expected.asked}
        return expected

    def _decide(self, place: Decided) -> Expected:
        if place.internal is not None:
            return self._decide_internal(place, place.internal)
        sent = self._ledger.find(place.topic, place.sha256)
        if sent is None:
            raise LookupError(
                f"{place.topic}/{place.partition}/{place.offset} holds bytes that are not in the ledger"
            )
        fault = FAULTS.get(sent.dirt or "")
        if fault is not None and fault.stage is Stage.QUARANTINE:
            return Expected(place, QUARANTINED, frozenset({fault.code}))
        assert sent.facts is not None, "only what is quarantined may have no facts"
        first = self._first.get((sent.facts.principal, sent.facts.event_id))
        if first is not None:
            return (
                Expected(place, DUPLICATE) if first == place.sha256 else _refused(place, {"EVENT_ID_REUSED"})
            )
        self._first[sent.facts.principal, sent.facts.event_id] = place.sha256
        return self._decide_event(place, sent, sent.facts)

    def _decide_event(self, place: Decided, sent: Sent, facts: Facts) -> Expected:
        due = self._due(place, facts)
        hand = self._hand(place, facts.event_id, _house(facts))
        refused, warned = self._judged(place, facts, FAULTS.get(sent.dirt or ""), hand)
        if refused:
            model_notices.issue(hand, facts, refused)
        else:
            self._accept(hand, facts)
        return Expected(
            place,
            REFUSED if refused else ACCEPTED,
            refused | warned,
            () if refused else tuple(hand.revisions),
            (*due.revisions, *(hand.revisions if refused else ())),
            (*due.asked, *hand.asked),
        )

    def _hand(self, place: Decided, cause: str, house: str | None) -> Hand:
        return Hand(self.world, place.recorded_at, cause, house)

    def _due(self, place: Decided, facts: Facts) -> Hand:
        """What time alone has brought about on the record's house or listing, and all that follows."""
        house = _house(facts)
        if house is not None:
            return self._due_on(place, house)
        hand = self._hand(place, "", None)
        if facts.subject == "defaulter":
            _end_listing(hand, facts.entity_id)
        return hand

    def _due_on(self, place: Decided, house: str) -> Hand:
        hand = self._hand(place, "", house)
        model_queue.fire(hand, house)
        if hand.revisions:
            hand.cause = hand.revisions[0].event_id
            model_conflicts.settle(hand, house)
            model_unit.restate(hand, house)
        return hand

    def _judged(
        self, place: Decided, facts: Facts, fault: Fault | None, hand: Hand
    ) -> tuple[frozenset[str], frozenset[str]]:
        """The codes of the first stage that refuses, none if none does; and those that only warn."""
        none: frozenset[str] = frozenset()
        key = (facts.subject, facts.entity_id)
        entity = self.world.find(key)
        # Up to here and through the next line a refusal leaves no trace but its answer: the version is not used up.
        if code := identity(facts, entity, place.slot) or version(facts, entity):
            return frozenset({code}), none
        if entity is None:
            entity = self.world.entities[key] = Entity(key, facts.principal, facts.house_code, place.slot)
        entity.highest = facts.version
        entity.house = entity.house or facts.house_code
        if fault is not None and fault.stage is Stage.FIELDS:
            return frozenset({fault.code}), none
        warned = none if fault is None else frozenset({fault.code})
        if code := lifecycle(facts, entity):
            return frozenset({code}), warned
        refused, more = objections(self.world, facts, entity, hand.today)
        return refused, warned | more

    def _accept(self, hand: Hand, facts: Facts) -> None:
        entity = self.world.entities[facts.subject, facts.entity_id]
        house, before = _house(facts), entity.status
        status = self._own_status(facts, entity, house)
        entity.last, entity.filing_no = facts, entity.filing_no or facts.filing_no
        if facts.subject == "unit":
            entity.shown = model_unit.standing(self.world, facts.entity_id, facts)
        hand.revise(entity, facts.event_type, facts.event_id, status, self._interested(facts))
        model_queue.follow(hand, entity, before)
        if facts.subject == "mortgage":
            self._interest_changes(hand, house or "")
        if house is not None:
            model_conflicts.settle(hand, house)
            model_unit.restate(hand, house)
        _ask_others(hand, entity)

    def _own_status(self, facts: Facts, entity: Entity, house: str | None) -> str:
        if facts.subject == "seizure":
            return model_queue.own_status(self.world, facts, entity, house)
        return LIFECYCLES[facts.subject][facts.event_type][1]

    def _interested(self, facts: Facts) -> tuple[str, ...]:
        if facts.subject == "mortgage":
            return tuple(_known(facts.mortgagee_uscc))
        if facts.subject == "feedback":
            return _hears(facts)
        if facts.subject != "sale":
            return ()
        found = set(_known(facts.lender_uscc))
        for mortgage in self.world.on(facts.house_code or "", "mortgage"):
            if mortgage.facts.sale_contract_no == facts.terms["contract_no"]:
                found.update(_known(mortgage.facts.mortgagee_uscc))
        return tuple(sorted(found))

    def _interest_changes(self, hand: Hand, house: str) -> None:
        for sale in self.world.on(house, "sale"):
            now = self._interested(sale.facts)
            if now != sale.interested:
                hand.make(sale, INTEREST_CHANGED, interested=now)

    def _told_watch(self, place: Decided, word: Internal) -> Expected:
        """What is told to a watch. The account is of what is decided: it does not foresee who is told of it, and follows."""
        watch = self.world.find(("watch", word.entity_id))
        hand = self._hand(place, word.event_id, None)
        if word.event_type == "HIT":
            if watch is None or watch.status != "OPEN" or _is_over(watch, hand):
                del self._first[INTERNAL, word.event_id]  # what was asked in vain may be asked again
                return _refused(place, {"MOOT"})
            hand.revise(watch, "HIT", word.event_id)
        return Expected(place, ACCEPTED, frozenset(), tuple(hand.revisions))

    def _decide_internal(self, place: Decided, word: Internal) -> Expected:
        if (INTERNAL, word.event_id) in self._first:
            return Expected(place, DUPLICATE)
        self._first[INTERNAL, word.event_id] = place.sha256
        if word.subject == "watch":
            return self._told_watch(place, word)
        asked = self.open.pop(word.event_id, None)
        is_timer = word.event_type == "EXPIRED"
        if not is_timer and (asked is None or asked.word != word):
            return Expected(place, UNASKED)
        entity = self.world.find((word.subject, word.entity_id))
        house = asked.house if asked else entity.house if entity else None
        due = self._due_on(place, house) if house and not is_timer else self._hand(place, "", None)
        hand = self._hand(place, word.event_id, house)
        code = answer(hand, word, asked, entity)
        if hand.revisions:
            if house is not None:
                model_conflicts.settle(hand, house)
                model_unit.restate(hand, house)
            if is_timer and entity is not None:
                model_conflicts.ask(hand, entity)
        return Expected(
            place,
            REFUSED if code else ACCEPTED,
            frozenset({code}) if code else frozenset(),
            tuple(hand.revisions),
            tuple(due.revisions),
            (*due.asked, *hand.asked),
        )


def _house(facts: Facts) -> str | None:
    """The house in whose slot a record is decided, if it is decided in one."""
    return facts.house_code or None if facts.subject in HOUSE_KEYED else None


def _is_over(watch: Entity, hand: Hand) -> bool:
    last_day = watch.facts.terms["expires_on"]
    return last_day is not None and last_day < hand.today


def _hears(feedback: Facts) -> tuple[str, ...]:
    """The reporter; of a correction also whoever answers for what is wrong."""
    hears = {feedback.principal}
    if feedback.terms.get("feedback_kind") == "CORRECTION":
        hears.add(ANSWERING.get(feedback.terms["about_subject"], feedback.principal))
    return tuple(sorted(hears))


def _end_listing(hand: Hand, entity_id: str) -> None:
    model_queue.fire_listing(hand, entity_id)
    if hand.revisions:
        hand.cause = hand.revisions[0].event_id
        model_conflicts.ask(hand, hand.world.entities["defaulter", entity_id])


def _ask_others(hand: Hand, own: Entity) -> None:
    if own.key[0] in ("defaulter", "alias"):
        model_conflicts.ask(hand, own)
    elif own.key[0] == "feedback" and own.facts.house_code:
        hand.ask("feedback", "NOTED", own.key[1], own.facts.house_code)
    else:
        model_queue.look_for_house(hand, own)


def _known(uscc: str | None) -> Iterator[str]:
    if uscc in PRINCIPAL_OF_USCC:
        yield PRINCIPAL_OF_USCC[uscc]


def _refused(place: Decided, codes: Iterable[str]) -> Expected:
    return Expected(place, REFUSED, frozenset(codes))
