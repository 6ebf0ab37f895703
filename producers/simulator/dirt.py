"""What goes wrong in real life, on demand: kinds of dirt with their rates, dealt over the stream."""

from collections import deque
from collections.abc import Iterator, Mapping
from random import Random

from producers.simulator.dirt_basics import right
from producers.simulator.dirt_kinds import KINDS
from producers.simulator.ledger import Planned
from producers.simulator.town import Happen, Town

LATE_DUPLICATE = "late_duplicate"

DEFAULT_RATES: Mapping[str, float] = {
    name: per_mille / 1000
    for name, per_mille in {
        # What networks and retries do.
        "duplicate": 15.0,
        LATE_DUPLICATE: 6.0,
        "event_id_reused": 2.0,
        "stale": 6.0,
        "version_gap": 4.0,
        # What broken programs send.
        "bad_magic": 1.5,
        "truncated": 2.0,
        "trailing_bytes": 1.0,
        "unknown_schema": 1.0,
        "tombstone": 0.6,
        "too_large": 0.2,
        "wrong_partition": 1.2,
        "wrong_key": 0.8,
        "bad_envelope": 0.6,
        # What clerks type.
        "bad_citizen_id": 5.0,
        "bad_house_code": 2.0,
        "bad_realty_unit_no": 1.5,
        "bad_case_no": 0.8,
        "unknown_code": 2.0,
        "too_long": 1.0,
        "empty_core_field": 2.0,
        "nul_character": 0.8,
        "bad_area": 1.5,
        "bad_amount": 1.0,
        "bad_date_order": 1.0,
        "bad_party": 0.8,
        "bad_share": 0.5,
        "bad_time": 1.0,
        "uscc_check": 1.5,
        # Who may not, what may not be.
        "source_mismatch": 1.0,
        "not_permitted": 1.0,
        "foreign_entity": 2.0,
        "unit_changed": 0.8,
        "illegal_transition": 5.0,
        "status_mismatch": 1.0,
        "filing_no_changed": 1.0,
        "double_sale": 6.0,
        # What the law bars.
        "seized_sale": 3.0,
        "listed_buyer": 3.0,
        "listed_co_buyer": 1.0,
        "listed_alias": 0.5,
        "no_permit": 1.0,
        "changed_under_mortgage": 0.8,
        "changed_under_notice": 0.8,
        "seized_mortgage": 1.0,
        "rank_taken": 1.0,
        "long_lease": 0.5,
        "long_seizure": 0.4,
        "renewal_notice": 0.3,
        "bad_renewal": 0.3,
        "rekey": 0.2,
        "unknown_unit": 2.0,
    }.items()
}
"""For each kind, how many in one event of the plan. About 9 % in all."""

CLEAN: Mapping[str, float] = {}
"""No dirt at all."""

_DECK_EVENTS = 10_000
_LATE_BY = (50, 800)


def scaled(factor: float) -> dict[str, float]:
    """The default rates times a factor."""
    return {name: rate * factor for name, rate in DEFAULT_RATES.items()}


class Dirt:
    """Deals dirt over the happenings of a stream.

    Kinds come from shuffled decks that hold each kind as often as its rate asks for; the first deck begins with one of
    each, so that even a short stream has every kind. Raises ValueError for rates of unknown kinds, or above 1 in all.
    """

    def __init__(self, rng: Random, rates: Mapping[str, float]) -> None:
        unknown = set(rates) - set(KINDS) - {LATE_DUPLICATE}
        if unknown:
            raise ValueError(
                f"no such kind of dirt: {', '.join(sorted(unknown))}; there are {', '.join(sorted(KINDS))}"
            )
        self._rng = rng
        self._rates = {name: rate for name, rate in rates.items() if rate > 0}
        self._total = sum(self._rates.values())
        if self._total > 1:
            raise ValueError(f"the rates of dirt add up to {self._total:.2f}; at most 1 is possible")
        self._deck = rng.sample(sorted(self._rates), len(self._rates))
        self._waiting: deque[str] = deque()
        self._late: deque[tuple[int, Planned]] = deque()
        self._events = 0

    def around(self, town: Town, happen: Happen) -> Iterator[Planned]:
        """All records to send for a happening, the right one among them."""
        self._events += 1
        while self._late and self._late[0][0] <= self._events:
            yield self._late.popleft()[1]
        if self._rng.random() < self._total:
            self._waiting.append(self._draw())
        made = self._try(town, happen) if self._waiting else None
        if made is None:
            yield right(happen)
        else:
            yield from made

    def _draw(self) -> str:
        if not self._deck:
            self._deck = [
                name for name, rate in self._rates.items() for _ in range(max(1, round(rate * _DECK_EVENTS)))
            ]
            self._rng.shuffle(self._deck)
        return self._deck.pop()

    def _try(self, town: Town, happen: Happen) -> tuple[Planned, ...] | None:
        """Try the kind that waits longest; if it does not fit this happening it goes behind the others."""
        kind = self._waiting.popleft()
        if kind == LATE_DUPLICATE:
            sent = right(happen)
            last = self._late[-1][0] if self._late else 0
            due = max(last, self._events + self._rng.randrange(*_LATE_BY))
            self._late.append((due, sent._replace(dirt=LATE_DUPLICATE)))
            return (sent,)
        made = KINDS[kind](town, happen)
        if made is None:
            self._waiting.append(kind)
            return None
        return tuple(made)
