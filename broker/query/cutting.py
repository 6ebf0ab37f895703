"""Cutting an answer by its entitlement: what is not listed does not leave, whatever the function that computed it gave.

Compiled once for each query. The result is made of JSON types, in the order of the entitlement file.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from broker.api.problems import invalid
from broker.errors import ConfigError
from broker.protected import UnreadableValue
from broker.routing.project import as_it_is, shaped
from schemas.derive import ALWAYS, Pick, Schema, named_types, resolved, select
from schemas.jsonform import Problem
from schemas.queries import Figure, FigureKind, Query, Records
from schemas.said import said

Json = dict[str, Any]
Given = Mapping[str, Any]
"""An answer before it is cut: figures and lists by name."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How the answers of one query are cut."""

    query: Query
    lists: Mapping[str, Callable[[dict[str, Any]], Json]]
    figures: Mapping[str, Figure]

    def __call__(self, given: Given) -> Json:
        """The answer that may leave.

        Raises TypeError for a figure that is not of its kind, ProblemError 422 for a protected value that cannot be read.
        """
        figures = {name: _figure(name, kind, given.get(name)) for name, kind in self.figures.items()}
        return figures | {
            name: [_shown(name, show, item) for item in given.get(name) or ()]
            for name, show in self.lists.items()
        }


def _shown(name: str, show: Callable[[dict[str, Any]], Json], item: dict[str, Any]) -> Json:
    try:
        return show(item)
    except UnreadableValue:
        what = said("a record in {name} has a protected value that cannot be read", name=name)
        raise invalid([Problem("asked", what, said("ask the bureau to send it again, complete"))]) from None


def compile_cut(query: Query, schemas: Mapping[str, Schema]) -> Cut:
    """The cut of one query, by the newest schemas of the subjects. The query must have been checked."""
    inner = _inner_figures(query)
    names = dict.fromkeys([*query.records, *inner])
    lists = {name: _item(name, query.records.get(name), inner.get(name, {}), schemas) for name in names}
    return Cut(query, lists, {path: figure for path, figure in query.figures.items() if "." not in path})


def selection(records: Records, schema: Schema) -> tuple[Pick, ...]:
    """The fields that are shown of a record, those of every pushed record only if they are listed."""
    named = named_types(schema)
    listed = [
        field for field in schema["fields"] if field["name"] in ALWAYS and field["name"] in records.fields
    ]
    return (
        *(as_it_is(field, resolved(field["type"], named)) for field in listed),
        *select(schema, records.wanted),
    )


def answered_fields(answer: Json, prefix: str = "") -> list[str]:
    """The paths at which an answer holds anything, each once, in order of appearance."""
    return list(dict.fromkeys(_paths(answer, prefix)))


def count_of(answer: Json) -> int:
    """How many list items an answer discloses."""
    return sum(len(value) for value in answer.values() if isinstance(value, list))


def _paths(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, prefix)
    elif value is not None:
        yield prefix


def _inner_figures(query: Query) -> dict[str, dict[str, Figure]]:
    found: dict[str, dict[str, Figure]] = {}
    for path, figure in query.figures.items():
        name, _, inner = path.partition(".")
        if inner:
            found.setdefault(name, {})[inner] = figure
    return found


def _item(
    name: str, records: Records | None, figures: Mapping[str, Figure], schemas: Mapping[str, Schema]
) -> Callable[[dict[str, Any]], Json]:
    project: Callable[[Any], Json]
    if records is None:
        project = _nothing
    else:
        picks = selection(records, schemas[records.subject])
        if not picks:
            raise ConfigError(said("{name} shows no field", name=name))
        project = shaped(picks)

    def show(item: dict[str, Any]) -> Json:
        own = {inner: _figure(f"{name}.{inner}", kind, item.get(inner)) for inner, kind in figures.items()}
        return {field: plain(value) for field, value in project(item).items()} | own

    return show


def _nothing(_item: Given) -> Json:
    return {}


_KINDS: Mapping[FigureKind, Callable[[Any], bool]] = {
    FigureKind.BOOLEAN: lambda value: isinstance(value, bool),
    FigureKind.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    FigureKind.DECIMAL: lambda value: isinstance(value, Decimal),
    FigureKind.TEXT: lambda value: isinstance(value, str),
    FigureKind.TEXTS: lambda value: (
        isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    ),
    FigureKind.DATE: lambda value: isinstance(value, date) and not isinstance(value, datetime),
    FigureKind.TIME: lambda value: isinstance(value, datetime) and value.tzinfo is not None,
}


def _figure(path: str, figure: Figure, value: Any) -> Any:
    if value is None:
        return None
    if not _KINDS[figure.kind](value):
        raise TypeError(f"the figure {path} is declared as {figure.kind} and is a {type(value).__name__}")
    return plain(value)


def plain(value: Any) -> Any:
    """A value as JSON types, in the JSON form of records: decimals as text, times in UTC, bytes in base64."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
