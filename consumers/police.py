"""Police: who may say that he lives where, for residence permits (建房〔2020〕61号 五).

From a filed lease: tenants and occupants for its term. From a filed sale: the buyers, without end.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from consumers.records import DepartmentRecord, Newest

TOPICS = ("dept.police.lease.v1", "dept.police.sale.v1")
_IN_FORCE = frozenset({"FILED", "AMENDED", "COMPLETED"})
Person = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Residence:
    """A lawful home of some people; dates inclusive in Asia/Shanghai, None: no end."""

    address: str
    people: frozenset[Person]
    start: date | None
    end: date | None

    def covers(self, day: date) -> bool:
        """Whether the day lies within the term."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


@dataclass(slots=True)
class ResidenceRegister:
    """A handler that keeps the register."""

    residences: Newest[Residence] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        in_force = record.value["contract_status"] in _IN_FORCE
        self.residences.put(record, _residence(record) if in_force else None)

    def homes_of(self, id_type: str, id_no: str, day: date) -> list[str]:
        """The addresses at which this person lawfully lives on that day."""
        person = (id_type, id_no)
        return [home.address for home in self.residences if person in home.people and home.covers(day)]


def _residence(record: DepartmentRecord) -> Residence:
    value = record.value
    if record.subject == "sale":
        return Residence(value["address"], _people(value["parties"]), None, None)
    tenants = [party for party in value["parties"] if party["role"] == "LESSEE"]
    people = _people(tenants) | _people(value["occupants"] or [])
    return Residence(value["address"], people, value["lease_start"], value["lease_end"])


def _people(items: list[dict[str, Any]]) -> frozenset[Person]:
    return frozenset((item["id_type"], item["id_no"]) for item in items)
