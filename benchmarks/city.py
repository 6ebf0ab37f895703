"""A synthetic city for queries to be asked of: families, houses, and what was filed on each.

Every house and every family follows from its number and the seed alone, so that whoever asks finds people and contracts
again without a list of them. Nobody exists: county 411499 was never assigned.

The spread is that of a city: a building has one developer and one county, a house two contracts on average, a family a
little more than one house; developers and banks have thousands of contracts each.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.identifiers import citizen_id, house_code, uscc

COUNTIES = ("411402", "411403", "411421", "411422", "411423", "411424", "411425", "411426", "411481")
_WEIGHTS = (24, 22, 8, 8, 6, 7, 9, 8, 8)
_ROADS = ("神火大道", "归德路", "南京路", "文化路", "凯旋路", "睢阳大道", "长江路", "团结路")
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
HOMES_OF_A_BUILDING = 80
FAMILIES_FOR_100_HOUSES = 80
BANKS = (("bank.icbc", "商丘甲银行"), ("bank.ccb", "商丘乙银行"), *((None, f"样本{n}银行") for n in range(6)))
_MOST_MEMBERS = 8
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Human:
    """A person by his document."""

    id_no: str
    name: str


@dataclass(frozen=True, slots=True)
class Family:
    """A head, a spouse perhaps, and minor children."""

    number: int
    head: Human
    spouse: Human | None
    children: tuple[Human, ...]

    @property
    def couple(self) -> tuple[Human, ...]:
        return (self.head,) if self.spouse is None else (self.head, self.spouse)

    @property
    def members(self) -> tuple[Human, ...]:
        return (*self.couple, *self.children)


@dataclass(frozen=True, slots=True)
class House:
    """A house of the building table."""

    number: int
    code: str
    county: str
    address: str
    building: int
    room: str
    floor: int
    area: int
    """In hundredths of a square metre."""
    layout: str
    developer: int

    @property
    def realty_unit_no(self) -> str:
        unit = self.number % HOMES_OF_A_BUILDING + 1
        return (
            f"{self.county}001003GB{self.building % 100_000:05d}F{self.building // 100_000 + 1:04d}{unit:04d}"
        )


@dataclass(frozen=True, slots=True)
class SaleDeed:
    """A sale: of the developer where there is no seller."""

    number: str
    seller: Family | None
    buyers: tuple[Human, ...]
    status: str
    signed_on: date
    price: int
    """In yuan."""


@dataclass(frozen=True, slots=True)
class TitleDeed:
    """A title or a pre-notice."""

    number: str
    holders: tuple[Human, ...]
    since: date
    ended: date | None
    is_notice: bool = False


@dataclass(frozen=True, slots=True)
class MortgageDeed:
    """A mortgage that secures a loan for a sale."""

    number: str
    sale: SaleDeed
    bank: int
    signed_on: date
    ended: date | None


@dataclass(frozen=True, slots=True)
class LeaseDeed:
    """A lease of a year or two by one of the owners to a family."""

    number: str
    lessor: Human
    tenants: Family
    first_day: date
    last_day: date
    filed_on: date
    rent: int
    """In yuan a month."""
    cancelled: date | None


@dataclass(frozen=True, slots=True)
class Deeds:
    """What was filed on a house."""

    house: House
    sales: tuple[SaleDeed, ...]
    titles: tuple[TitleDeed, ...]
    mortgages: tuple[MortgageDeed, ...]
    leases: tuple[LeaseDeed, ...]

    @property
    def contracts(self) -> int:
        return len(self.sales) + len(self.mortgages) + len(self.leases)


def developer_name(number: int) -> tuple[str, str]:
    """A developer's name and code."""
    return f"样本{number}房地产开发有限公司", _organisation(f"91411402MA{number:06d}")


def bank_name(number: int) -> tuple[str, str]:
    """A bank's name and code."""
    return BANKS[number][1], _organisation(f"91411400MB{number:06d}")


def _organisation(begin: str) -> str:
    body = begin + uscc.organisation_check_digit(begin[8:16])
    return body + uscc.check_digit(body)


