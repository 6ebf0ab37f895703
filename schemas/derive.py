"""From a subject's schema and an entitlement to what one department sees: a selection of fields, and its Avro schema.

A *path* names a field of a subject: ``total_price``, or ``parties.name`` for a field of each item of a list (or of a
nested record). A *selection* is the entitled part of a subject, in the order of the subject's schema; the department's
schema, the projection of a record and the routing of bytes are all made from the same selection, so they cannot differ.

The department's schema (record ``cn.qianbei.dept.<Department>.<Subject>``):

* ``entity_id``, ``revision`` and ``event_type`` are never null;
* every other field is nullable with default null, in lists too, so that any two versions of an entitlement's schema
  read each other (FULL_TRANSITIVE) and a ``LEFT`` record needs nothing but its key and revision;
* a protected field is its clear text, a string; a masked field has a name of its own and is a string;
* a list item is a record ``<Department><Item>`` in a namespace of its own for each subject, since two subjects of one
  department may show different fields of a party and code generators need different names.

Everything here is pure; nothing is read from a file.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

KEYS = ("entity_id", "revision", "event_type")
ENVELOPE = ("event_id", "version", "source", "occurred_at", "recorded_at", "county_code", "baseline")
ALWAYS = KEYS + ENVELOPE
"""Fields that every department sees of every record that it may see at all."""

NEVER = frozenset({"interested", "interested_before", "party_ref"})
"""Fields that no entitlement may list: who else is interested in a record, and the exchange's own match key, by which
departments could join persons beyond what they are entitled to."""

LEFT = "LEFT"
"""The event type of the last record that a department receives of an entity in which it is no longer interested."""

_PROTECTED = "Protected"
_KEPT_PROPERTIES = ("pinyin", "code_list", "format", "sharing")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that is shared as it is, in clear, or masked.

    ``type`` is the subject's type without its null branch; ``name`` is the department's name for it.
    """

    source: str
    name: str
    type: Any
    protected: bool
    mask: str | None
    field: Schema


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested record, or a list of records (``many``), of which ``picks`` are shared.

    ``roles``: only list items whose ``role`` is one of these; None means all.
    """

    name: str
    many: bool
    item: Schema
    picks: "tuple[Pick, ...]"
    roles: frozenset[str] | None
    field: Schema


Pick = Leaf | Nested


@dataclass(frozen=True, slots=True)
class Masked:
    """A mask's rule (``last4``, ``surname`` or ``id``) and the department's name for the masked field."""

    mask: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of an entitlement that shapes a record: paths, masks by path, and roles by list."""

    paths: frozenset[str]
    masks: Mapping[str, Masked]
    roles: Mapping[str, frozenset[str]]


# --- reading a subject's schema -------------------------------------------------------------------------------------


def named_types(schema: Any) -> dict[str, Schema]:
    """Every record within a schema by its short name. All of ours are in one namespace, so that is unambiguous."""
    return {short_name(record): record for record in _records(schema)}


