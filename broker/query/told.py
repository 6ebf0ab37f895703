"""Whom and what an answer tells of, beyond whom and what it was asked about: what the access log is searched by.

Of each list that the answer shows: the entities and houses of its items, and everybody who is a party of such a record, with
how he stands there (``sales:parties.BUYER``). Whether his own name was shown follows from the entitlement and from that. Who is
no party but counted among those whom a figure is about (a spouse) stands as ``*``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker.audit.places import stands_of
from broker.query.cutting import Cut, Given

FIGURES = "*"
"""How somebody stands whom the figures of an answer are about."""


@dataclass(frozen=True, slots=True)
class Told:
    """``parties`` and ``stands`` are of one length: a person is there once for each way in which he stands."""

    parties: tuple[str, ...] = ()
    stands: tuple[str, ...] = ()
    houses: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    """Ids of entities, and contract numbers where an item names no more."""


def told(cut: Cut, given: Given, concerned: Iterable[str]) -> Told:
    """Of what a query's function gave, as far as the cut shows any of it."""
    shown = [(name, item) for name in cut.lists for item in given.get(name) or ()]
    stands = [*_stands(cut, shown), *((ref, FIGURES) for ref in sorted(concerned))]
    return Told(
        tuple(ref for ref, _ in stands),
        tuple(stand for _, stand in stands),
        _texts(shown, "house_code"),
        _texts(shown, "entity_id", "contract_no"),
    )


def _stands(cut: Cut, shown: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for name, item in shown:
        if name in cut.query.records:
            found |= {
                (ref, f"{name}:{stand}"): None for ref, stands in stands_of(item).items() for stand in stands
            }
    yield from found


def _texts(shown: Iterable[tuple[str, Mapping[str, Any]]], *names: str) -> tuple[str, ...]:
    """The first of these fields that an item has, each value once."""
    values = (next((item[name] for name in names if item.get(name)), None) for _, item in shown)
    return tuple(dict.fromkeys(str(value) for value in values if value))
