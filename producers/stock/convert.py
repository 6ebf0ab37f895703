"""A row of a table becomes an event in JSON form, or a list of what is wrong with it. Pure.

Every defect names its row, its column, the value (masked where the field is protected), the reason and how to mend it.
The row is judged by the form of the schema and by the field checks of admission, so that a check without any server finds
what the exchange would find in the row alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from broker.admission.checks import Check, compile_checks
from broker.admission.model import CONTRACTS
from broker.admission.reasons import Severity
from producers.events import InvalidEvent, checked_record
from producers.jsonlines import derived_event_id
from producers.source import ID_FIELDS
from producers.stock.defect import Defect, RowName
from producers.stock.mapping import Column, StockMapping, code_table, field_at, steps_of
from producers.stock.values import BadCell, day, moment, number
from schemas.catalogue import Catalogue
from schemas.files import latest_version, load_schema
from schemas.properties import base_type
from schemas.said import joined, said

_LONGEST_SHOWN = 40
_CODES_SHOWN = 12
_NUMBERS = frozenset({"decimal", "int", "long"})
_YES_NO = {"是": True, "否": False, "1": True, "0": False, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns the rows of one source's table into events."""

    catalogue: Catalogue
    principal: str
    mapping: StockMapping
    baseline: bool = True
    """Whether the rows are stock data: filed before the exchange was there to decide on them."""

    def convert(
        self, row: RowName, cells: Mapping[str, str], event_type: str | None = None
    ) -> dict[str, Any] | list[Defect]:
        """The event of a row, with its id; or all defects of the first stage that found any.

        ``event_type`` stands in for that of the mapping.
        """
        missing = [name for name in self.mapping.columns if name not in cells]
        if missing:
            return [
                Defect(
                    row,
                    name,
                    "",
                    said("missing column"),
                    said("add the column, or take it out of the mapping"),
                )
                for name in missing
            ]
        happened = event_type or self.mapping.event_type
        event: dict[str, Any] = {"event_type": happened, "baseline": self.baseline}
        defects: list[Defect] = []
        for path, value in self.mapping.fixed.items():
            _put(event, path, value)
        for name, column in self.mapping.columns.items():
            text = cells[name].strip()
            if text:
                defects += self._fill(event, row, name, column, text)
        return defects or self._judged(event, row, cells)

    def _fill(
        self, event: dict[str, Any], row: RowName, name: str, column: Column, text: str
    ) -> list[Defect]:
        for path in column.paths:
            try:
                _put(event, path, _reader(self.mapping.subject, path)(column, text))
            except BadCell as error:
                return [Defect(row, name, self._shown(path, text), error.what, error.how)]
        return []

    def _judged(
        self, event: dict[str, Any], row: RowName, cells: Mapping[str, str]
    ) -> dict[str, Any] | list[Defect]:
        event["parties"] = [party for party in event["parties"] if party] if "parties" in event else None
        event = {name: value for name, value in event.items() if value is not None}
        self._complete(event)
        event["event_id"] = derived_event_id(self.principal, self.mapping.subject, event)
        try:
            record = checked_record(self.catalogue, self.principal, self.mapping.subject, event)
        except InvalidEvent as error:
            return [self._defect(row, cells, p.path, p.what, p.how) for p in error.problems]
        reasons = [r for r in _check(self.mapping.subject)(record) if r.severity is Severity.REFUSE]
        how = said("correct the value in the reject file and import that file")
        return [
            self._defect(row, cells, r.field or "", joined(" ", (r.zh, r.en)), how, r.code) for r in reasons
        ] or event

    def _complete(self, event: dict[str, Any]) -> None:
        """Fill what follows from the rest, where the mapping does not say it."""
        subject = self.mapping.subject
        event.setdefault("version", 1)
        if (own := ID_FIELDS.get(subject)) in event:
            event.setdefault("entity_id", event[own])
        if subject in CONTRACTS:
            event.setdefault("contract_status", self.catalogue.transition(subject, event["event_type"]).to)

    def _defect(
        self, row: RowName, cells: Mapping[str, str], path: str, what: str, how: str, code: str = ""
    ) -> Defect:
        column = self.column_of(path)
        value = self._shown(path, cells[column].strip()) if column in cells else ""
        return Defect(row, column or path, value, what, how, code)

    def column_of(self, path: str) -> str:
        """The column that fills a field; empty if none does."""
        return next((name for name, one in self.mapping.columns.items() if path in one.paths), "")

    def _shown(self, path: str, text: str) -> str:
        # One column may fill several fields: it is masked if any of them is protected.
        column = self.mapping.columns.get(self.column_of(path))
        paths = column.paths if column else (path,)
        hidden = any(base_type(field_at(self.mapping.subject, p)["type"]) == "Protected" for p in paths)
        return "*" * 6 if hidden else text[:_LONGEST_SHOWN]


@cache
def _check(subject: str) -> Check:
    return compile_checks(load_schema(subject, latest_version(subject)))


@cache
def _reader(subject: str, path: str) -> Callable[[Column, str], Any]:
    field = field_at(subject, path)
    kind, listed = base_type(field["type"]), field.get("code_list")

    def read(column: Column, text: str) -> Any:
        if column.codes is not None:
            return _translated(column.codes, listed or "", text)
        if kind in _NUMBERS:
            return _number(kind, text, column.unit or "元")
        if kind == "boolean":
            return _yes_no(text)
        if kind == "date":
            return day(text)
        return moment(text) if kind == "timestamp-micros" else text

    return read


def _translated(codes: str | dict[str, str], listed: str, text: str) -> str:
    table = code_table(codes, listed)
    if text not in table:
        known = ", ".join(list(table)[:_CODES_SHOWN])
        raise BadCell(
            said("a code that the mapping of {listed} does not have", listed=listed),
            said("use one of {known}, or add it", known=known),
        )
    return table[text]


def _number(kind: str, text: str, unit: str) -> Any:
    found = number(text, unit)
    if kind == "decimal":
        return found
    if "." in found:
        raise BadCell(said("no whole number"), said("write it without decimals"))
    return int(found)


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise BadCell(said("neither yes nor no"), said("write 是 or 否"))
    return _YES_NO[text.lower()]


def _put(event: dict[str, Any], path: str, value: Any) -> None:
    for name, index in steps_of(path):
        if index is None:
            event[name] = value
            return
        items = event.setdefault(name, [])
        items.extend({} for _ in range(index + 1 - len(items)))
        event = items[index]
