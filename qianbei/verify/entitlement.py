"""What one department may see of one subject, read anew from the entitlement files.

The rules, as the design states them:

* ``entity_id``, ``revision`` and ``event_type`` are always sent; so are the other envelope fields, null where they are
  absent. Beyond them only the listed fields leave.
* A protected value is sent in clear, or masked under a name of its own; null once it was erased. A mask that cannot keep what it promises of a
  short value blurs all of it.
* Of a list with ``party_roles`` only the items of those roles are sent.
* ``rows: interested``: the whole record while the department is interested; once, ``LEFT`` with entity and revision
  only, when it was interested before and is no longer; else nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from operator import itemgetter
from typing import Any

import yaml

from qianbei.verify.avro import Record, Schema, is_envelope, is_record, items_of, meant, records_in
from qianbei.verify.keys import Open, in_clear

KEYS = ("entity_id", "revision", "event_type")
ALWAYS = (*KEYS, "event_id", "version", "source", "occurred_at", "recorded_at", "county_code", "baseline")
LEFT = "LEFT"

Build = Callable[[Record], Record]


@dataclass(frozen=True, slots=True)
class Rule:
    """One department's entitlement to one subject."""

    department: str
    subject: str
    version: int
    only_interested: bool
    paths: tuple[str, ...]
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    masks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Path -> mask and the name under which the masked value is sent."""
    since_ms: int | None = None
    """When the site granted it, in ms of Unix time; None: as shipped, from the first record on."""

    @property
    def shown(self) -> frozenset[str]:
        """The paths of the department's schema."""
        return frozenset((*ALWAYS, *(self._shown(path) for path in self.paths)))

    def _shown(self, path: str) -> str:
        if path not in self.masks:
            return path
        parent, dot, _ = path.rpartition(".")
        return f"{parent}{dot}{self.masks[path][1]}"


def read_rules(texts: Sequence[str]) -> list[Rule]:
    """The rules of all entitlement files, each given as its YAML text."""
    return [rule for text in texts for rule in _rules(yaml.safe_load(text))]


