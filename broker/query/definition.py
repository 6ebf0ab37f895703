"""What answers a query, and which queries are offered: those that are defined here and stand in the catalogue."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.errors import ConfigError
from broker.query.asked import Asked
from broker.query.cutting import Cut, Given, compile_cut
from broker.query.reading import Reading
from schemas.derive import Schema
from schemas.entitlements import Entitlement
from schemas.queries import Query
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Definition:
    """One query of a department, or of a group of departments such as the banks (``bank``).

    ``answer`` takes an instance of ``asked`` and a ``Reading``, and gives all that it knows, by name, before the cut.
    """

    group: str
    name: str
    asked: type[Asked]
    answer: Callable[[Any, Reading], Awaitable[Given]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A query as it may be called."""

    group: str
    departments: tuple[str, ...]
    query: Query
    definition: Definition
    cut: Cut

    @property
    def label(self) -> str:
        """``<department>/<name>``, as in the address and in the access log."""
        return f"{self.group}/{self.query.name}"


def offers(
    entitlements: Iterable[Entitlement], definitions: Iterable[Definition], schemas: Mapping[str, Schema]
) -> list[Offer]:
    """What the catalogue declares and a definition answers. A query that is taken out of the catalogue is offered no more.

    Raises ConfigError if two definitions answer the same, or if one asks for other things than the catalogue says.
    """
    defined: dict[tuple[str, str], Definition] = {}
    for one in definitions:
        if defined.setdefault((one.group, one.name), one) is not one:
            raise ConfigError(
                said("the query {group}/{name} is defined twice", group=one.group, name=one.name)
            )
    return [
        _offer(entitlement, query, definition, schemas)
        for entitlement in entitlements
        for query in entitlement.queries
        if (definition := defined.get((entitlement.group, query.name)))
    ]


def _offer(
    entitlement: Entitlement, query: Query, definition: Definition, schemas: Mapping[str, Schema]
) -> Offer:
    fields = definition.asked.model_fields
    needs = {name for name, field in fields.items() if field.is_required()}
    if needs != set(query.needs) or fields.keys() - needs != set(query.may):
        raise ConfigError(
            said(
                "{group}/{name}: the catalogue says that it needs {needs} and may carry {may}, its "
                "definition {needs2} and {keys}: make them equal",
                group=entitlement.group,
                name=query.name,
                needs=sorted(query.needs),
                may=sorted(query.may),
                needs2=sorted(needs),
                keys=sorted(fields.keys() - needs),
            )
        )
    return Offer(entitlement.group, entitlement.departments, query, definition, compile_cut(query, schemas))
