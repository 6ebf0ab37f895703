"""What happens in offices: the building table grows and changes, courts seize and list, families are recorded."""

from producers.simulator.city import Project, build_units
from producers.simulator.offices import project_record, unit_record
from producers.simulator.people import Party
from producers.simulator.town import Happen, Home, Life, Start, Town


def project_life(town: Town, project: Project) -> Life:
    """A project and its units enter the building table, and change now and then."""
    dossier = town.dossier("bureau", "project", project_record(project))
    yield Happen(dossier, "REGISTERED")
    for unit in build_units(town.rng, project):
        home = Home(unit, (project.developer,))
        entered = town.dossier("bureau", "unit", unit_record(unit))
        town.units[unit.house_code] = entered
        yield Happen(entered, "REGISTERED")
        town.for_sale.append(home)
        if town.chance(0.05):
            yield Start(_measured(town, home))
    if town.chance(0.5):
        yield town.days(120)
        yield Happen(dossier, "CHANGED", {"escrow_bank": "商丘甲银行"})


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


def seizure_life(town: Town, home: Home, contract_no: str | None) -> Life:
    """A court seizes a home of its debtor."""
    record = town.offices.seizure(home.unit, home.owners[0], town.clock.now(), contract_no)
    seizure = town.dossier("court", "seizure", record)
    yield Happen(seizure, "SEIZED")
    if town.chance(0.1):
        yield town.days(10)
        yield Happen(seizure, "CHANGED", {"scope": "房屋所有权及土地使用权"})
    if town.chance(0.15):
        yield town.days(60)
        end = seizure.state.record["end_date"]
        yield Happen(seizure, "RENEWED", {"end_date": end.replace(year=end.year + 3, day=min(end.day, 28))})
    if town.chance(0.45):
        yield town.days(80)
        yield Happen(
            seizure,
            "RELEASED",
            {
                "release_org": seizure.state.record["court_name"],
                "release_ruling_no": f"{seizure.state.record['case_no']}之三",
                "released_at": town.clock.now(),
                "release_reason": "被执行人已履行义务",
            },
        )


def listing_life(town: Town, who: Party) -> Life:
    """A debtor is listed, and leaves the list within three working days of doing what was owed."""
    listing = town.dossier(
        "court", "defaulter", town.offices.listing(town.any_home().unit.county, who, town.clock.now())
    )
    yield Happen(listing, "LISTED")
    if town.chance(0.2):
        yield town.days(40)
        yield Happen(listing, "CHANGED", {"performance": "部分履行", "performed_part": "已给付部分款项"})
    if town.chance(0.4):
        yield town.days(70)
        yield Happen(listing, "REMOVED", {"removed_at": town.clock.now(), "removal_reason": "全部义务已履行"})


def watch_life(town: Town) -> Life:
    """A court watches a person or a house for a time."""
    home = town.any_home()
    about = home.unit if town.chance(0.5) else None
    watch = town.dossier(
        "court", "watch", town.offices.watch(home.unit.county, town.people.person(), about, town.clock.now())
    )
    yield Happen(watch, "OPENED")
    if town.chance(0.2):
        yield town.days(30)
        yield Happen(watch, "CHANGED", {"purpose": "执行查控（延长）"})
    if town.chance(0.5):
        yield town.days(60)
        yield Happen(watch, "CLOSED", {"close_reason": "案件执结"})


def alias_life(town: Town, principal: str) -> Life:
    """Two numbers turn out to be one person's."""
    county = town.any_home().unit.county
    record = town.offices.alias(county, town.people.person(), town.people.person(), town.clock.now())
    alias = town.dossier(principal, "alias", record)
    yield Happen(alias, "LINKED")
    if town.chance(0.15):
        yield town.days(20)
        yield Happen(alias, "UNLINKED", {"reason": "关联有误"})


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
