"""The JSON form of a record: what JSON Lines files, golden examples and ``qianbei tail`` hold.

=================  ==========================================================================================
Avro               JSON
=================  ==========================================================================================
``Protected``      its clear text, if the key id is ``clear``; else an object of key_id, nonce, ciphertext
decimal            ``"880000.00"``; on input also a number, if it is exact and fits the scale
timestamp-micros   ISO 8601, written in UTC: ``"2020-12-01T02:00:00Z"``; without an offset it is refused
date               ``"2020-12-01"``
bytes              base64
null               null; on input a field that has a default may be left out
=================  ==========================================================================================

Reading is strict: a wrong kind of value, an unknown field, a NUL character or a lone surrogate is a problem.
All problems of a record are collected. A problem names the path, the kind of value found and how to mend it,
never the value: it may be someone's name or number. Avro types that our schemas do not use are a TypeError.
"""

import re
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from schemas.files import Schema
from schemas.jsonvalues import (
    ENVELOPE,
    LEAVES,
    PROTECTED,
    JsonForm,
    JsonFormError,
    Problem,
    Read,
    Write,
    bad,
    decimal_reader,
    decimal_writer,
    wrong_kind,
)
from schemas.said import said

__all__ = ["JsonForm", "JsonFormError", "Problem", "from_json", "json_form", "to_json"]

_CACHED = 512
_MISSING = object()
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def from_json(schema: Schema, obj: Any) -> dict[str, Any]:
    """Read a record from its JSON form. Raises JsonFormError with all problems."""
    record: dict[str, Any] = json_form(schema).read(obj)
    return record


def to_json(schema: Schema, record: dict[str, Any]) -> dict[str, Any]:
    """Give the JSON form of a record, nulls included, fields in the order of the schema."""
    written: dict[str, Any] = json_form(schema).write(record)
    return written


_forms: dict[int, tuple[Schema, JsonForm]] = {}


def json_form(schema: Schema) -> JsonForm:
    """Compile a schema, as written or as fastavro parsed it. Cached by the identity of the schema."""
    known = _forms.get(id(schema))
    if known is not None:
        return known[1]
    form = _Compiler().form(schema)
    if len(_forms) >= _CACHED:
        _forms.clear()
    # The schema is kept too: else its id could be given to another one.
    _forms[id(schema)] = schema, form
    return form


# --- records, lists, nulls ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    form: JsonForm
    default: Any
    """In JSON form; `_MISSING` if there is none."""


class _Compiler:
    """Compiles one schema; holds the named records met so far, since a later use names them only."""

    def __init__(self) -> None:
        self._named: dict[str, JsonForm] = {}

    def form(self, type_: Any) -> JsonForm:
        if isinstance(type_, list):
            return self._nullable(type_)
        if isinstance(type_, str):
            return self._by_name(type_)
        if type_["type"] == "record":
            return self._record(type_)
        if type_["type"] == "array":
            return _list_form(self.form(type_["items"]))
        if type_.get("logicalType") == "decimal":
            precision, scale = type_["precision"], type_["scale"]
            return JsonForm(decimal_reader(precision, scale), decimal_writer(scale))
        return self._by_name(type_.get("logicalType", type_["type"]))

    def _by_name(self, name: str) -> JsonForm:
        found = LEAVES.get(name) or self._named.get(_short(name))
        if found is None:
            raise TypeError(f"records with {name} have no JSON form")
        return found

    def _nullable(self, branches: list[Any]) -> JsonForm:
        others = [branch for branch in branches if branch != "null"]
        if len(others) != 1 or len(branches) != 2:
            raise TypeError("unions of anything but null and one type have no JSON form")
        return _nullable_form(self.form(others[0]))

    def _record(self, schema: Schema) -> JsonForm:
        fields = tuple(self._field(field) for field in schema["fields"])
        is_envelope = tuple(f.name for f in fields) == ENVELOPE
        form = PROTECTED if is_envelope else JsonForm(_record_reader(fields), _record_writer(fields))
        self._named[_short(schema["name"])] = form
        return form

    def _field(self, field: Schema) -> _Field:
        return _Field(field["name"], self.form(field["type"]), field.get("default", _MISSING))


def _short(name: str) -> str:
    """All named records within one of our schemas have different short names, in whatever namespace."""
    return name.rsplit(".", 1)[-1]


def _nullable_form(inner: JsonForm) -> JsonForm:
    read, write = inner.read, inner.write
    return JsonForm(
        lambda value: None if value is None else read(value),
        lambda value: None if value is None else write(value),
    )


def _list_form(item: JsonForm) -> JsonForm:
    read, write = item.read, item.write

    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise wrong_kind(value, "a list", "put it in [ ]")
        try:
            return [read(element) for element in value]
        except JsonFormError:
            raise JsonFormError(tuple(_problems(read, value))) from None

    return JsonForm(read_list, lambda value: [write(element) for element in value])


def _problems(read: Read, elements: list[Any]) -> list[Problem]:
    found: list[Problem] = []
    for index, element in enumerate(elements):
        try:
            read(element)
        except JsonFormError as error:
            found += [problem.under(f"[{index}]") for problem in error.problems]
    return found


def _record_reader(fields: tuple[_Field, ...]) -> Read:
    steps = tuple((field.name, field.form.read, field.default) for field in fields)
    known = frozenset(field.name for field in fields)

    def read(obj: Any) -> dict[str, Any]:
        if type(obj) is not dict:
            raise wrong_kind(obj, "an object", "put its fields in { }")
        record: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, read_field, default in steps:
            value = obj.get(name, default)
            try:
                record[name] = read_field(value) if value is not _MISSING else _refuse_missing()
            except JsonFormError as error:
                problems += [problem.under(name) for problem in error.problems]
        if not obj.keys() <= known:
            problems += _unknown(obj, known)
        if problems:
            raise JsonFormError(tuple(problems))
        return record

    return read


def _refuse_missing() -> Any:
    raise bad("missing", "give it a value: it may not be left out")


def _unknown(obj: dict[str, Any], known: frozenset[str]) -> list[Problem]:
    return [_unknown_field(name, known) for name in sorted(obj.keys() - known, key=str)]


def _unknown_field(name: Any, known: frozenset[str]) -> Problem:
    # A name that no schema could have may be a value in the wrong place, so it is not shown.
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return Problem(
            "", said("a field whose name is no name"), said("field names are letters, digits and _")
        )
    near = get_close_matches(name, known, n=1)
    return Problem(
        name,
        said("there is no such field"),
        said("did you mean {near}?", near=near[0]) if near else said("take it out"),
    )


def _record_writer(fields: tuple[_Field, ...]) -> Write:
    steps = tuple((field.name, field.form.write, field.default) for field in fields)

    def write_record(record: dict[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, write, default in steps:
            # A field may be left out where Avro would write its default.
            written[name] = write(record[name]) if default is _MISSING or name in record else copy(default)
        return written

    return write_record
