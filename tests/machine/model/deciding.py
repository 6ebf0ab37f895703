"""One decision after another."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.machine.model import board, clashes, gate, holding, queue, rules, telling
from tests.machine.model.state import LENDERS, LIVE, Body, Decision, State, Thing, people

CONTRACTS = holding.CONTRACTS
OF_HOUSES = (*CONTRACTS, "unit", "seizure", "title", "conflict")
"""What is decided by its house."""
OWNED = {
    "seizure": ("effective_kind", "queue_place", "effective_from", "effective_until", "bound_house_code"),
    "unit": ("noted",),
}
"""What the exchange keeps of its own from one revision of a thing to the next."""


class Model:
    """Decides records in the order in which they are given to it."""

    def __init__(self) -> None:
        self.state = State()

    def decide(self, principal: str, subject: str, body: Body, sha256: str, at: datetime) -> Decision:
        state, name = self.state, (principal, body["event_id"])
        state.at = at
        if name in state.decided:
            if state.decided[name] == sha256 or principal == "internal":
                return Decision("DUPLICATE")
            return Decision("REFUSED", frozenset({("EVENT_ID_REUSED", "REFUSE")}))
        if principal == "internal":
            return self._answered(subject, body, name)
        self._time_passes(subject, body)
        fired, asked = state.taken()
        codes = self._judged(principal, subject, body)
        refused = any(severity == "REFUSE" for _, severity in codes)
        if refused:
            telling.tell(state, subject, body, codes, self._judged_before(subject, body))
            fired += state.taken()[0]
        else:
            self._accept(principal, subject, body)
        return self._decision(name, sha256, codes, fired, asked)

    def _decision(
        self, name: tuple[str, str], sha256: str | None, codes: set[tuple[str, str]], fired: Any, asked: Any
    ) -> Decision:
        state = self.state
        deeds, requests = state.taken()
        # What the exchange asked of itself too early may be asked again.
        if name[0] != "internal" or not codes:
            state.decided.setdefault(name, sha256)
        for deed in [*fired, *deeds]:
            if deed.event_type == "EXPIRED":
                due = dict(deed.says)["occurred_at"].astimezone(UTC)
                timer = uuid5(NAMESPACE_URL, f"qianbei:{deed.key[1]}:EXPIRED:{due.isoformat()}")
                state.decided.setdefault(("internal", str(timer)), None)
        outcome = "REFUSED" if any(severity == "REFUSE" for _, severity in codes) else "ACCEPTED"
        return Decision(outcome, frozenset(codes), fired, deeds, asked + requests)

    # -- what time brings about --------------------------------------------------------------------------------------

    def _time_passes(self, subject: str, body: Body) -> None:
        """What was due on the record's house, or of the listing itself, happens before it."""
        if subject in OF_HOUSES and body["house_code"]:
            queue.expire(self.state, body["house_code"])
            self._after(body["house_code"])
        elif subject == "defaulter":
            self._end_listing(body["entity_id"])

    def _end_listing(self, name: str) -> bool:
        state, listing = self.state, self.state.get("defaulter", name)
        if listing is None or listing.status != "LISTED":
            return False
        last = listing.body["expires_on"]
        if last is None or last >= state.today:
            return False
        state.do(listing, "EXPIRED", "EXPIRED", occurred_at=queue.midnight_after(last))
        clashes.ask(state, listing)
        return True

    def _after(self, house: str | None, former_head: Thing | None = None, live_before: Any = ()) -> None:
        """What follows on a house from anything that happened there."""
        if house is not None and self.state.deeds:
            clashes.settle(self.state, house, former_head, set(live_before))
            board.restate(self.state, house)

    # -- a source's record ---------------------------------------------------------------------------------------------

    def _judged(self, principal: str, subject: str, body: Body) -> set[tuple[str, str]]:
        state = self.state
        thing = state.get(subject, body["entity_id"])
        early = gate.identity(principal, subject, thing, body) or gate.version(thing, body)
        if early:
            return {(early, "REFUSE")}
        if thing is None:
            thing = Thing((subject, body["entity_id"]), principal, body.get("house_code"))
            state.things[thing.key] = thing
        thing.highest = body["version"]
        late = gate.fields(subject, body) or gate.step(subject, thing, body)
        if late:
            return {(late, "REFUSE")}
        found = rules.objections(state, subject, body, thing)
        if subject == "seizure":
            severity = "WARN" if body["baseline"] else "REFUSE"
            found |= {(code, severity) for code in queue.objections(state, body, thing)}
        return found

    def _judged_before(self, subject: str, body: Body) -> set[tuple[str, str]]:
        """The buyers whom an amendment leaves as they are."""
        thing = self.state.get(subject, body["entity_id"])
        return (
            people(thing.body, "BUYER") if thing and thing.body and body["event_type"] == "AMENDED" else set()
        )

    def _accept(self, principal: str, subject: str, body: Body) -> None:
        state = self.state
        thing = state.things[subject, body["entity_id"]]
        live_before = {t.key for t in state.things.values() if t.status in LIVE}
        former_head = self._head(thing.house)
        own = self._own_fields(subject, body, thing)
        status = own.pop("status", gate.STEPS[subject][body["event_type"]][1])
        kept = {name: thing.body.get(name) for name in OWNED.get(subject, ())}
        thing.body = body | kept
        state.do(thing, body["event_type"], status, **own)
        if subject == "seizure":
            self._seizure_follows(thing)
        elif subject == "title" and thing.house:
            queue.rearrange(state, thing.house, state.today)
        elif subject == "unit":
            self._bind_held(thing)
        elif subject == "mortgage":
            self._interest(thing.house)
        if subject in OF_HOUSES:
            self._after(state.house_of(thing), former_head, live_before)
        clashes.ask(state, thing)
        self._ask_others(thing)

    def _head(self, house: str | None) -> Thing | None:
        """The seizure in force on a house."""
        return next(iter(queue.queue(self.state, house)), None) if house else None

    def _own_fields(self, subject: str, body: Body, thing: Thing) -> dict[str, Any]:
        state = self.state
        if subject == "seizure":
            return self._own_seizure(body, thing)
        if subject == "unit":
            return board.own_fields(state, body)
        if subject == "sale":
            return {"interested": self._lenders(body)}
        if subject == "mortgage":
            bank = LENDERS.get(body["mortgagee_uscc"])
            return {"interested": [bank] if bank else []}
        return {}

    def _lenders(self, sale: Body) -> list[str]:
        """Who has an interest in a sale: its lender, and the mortgagees of live mortgages that name it."""
        found = {LENDERS.get(sale["lender_uscc"] or "")}
        for mortgage in self.state.on(sale["house_code"], "mortgage"):
            if mortgage.body["sale_contract_no"] == sale["contract_no"]:
                found.add(LENDERS.get(mortgage.body["mortgagee_uscc"]))
        return sorted(name for name in found if name)

    def _interest(self, house: str | None) -> None:
        for sale in self.state.on(house, "sale"):
            now = self._lenders(sale.body)
            if now != sale.body["interested"]:
                self.state.do(sale, "INTEREST_CHANGED", interested=now)

    # -- what follows from it ------------------------------------------------------------------------------------------

    def _own_seizure(self, body: Body, thing: Thing) -> dict[str, Any]:
        return holding.own_fields(self.state, body, thing)

    def _seizure_follows(self, own: Thing) -> None:
        state = self.state
        if own.house is None:
            return
        # Only the court whose seizure is in force can dispose of the house.
        in_force = own.body["effective_until"] is not None
        if own.status == "RELEASED" and own.body["disposal"] == "WHOLE" and in_force:
            queue.lapse(state, own.house)
        queue.rearrange(state, own.house, state.today)

    def _bind_held(self, unit: Thing) -> None:
        state, house = self.state, unit.body["house_code"]
        if unit.status != "ACTIVE":
            return
        held = [s for s in state.on(house, "seizure") if s.status == "HELD"]
        for seizure in sorted(held, key=queue.order):
            holding.bind(state, seizure, house)
        if held:
            queue.rearrange(state, house, state.today)

    def _ask_others(self, own: Thing) -> None:
        state, subject = self.state, own.key[0]
        if subject == "seizure" and own.house is None and own.status == "HELD":
            house = holding.target_house(state, own.body)
            if house:
                holding.hand_over(state, own, house)
        if subject in (*CONTRACTS, "unit"):
            for held in state.all("seizure"):
                if holding.names(held, subject, own.body) and own.status != "WITHDRAWN":
                    state.requests.append(("seizure", "FOUND", held.key, own.body["house_code"]))
        if subject == "feedback" and own.body["house_code"]:
            state.requests.append(("feedback", "NOTED", own.key, own.body["house_code"]))

    # -- what the exchange asks of itself ----------------------------------------------------------------------------------

    def _answered(self, subject: str, body: Body, name: tuple[str, str]) -> Decision:
        state, timer = self.state, body["event_type"] == "EXPIRED"
        if not timer:
            self._time_passes("unit" if subject == "feedback" else subject, body)
        fired, asked = state.taken()
        house = body.get("house_code")
        former_head = self._head(house)
        done = self._do(subject, body)
        if done and state.deeds:
            self._after(house, former_head)
        codes = set() if done else {("NOTHING_TO_DO", "REFUSE")}
        return self._decision(name, None, codes, fired, asked)

    def _do(self, subject: str, body: Body) -> bool:
        """Do what is asked. Says whether there was anything to do."""
        state, event_type = self.state, body["event_type"]
        if subject == "defaulter":
            return self._end_listing(body["entity_id"])
        if subject == "conflict":
            return clashes.answer(state, event_type, body["_key"], body["house_code"])
        if subject == "feedback":
            return self._note(body)
        if subject == "watch":
            return event_type == "SOUGHT" or self._hit(body)
        if event_type == "EXPIRED":
            queue.expire(state, body["house_code"])
            return bool(state.deeds)
        return self._bound(body, state.get("seizure", body["entity_id"]))

    def _bound(self, body: Body, thing: Thing | None) -> bool:
        state, house = self.state, body["bound_house_code"]
        if thing is None or thing.status != "HELD":
            return False
        if body["house_code"] is None:
            if thing.house is None:
                holding.hand_over(state, thing, house)
                return True
            return False
        if holding.unit_is_there(state, house):
            holding.bind(state, thing, house)
            queue.rearrange(state, house, state.today)
        else:
            # The house is known by its contract, but its unit is not: it waits there for the unit.
            state.do(thing, "BOUND", "HELD", bound_house_code=house, house_code=house)
        return True

    def _hit(self, body: Body) -> bool:
        watch = self.state.get("watch", body["entity_id"])
        last = watch.body["expires_on"] if watch and watch.status == "OPEN" else None
        if watch is None or watch.status != "OPEN" or (last is not None and last < self.state.today):
            return False
        self.state.do(watch, "HIT", hit=(body["hit_subject"], body["hit_entity_id"], body["hit_revision"]))
        return True

    def _note(self, body: Body) -> bool:
        unit = self.state.get("unit", body["house_code"])
        if unit is None or not unit.revision:
            return False
        noted = [item for item in unit.body.get("noted") or [] if item[0] != body["entity_id"]]
        if body["status"] == "ACTIVE":
            noted.append((body["entity_id"], body["source"], body["feedback_kind"], body["occurred_at"]))
        self.state.do(unit, "REPORTED", noted=noted)
        return True
