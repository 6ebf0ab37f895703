"""The house rules of our own Avro files, and whether a released file was edited. Run by the tests.

Why the rules: a decoder of hostile bytes must be bounded by the schema, so there is no recursion and no list
item of zero bytes. Enums, maps, fixed and floats are not used: an enum or a fixed cannot grow, a float does
not hold an amount. Every field says its Chinese name, because the readers are departments. The envelope is the
same everywhere, because readers that follow several subjects read it without knowing the subject.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from schemas.files import (
    ANSWERS,
    FOLDER,
    Schema,
    full_name,
    latest_version,
    load_schema,
    records,
    released_versions,
    subjects,
)
from schemas.properties import is_list, property_problems

MANIFEST = FOLDER / "RELEASED.sha256"
"""SHA-256 of each released file, as ``sha256sum`` writes it, with paths relative to its folder.

To release a new version: ``sha256sum sale/v2.avsc >> RELEASED.sha256``. Lines are added, never changed."""

ENVELOPE = (
    *("event_id", "event_type", "entity_id", "version", "source", "occurred_at", "county_code", "baseline"),
    "group_id",
    *("revision", "recorded_at", "decision_id", "interested", "interested_before"),
)
"""The fields that every subject begins with; ``contract_status`` (of contracts) or ``status`` follows."""

_PLAIN = {"string", "boolean", "int", "long", "bytes"}
_LOGICAL = {("int", "date"), ("long", "timestamp-micros"), ("bytes", "decimal")}
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CAMEL = re.compile(r"([A-Z][a-z0-9]*)+")
_CHINESE_NAME = re.compile(r"[\u4e00-\u9fff][^：]*：.+")


@dataclass(frozen=True, slots=True)
class Violation:
    """A house rule that a file breaks, and where: ``sale v1: parties.name``."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def violations(
    record: str, version: int, schema: Schema, code_lists: Collection[str] = ()
) -> list[Violation]:
    """What one file breaks by itself. ``code_lists``: those known; none given, none checked."""
    found = [*_top(record, schema), *_Walk(code_lists, record not in ANSWERS).record(schema, "")]
    if record not in ANSWERS:
        found += _envelope(schema)
    return [Violation(f"{record} v{version}{': ' if path else ''}{path}", what) for path, what in found]


def all_violations(code_lists: Collection[str] = ()) -> list[Violation]:
    """What all released files break, the rules between files included."""
    files = [(record, version) for record in records() for version in released_versions(record)]
    found = (violations(name, version, load_schema(name, version), code_lists) for name, version in files)
    newest = {name: load_schema(name, latest_version(name)) for name in records()}
    changed = (changed_types(name, load_schema(name, version), newest[name]) for name, version in files)
    return [*chain.from_iterable(found), *shared_violations(newest), *chain.from_iterable(changed)]


def shared_violations(newest: Mapping[str, Schema]) -> list[Violation]:
    """Where the newest files of the records disagree: on the envelope, or on a named type that they share."""
    return [*_differing_envelopes(newest), *_differing_types(newest)]


Found = Iterator[tuple[str, str]]


def _top(record: str, schema: Schema) -> Found:
    if f"{schema.get('namespace')}.{schema.get('name')}" != full_name(record):
        yield "", f"is not the record {full_name(record)}"
    if list(schema)[:4] != ["type", "namespace", "name", "doc"]:
        yield "", "does not begin with type, namespace, name, doc"


def _envelope(schema: Schema) -> Found:
    names = tuple(field["name"] for field in schema["fields"])
    if names[: len(ENVELOPE)] != ENVELOPE:
        yield "", "does not begin with the fields of the envelope, in their order"
    statuses = [name for name in ("status", "contract_status") if name in names]
    if len(statuses) != 1 or names[len(ENVELOPE) : len(ENVELOPE) + 1] != tuple(statuses):
        yield "", "does not have status or contract_status, one of them, right after the envelope"


class _Walk:
    """One walk over one file. Knows the named types that are complete and those that it is within."""

    def __init__(self, code_lists: Collection[str], shared: bool) -> None:
        self._code_lists = code_lists
        self._shared = shared
        self._complete: set[str] = set()
        self._within: list[str] = []

    def record(self, schema: Schema, path: str) -> Found:
        name = schema["name"]
        if not _CAMEL.fullmatch(name):
            yield path, f"the record's name {name} is not CamelCase"
        if not _CHINESE_NAME.fullmatch(schema.get("doc", "")):
            yield path, f"the doc of record {name} does not begin with its Chinese name and ："
        if not schema["fields"]:
            yield path, "a record without fields takes no bytes"
        self._within.append(name)
        for field in schema["fields"]:
            yield from self._field(field, schema, f"{path}.{field['name']}" if path else field["name"])
        self._within.pop()
        self._complete.add(name)

    def _field(self, field: Schema, holder: Schema, path: str) -> Found:
        if not _SNAKE.fullmatch(field["name"]):
            yield path, "is not snake_case"
        if [f["name"] for f in holder["fields"]].count(field["name"]) > 1:
            yield path, "is there twice"
        if not _CHINESE_NAME.fullmatch(field.get("doc", "")):
            yield path, "its doc does not begin with its Chinese name and ："
        wrong_types = list(self._type(field["type"], path))
        yield from wrong_types
        if not wrong_types:
            yield from ((path, what) for what in _default(field))
            shared = self._shared and holder["name"] != "Protected"
            yield from ((path, what) for what in property_problems(field, holder, self._code_lists, shared))

    def _type(self, type_: Any, path: str) -> Found:
        if isinstance(type_, list):
            if len(type_) != 2 or type_[0] != "null" or isinstance(type_[1], list) or type_[1] == "null":
                yield path, "a union is null and one other type, in that order"
            else:
                yield from self._type(type_[1], path)
        elif isinstance(type_, str):
            yield from self._name(type_, path)
        elif type_["type"] == "record":
            yield from self.record(type_, path)
        elif type_["type"] == "array":
            yield from self._items(type_["items"], path)
        elif (type_["type"], type_.get("logicalType")) not in _LOGICAL:
            yield path, f"type {type_['type']} {type_.get('logicalType', '')} is not used here"

    def _items(self, items: Any, path: str) -> Found:
        if isinstance(items, list) or (isinstance(items, dict) and items["type"] == "array"):
            yield path, "the items of a list are values or records, never null or lists"
        else:
            yield from self._type(items, path)

    def _name(self, name: str, path: str) -> Found:
        if name in self._within:
            yield path, f"record {name} holds itself"
        elif name not in _PLAIN | self._complete:
            yield path, f"type {name} is not used here"


