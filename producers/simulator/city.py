"""The city: projects, buildings and units in the nine counties of Shangqiu, with codes and prices that fit together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from producers.simulator.numbers import house_code, realty_unit_no
from producers.simulator.people import Party, Population


@dataclass(frozen=True, slots=True)
class County:
    """A county with the division code of its court and its usual price of a square metre, in yuan."""

    code: str
    name: str
    court: str
    price: int


COUNTIES = (
    County("411402", "梁园区", "豫1402", 6300),
    County("411403", "睢阳区", "豫1403", 6600),
    County("411421", "民权县", "豫1421", 4700),
    County("411422", "睢县", "豫1422", 4600),
    County("411423", "宁陵县", "豫1423", 4400),
    County("411424", "柘城县", "豫1424", 4800),
    County("411425", "虞城县", "豫1425", 4700),
    County("411426", "夏邑县", "豫1426", 4600),
    County("411481", "永城市", "豫1481", 5400),
)
_COUNTY_WEIGHTS = (24, 22, 8, 7, 5, 8, 8, 8, 14)
_ROADS = (
    "神火大道",
    "归德路",
    "应天路",
    "睢阳大道",
    "文化路",
    "长江路",
    "凯旋路",
    "平原路",
    "南京路",
    "香君路",
)
_ESTATES = ("锦绣", "华府", "名门", "御景", "清华", "翰林", "上河", "春江", "碧水", "天悦")
_TAILS = ("花园", "新城", "家园", "小区", "公馆", "国际")
_LAYOUTS = ((48, "1"), (72, "2"), (96, "3"), (118, "3"), (138, "4"), (165, "5"))


@dataclass(frozen=True, slots=True)
class Project:
    """A housing project of one developer; ``presold`` ones are still being built and need a presale permit."""

    project_id: str
    name: str
    address: str
    county: County
    town_code: str
    developer: Party
    permit_no: str
    permit_date: date
    presold: bool
    price: int
    parcel: int
    land_cert_no: str
    buildings: tuple["Building", ...]


@dataclass(frozen=True, slots=True)
class Building:
    """A building: its code (21 characters), number, floors and units a floor."""

    code: str
    number: int
    floors: int
    per_floor: int
    units: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A dwelling. Areas in square metres, the listed price in yuan for a square metre of gross area."""

    house_code: str
    realty_unit_no: str
    project: Project
    building: Building
    address: str
    entrance_no: str
    floor: int
    room_no: str
    gross_area: Decimal
    inner_area: Decimal
    shared_area: Decimal
    layout_code: str
    unit_price: Decimal
    key: bytes

    @property
    def county(self) -> County:
        return self.project.county

    @property
    def listed_price(self) -> Decimal:
        return (self.unit_price * self.gross_area).quantize(Decimal("0.01"))


def build_projects(rng: Random, people: Population, units: int, tag: str) -> Iterator[Project]:
    """Projects with room for ``units`` units in all. ``tag`` keeps the ids of different seeds apart."""
    number = 0
    # One in each county before the market decides, so that even a small city is the whole prefecture.
    counties = rng.sample(COUNTIES, len(COUNTIES))
    while units > 0:
        number += 1
        county = counties.pop() if counties else rng.choices(COUNTIES, _COUNTY_WEIGHTS)[0]
        project = _project(rng, people, county, number, units, tag)
        units -= sum(building.units for building in project.buildings)
        yield project


def _project(rng: Random, people: Population, county: County, number: int, room: int, tag: str) -> Project:
    town_code = f"{rng.randrange(1, 20):03d}"
    presold = rng.random() < 0.7
    name = rng.choice(_ESTATES) + rng.choice(_ESTATES) + rng.choice(_TAILS)
    permit = date(2020, rng.randrange(1, 13), rng.randrange(1, 29))
    return Project(
        project_id=f"P{tag}{number:05d}",
        name=name,
        address=f"河南省商丘市{county.name}{rng.choice(_ROADS)}{rng.randrange(1, 600)}号",
        county=county,
        town_code=town_code,
        developer=people.company(),
        permit_no=f"（{permit.year}）商房预售证第{tag}{number:05d}号",
        permit_date=permit,
        presold=presold,
        price=int(county.price * rng.gauss(1.0, 0.12)),
        parcel=rng.randrange(1, 100_000),
        land_cert_no=f"豫（{permit.year - 1}）商丘市不动产权第{rng.randrange(10**7):07d}号",
        buildings=tuple(_buildings(rng, county, town_code, presold, room)),
    )


def _buildings(rng: Random, county: County, town_code: str, presold: bool, room: int) -> Iterator[Building]:
    for number in range(1, rng.randrange(2, 7)):
        if room <= 0:
            return
        floors, per_floor = rng.choice(((6, 4), (11, 4), (18, 4), (26, 3), (33, 4)))
        code = f"{county.code}{town_code}{_building_code(rng, presold)}"
        units = min(floors * per_floor, room)
        room -= units
        yield Building(code, number, floors, per_floor, units)


def _building_code(rng: Random, presold: bool) -> str:
    """Any of the standard's methods; an unfinished building cannot be coded by its completion."""
    method = rng.randrange(1 if presold else 0, 4)
    if method == 0:
        completed = rng.choice(
            (
                f"{rng.randrange(2005, 2021)}{rng.randrange(1, 13):02d}",
                f"{rng.randrange(2000, 2021)}**",
                "199***",
            )
        )
        return f"{completed}{rng.randrange(1, 1_000_000):06d}"
    if method == 1:
        return f"{rng.randrange(10**6):06d}{rng.randrange(10**6):06d}"
    if method == 2:
        return "".join(f"{rng.randrange(1, 10_000):04d}" for _ in range(3))
    return f"{rng.randrange(10**8):08d}{rng.randrange(1, 10_000):04d}"


def build_units(rng: Random, project: Project) -> Iterator[Unit]:
    """The units of a project, building by building and floor by floor."""
    for building in project.buildings:
        for at in range(building.units):
            yield _unit(rng, project, building, at)


def _unit(rng: Random, project: Project, building: Building, at: int) -> Unit:
    floor, door = at // building.per_floor + 1, at % building.per_floor + 1
    size, layout = rng.choice(_LAYOUTS)
    inner = Decimal(int(size * rng.uniform(74, 84))) / 100
    shared = Decimal(int(size * rng.uniform(16, 24))) / 100
    code = house_code(building.code[:9], building.code[9:], at + 1)
    price = project.price * (1 + 0.004 * floor) * rng.uniform(0.97, 1.03)
    return Unit(
        house_code=code,
        realty_unit_no=realty_unit_no(
            project.county.code, int(project.town_code), project.parcel, building.number, at + 1
        ),
        project=project,
        building=building,
        address=f"{project.address}{project.name}{building.number}号楼{1 + (door > 2)}单元{floor:02d}{door:02d}室",
        entrance_no=str(1 + (door > 2)),
        floor=floor,
        room_no=f"{floor}{door:02d}",
        gross_area=inner + shared,
        inner_area=inner,
        shared_area=shared,
        layout_code=layout,
        unit_price=Decimal(int(price * 100)) / 100,
        key=code.encode(),
    )
