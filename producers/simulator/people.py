"""Synthetic people, families and companies. Nobody here exists: see ``numbers.UNASSIGNED_COUNTY``."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from producers.simulator.numbers import citizen_id, uscc

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志鹏婷宇浩然子轩欣怡梓涵思远雨晨嘉文博雅晓东海燕春雪冬"
_TRADES = ("房地产开发", "置业", "商贸", "建设", "物业服务", "投资管理", "科技")
_WORDS = "恒信隆盛锦绣华府金城瑞祥安泰永嘉中原豫东归德睢阳应天宏图"

_ADULTS_BORN = (date(1945, 1, 1), 55 * 365)
_CHILDREN_BORN = (date(2003, 1, 1), 16 * 365)
_CITIZEN_CARD = "1"
_PASSPORT = "3"
_BUSINESS_LICENCE = "7"


@dataclass(frozen=True, slots=True)
class Party:
    """A person or a company as records name it. ``kind`` is 1 for people, 2 for companies (party_kind)."""

    kind: str
    name: str
    id_type: str
    id_no: str
    phone: str
    household_no: str | None = None

    @property
    def is_person(self) -> bool:
        return self.kind == "1"


def other_document(rng: Random, who: Party) -> Party:
    """The same person by another document: the number of 15 digits from before 1999, if there was one, or a passport."""
    if who.id_type == _CITIZEN_CARD and who.id_no[6:8] == "19" and rng.random() < 0.5:
        return replace(who, id_no=who.id_no[:6] + who.id_no[8:17])
    return replace(who, id_type=_PASSPORT, id_no=f"E{rng.randrange(10**8):08d}")


class Population:
    """Everybody in the city. People come in households of one to four; companies stand apart."""

    def __init__(self, rng: Random, size: int, counties: tuple[str, ...]) -> None:
        self._rng = rng
        self._size = size
        self._counties = counties
        self._used: set[tuple[date, int]] = set()
        self.households: list[tuple[Party, ...]] = []
        self.companies: list[Party] = []

    def settle(self) -> "Population":
        """Make the people and companies. Done apart from construction, as it takes time."""
        people = 0
        while people < self._size:
            family = self._family(len(self.households))
            self.households.append(family)
            people += len(family)
        self.companies = [self._company(number) for number in range(max(12, self._size // 40))]
        return self

    def person(self) -> Party:
        """Any grown person."""
        return self.household()[0]

    def household(self) -> tuple[Party, ...]:
        """Any family; its first one or two members are grown up."""
        return self.households[int(self._rng.random() * len(self.households))]

    def company(self) -> Party:
        """Any company."""
        return self.companies[int(self._rng.random() * len(self.companies))]

    def couple(self) -> tuple[Party, ...]:
        """One buyer, or two of one household."""
        family = self.household()
        return family[:2] if self._rng.random() < 0.45 else family[:1]

    def _family(self, number: int) -> tuple[Party, ...]:
        household_no = f"H{number:07d}"
        size = self._rng.choices((1, 2, 3, 4), (25, 40, 25, 10))[0]
        return tuple(
            self._person(household_no, _ADULTS_BORN if at < 2 else _CHILDREN_BORN) for at in range(size)
        )

    def _person(self, household_no: str, born: tuple[date, int]) -> Party:
        rng = self._rng
        name = rng.choice(_SURNAMES) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))
        phone = f"1{rng.choice('35789')}{rng.randrange(10**9):09d}"
        return Party("1", name, _CITIZEN_CARD, self._citizen_id(*born), phone, household_no)

    def _citizen_id(self, first: date, days: int) -> str:
        while True:
            born = first + timedelta(days=self._rng.randrange(days))
            sequence = self._rng.randrange(1, 1000)
            if (born, sequence) not in self._used:
                self._used.add((born, sequence))
                return citizen_id(born, sequence)

    def _company(self, number: int) -> Party:
        rng = self._rng
        county = self._counties[number % len(self._counties)]
        name = "商丘" + "".join(rng.sample(_WORDS, 2)) + rng.choice(_TRADES) + "有限公司"
        phone = f"0370-{rng.randrange(2_000_000, 8_999_999)}"
        return Party("2", name, _BUSINESS_LICENCE, uscc(county, 10_000 + rng.randrange(80_000)), phone)