def shipped_contents() -> list[Mapping[str, Any]]:
    """This version's entitlement files, parsed."""
    folder = files("schemas") / "entitlements"
    texts = [entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    return [yaml.safe_load(text) for text in texts]


def _rules(content: Mapping[str, Any]) -> Iterator[Rule]:
    for department in content["departments"]:
        yield from rules_for(department, content)


def rules_for(department: str, content: Mapping[str, Any], since_ms: int | None = None) -> Iterator[Rule]:
    """The rules of one department by the content of an entitlement file, those of earlier versions too."""
    for subject, newest in (content.get("subjects") or {}).items():
        for terms in (newest, *newest.get("earlier", ())):
            yield Rule(
                department,
                subject,
                terms["version"],
                terms["rows"] == "interested",
                tuple(terms["fields"]),
                {name: frozenset(roles) for name, roles in (terms.get("party_roles") or {}).items()},
                {path: (mask["mask"], mask["name"]) for path, mask in (terms.get("masks") or {}).items()},
                since_ms,
            )


# --- projecting -----------------------------------------------------------------------------------------------------


def projection(rule: Rule) -> Build:
    """The whole record that the department gets, of a record whose protected values are in clear."""
    return _builder(rule, "", list(ALWAYS))


def left_of(rule: Rule, record: Record) -> Record:
    """The ``LEFT`` that the department gets when it is no longer interested."""
    nothing = dict.fromkeys(path.partition(".")[0] for path in rule.shown)
    return nothing | {"entity_id": record["entity_id"], "revision": record["revision"], "event_type": LEFT}


def _builder(rule: Rule, prefix: str, names: list[str]) -> Build:
    """Builds the fields under ``prefix``: those of ``names``, then the listed ones."""
    inner: list[str] = []
    masked: list[tuple[str, str, Callable[[str], str]]] = []
    for path in rule.paths:
        if not path.startswith(prefix):
            continue
        name, dot, _ = path[len(prefix) :].partition(".")
        if dot:
            inner += [] if name in inner else [name]
        elif path in rule.masks:
            mask, shown = rule.masks[path]
            masked.append((name, shown, MASKS[mask]))
        else:
            names.append(name)
    nested = [(name, _nested(rule, prefix + name)) for name in inner]
    return _build(tuple(names), masked, nested)


def _build(
    names: tuple[str, ...],
    masked: Sequence[tuple[str, str, Callable[[str], str]]],
    nested: Sequence[tuple[str, Callable[[Any], Any]]],
) -> Build:
    values = _values(names)

    def build(record: Record) -> Record:
        built = dict(zip(names, values(record), strict=True))
        for name, shown, mask in masked:
            value = record.get(name)
            built[shown] = mask(value) if isinstance(value, str) else value
        for name, change in nested:
            built[name] = change(record.get(name))
        return built

    return build


def _values(names: tuple[str, ...]) -> Callable[[Record], tuple[Any, ...]]:
    """All values at once; a field that the record's older schema does not have is null."""
    getter = itemgetter(*names) if len(names) > 1 else lambda record: tuple(record[name] for name in names)

    def values(record: Record) -> tuple[Any, ...]:
        try:
            return getter(record)
        except KeyError:
            return tuple(map(record.get, names))

    return values


def _nested(rule: Rule, path: str) -> Callable[[Any], Any]:
    build = _builder(rule, path + ".", [])
    roles = rule.roles.get(path)

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [build(item) for item in value if roles is None or item["role"] in roles]
        return None if value is None else build(value)

    return change


# --- masks ----------------------------------------------------------------------------------------------------------


def _last4(value: str) -> str:
    return "*" * 7 + (value[-4:] if len(value) >= 8 else "")


def _surname(value: str) -> str:
    return value[:1].ljust(len(value), "*") if len(value) > 1 else "*" * len(value)


def _id(value: str) -> str:
    return f"{value[:6]}{'*' * 8}{value[-4:]}" if len(value) >= 15 else _last4(value)


MASKS: Mapping[str, Callable[[str], str]] = {"last4": _last4, "surname": _surname, "id": _id}


# --- protected values -----------------------------------------------------------------------------------------------


def clearing(schema: Schema, opens: Open = in_clear) -> Callable[[Record], None]:
    """A function that replaces every protected value in a record of ``schema`` by what it holds, in place.

    It raises what ``opens`` raises: Sealed for a value that cannot be opened here.
    """
    return _clearing(schema, records_in(schema), opens) or _nothing_to_clear


def _nothing_to_clear(_record: Record) -> None:
    """For schemas without protected values."""


def _clearing(record: Schema, named: Mapping[str, Schema], opens: Open) -> Callable[[Record], None] | None:
    sealed: list[str] = []
    inner: list[tuple[str, Callable[[Record], None]]] = []
    for one in record["fields"]:
        type_ = meant(one["type"], named)
        if is_envelope(type_):
            sealed.append(one["name"])
            continue
        target = items_of(type_, named) or type_
        clear = _clearing(target, named, opens) if is_record(target) else None
        if clear:
            inner.append((one["name"], clear))
    return _clear_in_place(sealed, inner, opens) if sealed or inner else None


def _clear_in_place(
    sealed: Sequence[str], inner: Sequence[tuple[str, Callable[[Record], None]]], opens: Open
) -> Callable[[Record], None]:
    def clear_all(record: Record) -> None:
        for name in sealed:
            value = record[name]
            if value is not None:
                record[name] = opens(value)
        for name, clear in inner:
            value = record[name]
            for item in value if isinstance(value, list) else () if value is None else (value,):
                clear(item)

    return clear_all


# --- the department's schema ----------------------------------------------------------------------------------------


def schema_paths(schema: Schema) -> frozenset[str]:
    """The paths of all fields in a department's schema; a list of records is shown by its items' fields."""
    return frozenset(_paths(schema, records_in(schema), ""))


def _paths(record: Schema, named: Mapping[str, Schema], prefix: str) -> Iterator[str]:
    for one in record["fields"]:
        type_ = meant(one["type"], named)
        inner = items_of(type_, named) or type_
        if is_record(inner):
            yield from _paths(inner, named, f"{prefix}{one['name']}.")
        else:
            yield prefix + one["name"]
