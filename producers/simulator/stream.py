"""The plan: everything that the city's sources send, in one order, deterministic by seed.

The building table comes first, then a year of business. Each principal's records keep the plan's order on its own topic;
between topics there is none, so what races in life races here too.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from heapq import heappop, heappush
from itertools import islice
from random import Random

from producers.simulator.business import business
from producers.simulator.city import COUNTIES, build_projects
from producers.simulator.dirt import DEFAULT_RATES, Dirt
from producers.simulator.dossier import BEGIN
from producers.simulator.ledger import Planned
from producers.simulator.lives_offices import project_life
from producers.simulator.people import Population
from producers.simulator.town import Happen, Life, Start, Town
from producers.simulator.wire import Form
from schemas.files import latest_version, load_schema

DEFAULT_SLOTS = 4
_UNITS_OF_EVENTS = 0.11
_EVENTS_OF_LIFE = 4.0
_DAYS = 300.0


@cache
def form_of(subject: str) -> Form:
    """The compiled form of the newest schema of a subject."""
    return Form(load_schema(subject, latest_version(subject)))


def plan(
    seed: int,
    events: int,
    dirt: Mapping[str, float] = DEFAULT_RATES,
    slots: int = DEFAULT_SLOTS,
    begin: datetime = BEGIN,
) -> Iterator[Planned]:
    """The first ``events`` records of the plan of ``seed``, dirt included.

    The same arguments give the same records, byte for byte. ``slots`` is the number of partitions of the stack, which
    some kinds of dirt must know. The city's year begins at ``begin`` (UTC): terms of seizures and listings run from days
    of that year. A plan for more events is another plan, of a larger city.
    """
    master = Random(seed)
    building, living, going_wrong, moving_in = (Random(master.getrandbits(64)) for _ in range(4))
    # The tag keeps the plans of two seeds, or of two sizes, apart on one stack.
    tag = f"{(seed * 1_000_003 + events) & 0xFFFFFFFF:08X}"
    people = Population(moving_in, max(60, events // 10), tuple(county.code for county in COUNTIES)).settle()
    town = Town(living, people, tag, form_of, slots, begin)
    units = max(24, int(events * _UNITS_OF_EVENTS))
    lives = [project_life(town, project) for project in build_projects(building, people, units, tag)]
    lives.append(business(town, events / _EVENTS_OF_LIFE / _DAYS))
    return islice(_run(town, Dirt(going_wrong, dirt), lives), events)


def _run(town: Town, dirt: Dirt, lives: list[Life]) -> Iterator[Planned]:
    """Let all lives go on, each when its time has come, until none is left."""
    due = [(0.0, number, life) for number, life in enumerate(lives)]
    number = len(due)
    while due:
        town.clock.days, _, life = heappop(due)
        for step in life:
            if isinstance(step, Happen):
                yield from dirt.around(town, step)
                continue
            number += 1
            if isinstance(step, Start):
                heappush(due, (town.clock.days, number, step.life))
            else:
                heappush(due, (town.clock.days + step.days, number, life))
                break