def _records(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _records(branch)
    elif isinstance(schema, dict) and schema["type"] == "record":
        yield schema
        for field in schema["fields"]:
            yield from _records(field["type"])
    elif isinstance(schema, dict) and schema["type"] == "array":
        yield from _records(schema["items"])


def without_null(type_: Any) -> Any:
    """The type of a field's values other than null. Unions of anything else are not used in our schemas."""
    if not isinstance(type_, list):
        return type_
    (only,) = [branch for branch in type_ if branch != "null"]
    return only


def resolved(type_: Any, named: Mapping[str, Schema]) -> Any:
    """The type without null, with a reference to a named record replaced by that record."""
    found = without_null(type_)
    return named.get(found.rsplit(".", 1)[-1], found) if isinstance(found, str) else found


def item_record(type_: Any, named: Mapping[str, Schema]) -> tuple[Schema, bool] | None:
    """The record within a field and whether the field is a list of it; None for a field without inner fields."""
    found = resolved(type_, named)
    many = isinstance(found, dict) and found["type"] == "array"
    inner = resolved(found["items"], named) if many else found
    if isinstance(inner, dict) and inner["type"] == "record" and not is_protected(inner):
        return inner, many
    return None


def is_protected(type_: Any) -> bool:
    """Whether a resolved type is the envelope of a protected value."""
    return isinstance(type_, dict) and type_["type"] == "record" and short_name(type_) == _PROTECTED


def short_name(record: Schema) -> str:
    """A record's name without its namespace."""
    return str(record["name"]).rsplit(".", 1)[-1]


def paths_of(subject_schema: Schema) -> frozenset[str]:
    """All paths that an entitlement could list, i.e. every leaf that is not always sent and not forbidden."""
    named = named_types(subject_schema)
    return frozenset(_paths(subject_schema, named, "")) - frozenset(ALWAYS)


def _paths(record: Schema, named: Mapping[str, Schema], prefix: str) -> Iterator[str]:
    for field in record["fields"]:
        if field["name"] in NEVER:
            continue
        inner = item_record(field["type"], named)
        if inner:
            yield from _paths(inner[0], named, f"{prefix}{field['name']}.")
        else:
            yield prefix + field["name"]


# --- selecting ------------------------------------------------------------------------------------------------------


def select(subject_schema: Schema, wanted: Wanted) -> tuple[Pick, ...]:
    """The entitled fields beyond those that are always sent, in the order of the subject's schema."""
    named = named_types(subject_schema)
    fields = [f for f in subject_schema["fields"] if f["name"] not in ALWAYS]
    return tuple(_picks(fields, wanted, named, ""))


def _picks(
    fields: Collection[Schema], wanted: Wanted, named: Mapping[str, Schema], prefix: str
) -> Iterator[Pick]:
    for field in fields:
        path = prefix + field["name"]
        inner = item_record(field["type"], named)
        if inner is None:
            if path in wanted.paths:
                yield _leaf(field, wanted.masks.get(path), named)
            continue
        record, many = inner
        picks = tuple(_picks(record["fields"], wanted, named, path + "."))
        if picks:
            yield Nested(field["name"], many, record, picks, wanted.roles.get(path), field)


def _leaf(field: Schema, masked: Masked | None, named: Mapping[str, Schema]) -> Leaf:
    found = resolved(field["type"], named)
    name = masked.name if masked else field["name"]
    return Leaf(field["name"], name, found, is_protected(found), masked.mask if masked else None, field)


# --- the department's schema ----------------------------------------------------------------------------------------


def camel(name: str) -> str:
    """``bank.icbc`` -> ``BankIcbc``."""
    return "".join(part.capitalize() for part in name.replace("_", ".").split("."))


def derive(subject_schema: Schema, wanted: Wanted, *, department: str, subject: str, doc: str) -> Schema:
    """The department's Avro schema of a subject. ``doc`` says on what basis and for what purpose it is sent."""
    by_name = {field["name"]: field for field in subject_schema["fields"]}
    names = _ItemNames(camel(department), f"cn.qianbei.dept.{camel(department)}.{subject}")
    fields: list[Schema] = [
        {"name": "entity_id", "type": "string", "doc": by_name["entity_id"].get("doc", "")},
        {"name": "revision", "type": "long", "doc": "修订号：从 1 起，按实体递增；读者按它排序"},
        {"name": "event_type", "type": "string", "doc": f"事件类型：{LEFT} 表示本部门不再关联，其余字段为空"},
    ]
    fields += [
        _field(name, without_null(by_name[name]["type"]), by_name[name])
        for name in ENVELOPE
        if name in by_name
    ]
    fields += [names.field(pick) for pick in select(subject_schema, wanted)]
    return {
        "type": "record",
        "name": camel(subject),
        "namespace": f"cn.qianbei.dept.{camel(department)}",
        "doc": doc,
        "fields": fields,
    }


def _field(name: str, type_: Any, source: Schema, **extra: str) -> Schema:
    kept = {key: source[key] for key in _KEPT_PROPERTIES if key in source}
    return {
        "name": name,
        "type": ["null", type_],
        "default": None,
        "doc": source.get("doc", ""),
        **kept,
        **extra,
    }


class _ItemNames:
    """Gives each nested record of one derived schema a name: ``<Department><Item>``, then with the field's name too."""

    def __init__(self, department: str, namespace: str) -> None:
        self._department = department
        self._namespace = namespace
        self._taken: set[str] = set()

    def field(self, pick: Pick) -> Schema:
        if isinstance(pick, Leaf):
            extra = {"mask": pick.mask, "doc": f"{pick.field.get('doc', '')}（已遮盖）"} if pick.mask else {}
            return _field(
                pick.name, "string" if pick.protected or pick.mask else pick.type, pick.field, **extra
            )
        record = {
            "type": "record",
            "name": self._name(pick),
            "namespace": self._namespace,
            "fields": [self.field(inner) for inner in pick.picks],
        }
        return _field(pick.name, {"type": "array", "items": record} if pick.many else record, pick.field)

    def _name(self, pick: Nested) -> str:
        name = self._department + short_name(pick.item)
        if name in self._taken:
            name += camel(pick.name)
        self._taken.add(name)
        return name