def _default(field: Schema) -> Iterator[str]:
    if isinstance(field["type"], list):
        if field.get("default", "none") is not None:
            yield "a nullable field has default null"
    elif "default" in field and not _fits(field["default"], field["type"]):
        yield "a default is true or false for a boolean, [] for a list, and nothing else has one"


def _fits(default: Any, type_: Any) -> bool:
    """A default of any other type would be a value that nobody sent."""
    return isinstance(default, bool) if type_ == "boolean" else is_list(type_) and default == []


# --- between files ------------------------------------------------------------------------------------------


def _differing_envelopes(newest: Mapping[str, Schema]) -> Iterator[Violation]:
    """All of a field but its doc must be the same, since the doc may name the subject."""
    first: dict[str, tuple[str, Any]] = {}
    for subject in subjects():
        for field in newest[subject]["fields"]:
            if field["name"] in (*ENVELOPE, "status"):
                bare = {key: value for key, value in field.items() if key != "doc"}
                other, same = first.setdefault(field["name"], (subject, bare))
                if same != bare:
                    yield Violation(f"{subject}: {field['name']}", f"is not what it is in {other}")


def _differing_types(newest: Mapping[str, Schema]) -> Iterator[Violation]:
    first: dict[str, tuple[str, str]] = {}
    for record, schema in newest.items():
        for named in _named(schema["fields"]):
            other, same = first.setdefault(named["name"], (record, _expanded(named, schema)))
            if same != _expanded(named, schema):
                yield Violation(f"{record}: record {named['name']}", f"is not what it is in {other}")


def _named(node: Any) -> Iterator[Schema]:
    """The records defined within a part of a schema."""
    if isinstance(node, dict) and node.get("type") == "record":
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _named(child)


def _expanded(named: Schema, schema: Schema) -> str:
    """A named type with the types that it refers to in place, as text: files define them at other places."""
    definitions = {record["name"]: record for record in _named(schema["fields"])}

    def expand(node: Any, is_type: bool) -> Any:
        if isinstance(node, str):
            return expand(definitions[node], False) if is_type and node in definitions else node
        if isinstance(node, list):
            return [expand(child, is_type) for child in node]
        if isinstance(node, dict):
            return {key: expand(value, key in ("type", "items")) for key, value in node.items()}
        return node

    return json.dumps(expand(named, False), sort_keys=True)


def changed_types(record: str, old: Schema, new: Schema) -> list[Violation]:
    """Fields that two versions share but type differently, logical types included.

    Compatibility checkers look at the bytes alone: to them an amount of 4 decimals is as good as one of 2.
    """
    before, after = dict(_leaf_types(old, "")), dict(_leaf_types(new, ""))
    differ = [path for path in before if path in after and before[path] != after[path]]
    return [Violation(f"{record}: {path}", "has another type than in an earlier version") for path in differ]


def _leaf_types(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Each field's path and type, records in lists walked into, since they may gain fields."""
    for field in schema["fields"]:
        inner = f"{path}{field['name']}"
        items = field["type"]["items"] if isinstance(field["type"], dict) and is_list(field["type"]) else None
        if isinstance(items, dict) and items["type"] == "record":
            yield from _leaf_types(items, f"{inner}.")
        else:
            yield inner, _type_text(field["type"])


def _type_text(type_: Any) -> str:
    """A type as text; a record by its name, since a file defines it only where it is first used."""
    if isinstance(type_, list):
        return " or ".join(map(_type_text, type_))
    if isinstance(type_, dict) and type_["type"] == "record":
        return str(type_["name"])
    return type_ if isinstance(type_, str) else json.dumps(type_, sort_keys=True)


# --- released files -----------------------------------------------------------------------------------------


def manifest_problems(folder: Path = FOLDER) -> list[str]:
    """Released files that were edited or removed, and files that the manifest does not hold."""
    pairs = [line.split("  ", 1) for line in folder.joinpath(MANIFEST.name).read_text().splitlines()]
    released = {path: digest for digest, path in pairs}
    present = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.glob("*/*.avsc"))}
    missing = [f"{path} was released and is gone" for path in released if path not in present]
    new = [f"{path} is not in {MANIFEST.name}: add it on release" for path in present if path not in released]
    edited = [
        f"{path} was released and may not be edited: make a new version"
        for path, digest in released.items()
        if present.get(path, digest) != digest
    ]
    return missing + edited + new


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
