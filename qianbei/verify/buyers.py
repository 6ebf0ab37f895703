"""Listed buyers: did each sale look at the listings of its buyers, and did each listing find the sales before it.

Sales and listings are decided in different slots, so there is no common order but what each decision saw of the other
side. Of a listing and a live sale of the same party one must have seen the other:

* the sale saw the listing: then the sale must not have been accepted while the listing stood (*stock data* are, with a
  conflict);
* the listing (or the alias that links the two) saw the sale: then there is a conflict of the two, or the request for it
  was refused because one of them had ended by the time (*moot*).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from qianbei.verify.deeds import Conflict, Listing, OfParty, Ruling, Sale
from qianbei.verify.house import LISTED_BUYER, Clash, Say
from qianbei.verify.outcome import Effect
from qianbei.verify.parties import LISTING, Look, Parties, Register, closure
from qianbei.verify.report import Findings
from qianbei.verify.rulings import Rulings
from schemas.said import said


class Pair(NamedTuple):
    """A listing and a sale, by their ids."""

    listing: str
    sale: str


class Due(NamedTuple):
    """A conflict that must be there, and where from."""

    place: str
    required: bool


@dataclass(slots=True)
class Buyer:
    """A live sale: whose, where, and which listings its decisions saw."""

    sale: Sale
    place: str
    required: bool
    saw: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Buyers:
    """Told of every decision on a sale, a listing or an alias, in the order of each slot, and of every conflict."""

    rulings: Rulings
    findings: Findings
    register: Register = field(default_factory=Register)
    live: dict[str, Buyer] = field(default_factory=dict)
    due: dict[Pair, Due] = field(default_factory=dict)
    raised: set[Pair] = field(default_factory=set)
    open: dict[Pair, str] = field(default_factory=dict)
    moot: set[str] = field(default_factory=set)

    # -- sales --------------------------------------------------------------------------------------------------------

    def judge(self, name: str, sale: Sale, before: Sale | None, ruling: Ruling, on: date, say: Say) -> None:
        """An accepted SIGNED, FILED or AMENDED sale."""
        kept = before.buyers if before and sale.event_type == "AMENDED" else frozenset()
        if unknown := self.register.unknown(ruling.seen):
            say(
                "UNKNOWN_FACT",
                said(
                    "rests on {subject} {entity_id}, which is not there",
                    subject=unknown[0].subject,
                    entity_id=unknown[0].entity_id,
                ),
            )
        elif self.rulings.refuses(LISTED_BUYER, sale.county, on):
            look = self.register.look(ruling.seen)
            for ref in sorted(sale.buyers - kept):
                self._judge_buyer(name, sale, look.same(ref), look, ruling, on, say)

    def _judge_buyer(
        self, name: str, sale: Sale, refs: Parties, look: Look, ruling: Ruling, on: date, say: Say
    ) -> None:
        self.findings.counts["buyers"] += 1
        if missed := look.missed(refs):
            say(
                "UNSEEN_BUYER",
                said(
                    "sale {name} was accepted without a look at the {missed} of each buyer",
                    name=name,
                    missed=missed,
                ),
            )
        for listed, listing in look.of(refs):
            if not listing.stands(on) or not self.rulings.blocks(listing.list_type, sale.county, on):
                continue
            if sale.baseline:
                self.due[Pair(listed, name)] = Due(ruling.place, ruling.required)
            else:
                say(
                    "LISTED_BUYER",
                    said(
                        "sale {name} was accepted though listing {listed} of a buyer stood",
                        name=name,
                        listed=listed,
                    ),
                )

    def lives(self, name: str, sale: Sale, ruling: Ruling, *, own: bool) -> None:
        """A live sale after a decision. ``own``: the decision is on a record of this sale."""
        known = self.live.get(name) or Buyer(sale, ruling.place, ruling.required)
        known.sale = sale
        if own:
            known.saw.update(one.entity_id for one in ruling.seen if one.subject == LISTING)
        self.live[name] = known

    def ended(self, name: str) -> None:
        """A sale that is not live."""
        self.live.pop(name, None)

    # -- listings, aliases, conflicts -----------------------------------------------------------------------------------

    def placed(self, effect: Effect, deed: OfParty, ruling: Ruling) -> None:
        """A listing or alias that was sent: it asks the house of each sale that its decision saw, which must answer."""
        listings: list[str] = []
        if isinstance(deed, Listing):
            listings = [effect.entity_id] if deed.status == "LISTED" else []
        elif deed.linked:
            listings = [name for name, _ in self.register.look(ruling.seen).listings]
        sales = [one.entity_id for one in ruling.seen if one.subject == "sale" and one.revision is not None]
        for listing in listings:
            for sale in sales:
                self.due.setdefault(Pair(listing, sale), Due(ruling.place, ruling.required))

    def _blocks(self, listing: Listing, sale: Sale, on: date) -> bool:
        """Whether the listing keeps its party from such a sale; what counts is the county of the house."""
        return self.rulings.refuses(LISTED_BUYER, sale.county, on) and self.rulings.blocks(
            listing.list_type, sale.county, on
        )

    def conflict(self, name: str, conflict: Conflict) -> None:
        """A revision of a conflict."""
        pair = _pair(conflict)
        if pair is None:
            return
        self.raised.add(pair)
        if conflict.status == "OPEN":
            self.open[pair] = name
        else:
            self.open.pop(pair, None)

    # -- ending -------------------------------------------------------------------------------------------------------

    def _unanswered(self) -> Iterator[tuple[Pair, Due]]:
        for pair, due in self.due.items():
            if pair not in self.raised and conflict_id(_clash(pair)) not in self.moot:
                yield pair, due

    def _left_open(self) -> Iterator[tuple[Pair, str]]:
        for pair, name in self.open.items():
            listing = self.register.newest.get((LISTING, pair.listing))
            if listing is not None and listing.required and listing.deed.status != "LISTED":
                yield pair, name

    def waits(self) -> bool:
        """Whether a conflict is missing, or open without need, which more reading may mend."""
        return any(due.required for _, due in self._unanswered()) or any(self._left_open())

    def finish(self, on: date) -> None:
        """Note what is missing. ``on`` is the day of the last decision."""
        self.findings.counts["listings_met_sales"] += len(self.due)
        for pair, due in self._unanswered():
            if due.required:
                detail = said(
                    "no conflict of listing {listing} and sale {sale}, nor was it refused as moot",
                    listing=pair.listing,
                    sale=pair.sale,
                )
                self.findings.add("NO_CONFLICT", due.place, detail)
        for pair, name in self._left_open():
            detail = said("is open though listing {listing} has ended", listing=pair.listing)
            self.findings.add("LEFT_OPEN", f"conflict {name}", detail)
        unanswered = {pair for pair, _ in self._unanswered()}
        for pair in self._standing(on):
            if pair not in self.open and pair not in unanswered:
                self._unmet(pair)

    def _standing(self, on: date) -> Iterator[Pair]:
        """Each listing with each live sale of the same party, in the end, where both are required."""
        by_ref: dict[str, list[str]] = {}
        for name, buyer in self.live.items():
            for ref in buyer.sale.buyers if buyer.required else ():
                by_ref.setdefault(ref, []).append(name)
        links = self.register.links()
        for listed, listing in self.register.standing(on):
            self.findings.counts["standing_listings"] += 1
            refs = {same for ref in listing.parties for same in closure(ref, links)}
            for name in sorted({name for ref in refs for name in by_ref.get(ref, ())}):
                buyer = self.live[name]
                # A sale that saw it was judged when it was accepted.
                if listed not in buyer.saw and self._blocks(listing, buyer.sale, on):
                    yield Pair(listed, name)

    def _unmet(self, pair: Pair) -> None:
        place = self.live[pair.sale].place
        if pair in self.due:
            detail = said(
                "no open conflict of listing {listing} and sale {sale}, though both stand",
                listing=pair.listing,
                sale=pair.sale,
            )
            self.findings.add("NO_CONFLICT", place, detail)
        else:
            detail = said(
                "sale {sale} and listing {listing} stand, and neither saw the other",
                sale=pair.sale,
                listing=pair.listing,
            )
            self.findings.add("MISSED", place, detail)


def conflict_id(clash: Clash) -> str:
    """The id that the conflict of a clash has."""
    sides = ":".join(sorted(f"{subject}/{name}" for subject, name in clash.sides))
    return str(uuid5(NAMESPACE_URL, f"qianbei:{clash.kind}:{sides}"))


def _clash(pair: Pair) -> Clash:
    return Clash(LISTED_BUYER, frozenset({(LISTING, pair.listing), ("sale", pair.sale)}))


def _pair(conflict: Conflict) -> Pair | None:
    if conflict.kind != LISTED_BUYER:
        return None
    sides = dict(conflict.sides)
    return Pair(sides.get(LISTING, ""), sides.get("sale", ""))