@dataclass(frozen=True, slots=True)
class City:
    """``houses`` of them, as of ``today``: leases and filings are of the years before it."""

    houses: int
    seed: int
    today: date

    @property
    def families(self) -> int:
        return max(1, self.houses * FAMILIES_FOR_100_HOUSES // 100)

    @property
    def developers(self) -> int:
        return max(1, self.houses // HOMES_OF_A_BUILDING // 25)

    def family(self, number: int) -> Family:
        """A family by its number, from 0."""
        chance = self._chance("F", number)
        surname = chance.choice(_SURNAMES)
        married = chance.random() < 0.7
        children = chance.choice((0, 1, 1, 2)) if married else 0
        return Family(
            number,
            _adult(number, 0, surname, chance),
            _adult(number, 1, chance.choice(_SURNAMES), chance) if married else None,
            tuple(_child(number, n, surname, chance) for n in range(children)),
        )

    def house(self, number: int) -> House:
        """A house by its number, from 0."""
        building, place = divmod(number, HOMES_OF_A_BUILDING)
        of_building = self._chance("B", building)
        (county,) = of_building.choices(COUNTIES, _WEIGHTS)
        town, developer = of_building.randrange(1, 20), of_building.randrange(self.developers)
        floor, room = place // 4 + 1, f"{place // 4 + 1}{place % 4 + 1:02d}"
        body = f"{county}{town:03d}201506{building + 1:06d}{place + 1:04d}"
        where = f"商丘市{county}{of_building.choice(_ROADS)}{building + 1}号{building % 40 + 1}幢{room}室"
        chance = self._chance("H", number)
        return House(
            number,
            body + house_code.check_digit(body),
            county,
            where,
            building,
            room,
            floor,
            chance.randrange(5_500, 16_000),
            str(chance.randrange(1, 5)),
            developer,
        )

    def deeds(self, number: int) -> Deeds:
        """What was filed on a house."""
        return _History(self, self.house(number), self._chance("D", number)).written()

    def _chance(self, kind: str, number: int) -> random.Random:
        return random.Random((self.seed * 4 + "FBHD".index(kind)) * 1_000_000_007 + number)


class _History:
    """A house is sold by its developer, then perhaps again; loans are secured by it, and it is let."""

    def __init__(self, city: City, house: House, chance: random.Random) -> None:
        self._city = city
        self._house = house
        self._chance = chance
        self._sales: list[SaleDeed] = []
        self._titles: list[TitleDeed] = []
        self._mortgages: list[MortgageDeed] = []
        self._leases: list[LeaseDeed] = []

    def written(self) -> Deeds:
        owner, day = self._first_sale()
        if self._city.today - day > 3 * _YEAR and self._chance.random() < 0.4:
            owner, day = self._resold(owner, day)
        if self._chance.random() < 0.3:
            self._let(owner, max(day, self._city.today - 3 * _YEAR))
        return Deeds(
            self._house,
            tuple(self._sales),
            tuple(self._titles),
            tuple(self._mortgages),
            tuple(self._leases),
        )

    def _first_sale(self) -> tuple[Family, date]:
        buyer, day = self._family(), self._city.today - timedelta(days=self._chance.randrange(5, 4_000))
        done = self._city.today - day > 2 * _YEAR
        sale = self._sale(None, buyer, "COMPLETED" if done else "FILED", day)
        self._loan(sale, day)
        since = day + _YEAR if done else day
        if done or self._chance.random() < 0.5:
            self._title(sale.buyers, since, is_notice=not done)
        return buyer, since

    def _resold(self, owner: Family, since: date) -> tuple[Family, date]:
        day = since + (self._city.today - since) * self._chance.uniform(0.1, 0.95)
        buyer = self._family()
        (status,) = self._chance.choices(("COMPLETED", "FILED", "CANCELLED"), (80, 14, 6))
        sale = self._sale(owner, buyer, status, day)
        if status != "COMPLETED":
            return owner, since
        self._loan(sale, day)
        self._titles[-1] = TitleDeed(self._titles[-1].number, self._titles[-1].holders, since, day)
        self._title(sale.buyers, day, is_notice=False)
        return buyer, day

    def _sale(self, seller: Family | None, buyer: Family, status: str, day: date) -> SaleDeed:
        jointly = buyer.couple if self._chance.random() < 0.6 else (buyer.head,)
        price = self._house.area * self._chance.randrange(52, 98)
        number = f"SQ{self._house.number:08d}{len(self._sales)}"
        self._sales.append(SaleDeed(number, seller, jointly, status, day, price))
        return self._sales[-1]

    def _loan(self, sale: SaleDeed, day: date) -> None:
        if self._chance.random() > 0.3:
            return
        paid = day + 4 * _YEAR if self._chance.random() < 0.4 else None
        ended = paid if paid and paid < self._city.today else None
        (bank,) = self._chance.choices(range(len(BANKS)), (30, 25, *[9] * 6)[: len(BANKS)])
        number = f"DY{self._house.number:08d}{len(self._mortgages)}"
        self._mortgages.append(MortgageDeed(number, sale, bank, day, ended))

    def _title(self, holders: tuple[Human, ...], since: date, *, is_notice: bool) -> None:
        number = f"QL{self._house.number:08d}{len(self._titles)}"
        self._titles.append(TitleDeed(number, holders, since, None, is_notice))

    def _let(self, owner: Family, since: date) -> None:
        tenants = self._family()
        first = since + (self._city.today - since) * self._chance.random()
        for n in range(self._chance.choice((1, 1, 1, 2))):
            last = first + self._chance.choice((1, 1, 2)) * _YEAR - timedelta(days=1)
            filed = first + timedelta(days=self._chance.randrange(20))
            if filed > self._city.today:
                return
            ended = first + _YEAR / 2 if self._chance.random() < 0.1 else None
            rent = self._house.area * self._chance.randrange(9, 20) // 100
            self._leases.append(
                LeaseDeed(
                    f"ZL{self._house.number:08d}{n}",
                    owner.head,
                    tenants,
                    first,
                    last,
                    filed,
                    rent,
                    ended if ended and ended < self._city.today else None,
                )
            )
            first = last + timedelta(days=1)

    def _family(self) -> Family:
        return self._city.family(self._chance.randrange(self._city.families))


def _adult(family: int, n: int, surname: str, chance: random.Random) -> Human:
    return _human(family * _MOST_MEMBERS + n, date(1950, 1, 1), 16_000, surname, chance)


def _child(family: int, n: int, surname: str, chance: random.Random) -> Human:
    return _human(family * _MOST_MEMBERS + n, date(2010, 1, 1), 4_500, surname, chance)


def _human(number: int, first: date, days: int, surname: str, chance: random.Random) -> Human:
    """No two of a generation have one number, as long as there are fewer than 999 for each day."""
    nth, day = divmod(number, days)
    body = f"411499{first + timedelta(days=day):%Y%m%d}{nth % 999 + 1:03d}"
    return Human(body + citizen_id.check_digit(body), surname + chr(0x4E00 + chance.randrange(5_000)))
