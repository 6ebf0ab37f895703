"""What all lives share: the chance, the clock, the people, who owns which unit; and the steps that a life is made of."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from producers.simulator.contracts import Contracts
from producers.simulator.docket import Docket, Home
from producers.simulator.dossier import Clock, Dossier
from producers.simulator.ledger import Record
from producers.simulator.offices import Offices
from producers.simulator.parties import PartyBook
from producers.simulator.people import Party, Population
from producers.simulator.wire import Form


class Happen(NamedTuple):
    """An event of an entity, with the fields that it sets."""

    dossier: Dossier
    event_type: str
    changes: Mapping[str, Any] = {}


class Wait(NamedTuple):
    """Nothing for so many days."""

    days: float


class Start(NamedTuple):
    """Another life begins now, beside this one."""

    life: "Life"


Step = Happen | Wait | Start
Life = Iterator[Step]


class Town:
    """The state of the city that lives read and change. ``forms`` gives the compiled schema of a subject; its year
    begins at ``begin``."""

    def __init__(
        self,
        rng: Random,
        people: Population,
        tag: str,
        forms: Callable[[str], Form],
        slots: int,
        begin: datetime,
    ) -> None:
        self.rng = rng
        self.slots = slots
        self.clock = Clock(begin)
        self.docket = Docket()
        self.people = people
        self.book = PartyBook()
        self.contracts = Contracts(rng, self.book, tag)
        self.offices = Offices(rng, self.book, tag)
        self.tag = tag
        self._forms = forms
        self.for_sale: list[Home] = []
        self.owned: list[Home] = []
        self.units: dict[str, Dossier] = {}

    def dossier(self, principal: str, subject: str, record: Record) -> Dossier:
        """A new entity."""
        return Dossier(self.rng, self.clock, self._forms(subject), principal, subject, record)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    def days(self, mean: float) -> Wait:
        """A wait of this length in the mean, at least a minute."""
        return Wait(0.001 + self.rng.expovariate(1 / mean))

    def take_home(self, homes: list[Home]) -> Home | None:
        """Take any home out of a list."""
        if not homes:
            return None
        at = int(self.rng.random() * len(homes))
        homes[at], homes[-1] = homes[-1], homes[at]
        return homes.pop()

    def take_free_home(self, homes: list[Home]) -> Home | None:
        """Take any home that is not seized; now and then there is none at hand."""
        for _ in range(4):
            home = self.take_home(homes)
            if home is None or not self.docket.is_seized(home):
                return home
            homes.append(home)
        return None

    def buyers(self) -> tuple[Party, ...]:
        """One or two who may buy; some by another document than their usual one."""
        for _ in range(20):
            couple = self.people.couple()
            if not any(self.docket.is_listed(who) for who in couple):
                break
        if couple[0].id_no in self.docket.aliases and self.chance(0.5):
            return (self.docket.aliases[couple[0].id_no], *couple[1:])
        return couple

    def any_home(self) -> Home:
        """Any unit, sold or not."""
        homes = self.owned if self.owned and self.rng.random() < 0.8 else self.for_sale or self.owned
        return homes[int(self.rng.random() * len(homes))]
