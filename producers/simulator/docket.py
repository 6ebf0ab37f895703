"""What careful sources know of what the law bars: seized homes, listed people, what is being sold, which ranks are taken.

A city whose offices look things up sends little that must be refused; what is illegal on purpose is made from this too.
"""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, TypeVar

from producers.simulator.city import Unit
from producers.simulator.dossier import Dossier
from producers.simulator.people import Party

_T = TypeVar("_T")


class Home(NamedTuple):
    """A unit and who owns it; for a new home its developer."""

    unit: Unit
    owners: tuple[Party, ...]


class Deal(NamedTuple):
    """A sale that is on its way."""

    home: Home
    buyers: tuple[Party, ...]
    sale: Dossier


class Hold(NamedTuple):
    """A seizure in force, as its court has it."""

    home: Home
    seizure: Dossier


@dataclass(slots=True)
class Docket:
    """Each by an id, in the order in which it came, so that the same chances pick the same."""

    holds: dict[str, Hold] = field(default_factory=dict)
    listed: dict[str, Party] = field(default_factory=dict)
    deals: dict[str, Deal] = field(default_factory=dict)
    aliases: dict[str, Party] = field(default_factory=dict)
    """Another document of a party, by the number of its usual one."""
    _seized: dict[str, int] = field(default_factory=dict)
    _listings: dict[str, int] = field(default_factory=dict)
    _ranks: dict[str, set[int]] = field(default_factory=dict)

    def seize(self, home: Home, seizure: Dossier, *, is_in_force: bool) -> None:
        """A home is seized. One whose term was short may be free again when its record is decided."""
        house = home.unit.house_code
        self._seized[house] = self._seized.get(house, 0) + 1
        if is_in_force:
            self.holds[seizure.entity_id] = Hold(home, seizure)

    def release(self, home: Home, seizure: Dossier) -> None:
        """A seizure ends; others on the home may go on."""
        self._seized[home.unit.house_code] -= 1
        self.holds.pop(seizure.entity_id, None)

    def is_seized(self, home: Home) -> bool:
        return self._seized.get(home.unit.house_code, 0) > 0

    def enter(self, who: Party, listing: Dossier, *, is_in_force: bool) -> None:
        """A party is listed."""
        self._listings[who.id_no] = self._listings.get(who.id_no, 0) + 1
        if is_in_force:
            self.listed[listing.entity_id] = who

    def strike(self, who: Party, listing: Dossier) -> None:
        """A listing is removed."""
        self._listings[who.id_no] -= 1
        self.listed.pop(listing.entity_id, None)

    def is_listed(self, who: Party) -> bool:
        return self._listings.get(who.id_no, 0) > 0

    def take_rank(self, unit: Unit) -> int:
        """The first rank that no mortgage of the unit has."""
        taken = self._ranks.setdefault(unit.house_code, set())
        rank = next(rank for rank in range(1, len(taken) + 2) if rank not in taken)
        taken.add(rank)
        return rank

    def free_rank(self, unit: Unit, rank: int) -> None:
        """A mortgage has ended."""
        self._ranks[unit.house_code].discard(rank)


def pick(rng: Random, among: dict[str, _T]) -> _T | None:
    """Any of these, or None of none."""
    return rng.choice(tuple(among.values())) if among else None
