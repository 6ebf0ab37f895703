"""The people, houses and organisations of the histories. All synthetic; the people share one name on purpose: nothing
may be matched by it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from broker.protected import clear
from broker.slots import slot_of
from schemas.identifiers.house_code import check_digit

SLOTS = 3
BEGIN = datetime(2021, 2, 28, 16, tzinfo=UTC)
"""Midnight in China: after whole days, clocks that differ by seconds do not agree on the date."""
NAME = "张示例"

Document = tuple[str, str]

ALIASES = ((0, 3), (3, 4))
"""Which documents an alias links: the second is the same person's as the first. Linked twice, three are one person's."""

SELLER: Document = ("USCC", "91411402MA40001002")
LENDERS = (
    ("bank.icbc", "91411400MA4000012N"),
    ("bank.ccb", "914114027067800106"),
    ("fund", "12411400MB1000002A"),
)


def documents(run: int) -> tuple[Document, ...]:
    """Three people's documents, then the later documents of the first. The first run has citizens' numbers."""
    if run:
        return tuple(("3", f"E{run * 10 + i:08d}") for i in range(5))
    return (
        ("1", "411499199003070015"),
        ("1", "411499198511150025"),
        ("1", "411499196802291232"),
        ("1", "411499900307001"),
        ("3", "E12345678"),
    )


@dataclass(frozen=True, slots=True)
class House:
    """A unit: its code, and the number under which the registration office has it."""

    code: str
    realty_unit_no: str


@cache
def houses(run: int) -> tuple[House, ...]:
    """Three houses of this run, each in another slot."""
    found: dict[int, House] = {}
    number = 0
    while len(found) < SLOTS:
        number += 1
        body = f"411402001202006{run % 899_999 + 100_000:06d}{number:04d}"
        code = body + str(check_digit(body))
        unit = f"411402001003GB{run % 99_999 + 1:05d}F{run // 99_999 % 9_999 + 1:04d}{number:04d}"
        found.setdefault(slot_of(code, SLOTS), House(code, unit))
    return tuple(found[slot] for slot in range(SLOTS))


_PARTY = [
    "phone",
    "nationality",
    "co_ownership_code",
    "share",
    "share_text",
    "household_no",
    "contact_address",
    "home_ordinal",
    "home_count",
    "legal_rep",
    "party_ref",
]


def party(role: str, document: Document, **more: Any) -> dict[str, Any]:
    """One party, with every field of the schema."""
    id_type, id_no = document
    return dict.fromkeys(_PARTY) | {
        "role": role,
        "party_kind": "2" if id_type == "USCC" else "1",
        "name": clear(NAME),
        "id_type": id_type,
        "id_no": clear(id_no),
        **more,
    }
