"""What begins when: the mix of a city's business. Weights are of lives begun, not of events."""

from collections.abc import Callable

from producers.simulator.contracts import LENDERS
from producers.simulator.lives_contracts import correction_life, lease_life, loan_life, sale_life
from producers.simulator.lives_court import alias_life, any_listing, any_seizure, watch_life
from producers.simulator.lives_offices import household_life, project_withdrawal_life, withdrawal_life
from producers.simulator.town import Life, Start, Town, Wait

_CORRECTORS = ("education", "civil", "monitoring", "court", "registry", "police", "bureau", "fund", "tax")


def business(town: Town, lives_a_day: float) -> Life:
    """All business, for ever: lives begin one after the other, so many a day in the mean."""
    starts = tuple(_MIX)
    weights = tuple(_MIX.values())
    while True:
        yield Wait(town.rng.expovariate(lives_a_day))
        start = town.rng.choices(starts, weights)[0]
        life = start(town)
        if life is not None:
            yield Start(life)


def _sell_new(town: Town) -> Life | None:
    home = town.take_free_home(town.for_sale)
    return sale_life(town, home) if home else None


def _sell_again(town: Town) -> Life | None:
    home = town.take_free_home(town.owned)
    return sale_life(town, home) if home else _sell_new(town)


def _let(town: Town) -> Life:
    return lease_life(town, town.any_home())


def _borrow(town: Town) -> Life | None:
    if not town.owned:
        return None
    home = town.rng.choice(town.owned)
    if town.docket.is_seized(home):
        return None
    return loan_life(town, home, home.owners, town.rng.choice(LENDERS), None)


def _link(town: Town) -> Life:
    return alias_life(town, town.rng.choice(("police", "police", "court", "bureau")))


def _record_family(town: Town) -> Life:
    return household_life(town, town.people.household(), town.rng.choice(("civil", "police")))


def _correct(town: Town) -> Life:
    return correction_life(town, town.rng.choice(_CORRECTORS), town.any_home())


def _withdraw_unit(town: Town) -> Life | None:
    home = town.take_home(town.for_sale)
    return withdrawal_life(town, home) if home else None


def _withdraw_project(town: Town) -> Life:
    return project_withdrawal_life(town, town.any_home().unit.project)


_MIX: dict[Callable[[Town], Life | None], float] = {
    _sell_new: 30,
    _sell_again: 12,
    _let: 21,
    _borrow: 6,
    any_seizure: 6,
    any_listing: 4,
    watch_life: 2,
    _link: 1.5,
    _record_family: 7,
    _correct: 3,
    _withdraw_unit: 0.6,
    _withdraw_project: 0.3,
}
