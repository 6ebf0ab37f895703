"""What happens in offices: the building table grows and changes, families are recorded."""

from producers.simulator.city import Project, build_units
from producers.simulator.docket import Home
from producers.simulator.lives_court import unregistered_seizure_life
from producers.simulator.offices import project_record, unit_record
from producers.simulator.people import Party
from producers.simulator.town import Happen, Life, Start, Town


def project_life(town: Town, project: Project) -> Life:
    """A project and its units enter the building table, and change now and then."""
    dossier = town.dossier("bureau", "project", project_record(project))
    yield Happen(dossier, "REGISTERED")
    for unit in build_units(town.rng, project):
        home = Home(unit, (project.developer,))
        if town.chance(0.015):
            yield Start(_entered_late(town, home))
            continue
        yield from _entered(town, home)
    if town.chance(0.5):
        yield town.days(120)
        yield Happen(dossier, "CHANGED", {"escrow_bank": "商丘甲银行"})


def _entered(town: Town, home: Home) -> Life:
    unit = home.unit
    entered = town.dossier("bureau", "unit", unit_record(unit))
    town.units[unit.house_code] = entered
    yield Happen(entered, "REGISTERED")
    town.for_sale.append(home)
    if town.chance(0.05):
        yield Start(_measured(town, home))


def _entered_late(town: Town, home: Home) -> Life:
    """A unit whose entry was forgotten; a court may be first to name it."""
    if town.chance(0.6):
        yield Start(unregistered_seizure_life(town, home))
    yield town.days(30)
    yield from _entered(town, home)


def _measured(town: Town, home: Home) -> Life:
    unit = town.units[home.unit.house_code]
    yield town.days(90)
    yield Happen(unit, "CHANGED", {"area_kind": "2", "sc_gross_area": home.unit.gross_area})


def withdrawal_life(town: Town, home: Home) -> Life:
    """A unit that was entered by mistake leaves the building table; nothing may be filed on it any more."""
    yield town.days(1)
    yield Happen(town.units[home.unit.house_code], "WITHDRAWN")


def project_withdrawal_life(town: Town, project: Project) -> Life:
    """A project was entered twice, and one of the two is withdrawn."""
    number = f"{project.project_id}-{town.rng.getrandbits(32):08X}"
    twin = project_record(project) | {"entity_id": number, "project_id": number, "buildings": []}
    dossier = town.dossier("bureau", "project", twin)
    yield Happen(dossier, "REGISTERED")
    yield town.days(2)
    yield Happen(dossier, "WITHDRAWN")


def household_life(town: Town, family: tuple[Party, ...], principal: str) -> Life:
    """A family is recorded, changes its address, moves away."""
    home = town.any_home()
    record = town.offices.household(family, home.unit.county, town.clock.now(), principal)
    household = town.dossier(principal, "household", record)
    yield Happen(household, "RECORDED")
    if town.chance(0.2):
        yield town.days(50)
        yield Happen(household, "CHANGED", {"as_of": town.clock.now().date()})
    if town.chance(0.05):
        yield town.days(50)
        yield Happen(household, "WITHDRAWN")
