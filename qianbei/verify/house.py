"""What stands on one house while its slot's decisions are replayed, and what must be true of it after each of them.

* The seizures with a place are a queue by the time of service (then by id): places 1, 2, 3 …, the first of them
  EFFECTIVE and alone with a term, the others WAITING; kinds 1 and 3 at the head, 2 and 4 behind it.
* Live sales that are no stock data: one at most, unless the policy allowed another one beside it.
* A *clash* is two things that may not stand together. Each has an open conflict, and a conflict of which a side has
  ended is open no longer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import NamedTuple, TypeVar

from qianbei.verify.deeds import LIVE, QUEUED, Conflict, Id, Mortgage, OnHouse, Sale, Seizure
from qianbei.verify.outcome import Effect
from schemas.said import said

SEIZED_UNIT_SOLD, DOUBLE_SALE, SEIZURE_ORDER = "SEIZED_UNIT_SOLD", "DOUBLE_SALE", "SEIZURE_ORDER"
MORTGAGE_ON_SOLD_UNIT, LISTED_BUYER = "MORTGAGE_ON_SOLD_UNIT", "LISTED_BUYER"

ARRIVING = frozenset({"SEIZED", "CHANGED", "BOUND"})
"""Events by which a seizure comes into the queue, or is mended, whatever its term."""

_Kept = TypeVar("_Kept")

Say = Callable[[str, str], None]
"""Told what is wrong: its kind and its detail."""


class Clash(NamedTuple):
    """Two things that may not stand together, and why."""

    kind: str
    sides: frozenset[Id]


@dataclass(slots=True)
class House:
    """What stands on a house. ``noted`` are clashes that need no conflict (any more): allowed, or reported already.

    Since the last decision, ``fresh`` are clashes that came about, and ``arrived`` seizures that were sent or bound.
    """

    sales: dict[str, Sale] = field(default_factory=dict)
    mortgages: dict[str, Mortgage] = field(default_factory=dict)
    queue: dict[str, Seizure] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    noted: set[Clash] = field(default_factory=set)
    fresh: set[Clash] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether nothing stands on it."""
        return not (self.sales or self.mortgages or self.queue or self.conflicts)

    def effective(self) -> list[str]:
        """The seizures in force."""
        return sorted(name for name, seizure in self.queue.items() if seizure.status == "EFFECTIVE")

    # -- replaying ----------------------------------------------------------------------------------------------------

    def apply(self, effect: Effect, deed: OnHouse) -> None:
        """A new revision of something on this house."""
        name = effect.entity_id
        if isinstance(deed, Sale):
            _keep(self.sales, name, deed, deed.status in LIVE)
        elif isinstance(deed, Mortgage):
            self._mortgaged(name, deed)
        elif isinstance(deed, Seizure):
            self._seized(name, deed)
        else:
            _keep(self.conflicts, name, deed, deed.status == "OPEN")

    def _mortgaged(self, name: str, mortgage: Mortgage) -> None:
        if mortgage.status in LIVE and name not in self.mortgages:
            self.fresh |= {
                Clash(MORTGAGE_ON_SOLD_UNIT, frozenset({("mortgage", name), ("sale", other)}))
                for other, sale in self.sales.items()
                if sale.contract_no != mortgage.sale_no
            }
        _keep(self.mortgages, name, mortgage, mortgage.status in LIVE)

    def _seized(self, name: str, seizure: Seizure) -> None:
        if name not in self.queue and seizure.status == "EFFECTIVE":
            # Whoever was in force until now was served later: that must be looked into.
            self.fresh |= {
                Clash(SEIZURE_ORDER, frozenset({("seizure", name), ("seizure", head)}))
                for head in self.effective()
            }
        if seizure.event_type in ARRIVING:
            self.arrived.add(name)
        _keep(self.queue, name, seizure, seizure.status in QUEUED)

    # -- after a decision ---------------------------------------------------------------------------------------------

    def check(self, on: date, say: Say) -> None:
        """Say what is wrong after a decision on that day."""
        self._check_queue(on, say)
        self._check_sales(say)
        self._check_conflicts(say)
        self.fresh.clear()
        self.arrived.clear()

    def _check_queue(self, on: date, say: Say) -> None:
        if len(heads := self.effective()) > 1:
            say("TWO_SEIZURES", said("{heads} are in force at once", heads=", ".join(heads)))
            return
        order = sorted(self.queue, key=lambda name: (self.queue[name].served_at, name))
        for place, name in enumerate(order, 1):
            if wrong := _misplaced(self.queue[name], place):
                say(
                    "QUEUE_ORDER",
                    said(
                        "seizure {name}, the {place}. by service, {wrong}",
                        name=name,
                        place=place,
                        wrong=wrong,
                    ),
                )
        until = self.queue[order[0]].until if order else None
        # One that came when its term was over already ends before the next decision.
        if until is not None and until < on and order[0] not in self.arrived:
            say(
                "OVERDUE",
                said("seizure {order} is in force after its last day {until}", order=order[0], until=until),
            )

    def _check_sales(self, say: Say) -> None:
        live = sorted(name for name, sale in self.sales.items() if not sale.baseline)
        for one, other in combinations(live, 2):
            if _double_sale(one, other) not in self.noted:
                say("TWO_LIVE_SALES", said("{one} and {other} are live on one unit", one=one, other=other))

    def _check_conflicts(self, say: Say) -> None:
        found = {Clash(conflict.kind, conflict.sides) for conflict in self.conflicts.values()}
        for clash in sorted({*self._clashes(), *self.fresh} - found - self.noted, key=_named):
            say("NO_CONFLICT", said("no open conflict {clash}", clash=_named(clash)))
            self.noted.add(clash)
        for name in sorted(self.conflicts):
            ended = [side for side in sorted(self.conflicts[name].sides) if not self.stands(side)]
            if ended:
                say(
                    "LEFT_OPEN",
                    said(
                        "conflict {name} is open though {ended} {ended2} has ended",
                        name=name,
                        ended=ended[0][0],
                        ended2=ended[0][1],
                    ),
                )
                del self.conflicts[name]

    def _clashes(self) -> Iterator[Clash]:
        names = sorted(self.sales)
        for name in names:
            for head in self.effective():
                yield Clash(SEIZED_UNIT_SOLD, frozenset({("seizure", head), ("sale", name)}))
            for other in names:
                if other < name and (self.sales[name].baseline or self.sales[other].baseline):
                    yield _double_sale(other, name)

    def stands(self, side: Id) -> bool:
        """Whether a side of a conflict still stands here. A listing stands in another slot: not known here."""
        subject, name = side
        if subject == "sale":
            return name in self.sales
        if subject == "mortgage":
            return name in self.mortgages
        return subject != "seizure" or name in self.queue


def _double_sale(one: str, other: str) -> Clash:
    return Clash(DOUBLE_SALE, frozenset({("sale", one), ("sale", other)}))


def _keep(kept: dict[str, _Kept], name: str, deed: _Kept, stands: bool) -> None:
    if stands:
        kept[name] = deed
    else:
        kept.pop(name, None)


def _misplaced(seizure: Seizure, place: int) -> str | None:
    """What is wrong with a seizure whose place by the time of service is this one."""
    if seizure.place != place:
        return f"has place {seizure.place}"
    head = place == 1
    if seizure.status != ("EFFECTIVE" if head else "WAITING"):
        return f"is {seizure.status}"
    if seizure.kind not in (("1", "3") if head else ("2", "4")):
        return f"is of kind {seizure.kind}"
    if (seizure.begins is not None, seizure.until is not None) != (head, head):
        return "has no term" if head else "has a term"
    return None


def _named(clash: Clash) -> str:
    return f"{clash.kind} of " + " and ".join(f"{subject} {name}" for subject, name in sorted(clash.sides))
