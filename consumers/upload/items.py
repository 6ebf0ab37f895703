"""The national standard's items of a record: its names, and which of them may not be empty.

An item's name is the ``pinyin`` of its field in the Avro files (房屋编码 ``house_code`` is ``FWBM``); a field without one is an
extension under its own name. Of two fields with one name the subject's own counts, and the envelope's fills it where it
is null (``XZQH``: ``region_code``, else ``county_code``). An item is *required* as admission requires its field (``core``,
``required_from``, ``required_for``), and where the configuration says so: 建办房〔2020〕14号 "不得填写为空".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from broker.admission.checks_relations import statuses_from
from consumers.outputs.forms import plain
from schemas.catalogue import load_catalogue
from schemas.derive import Leaf, Pick, Schema
from schemas.entitlements import grants, load_entitlements, newest_schemas

DEPARTMENT = "monitoring"
SUBJECTS = ("project", "unit", "sale", "lease", "mortgage")
COUNTY = "county_code"


@dataclass(frozen=True, slots=True)
class Item:
    """One item. ``statuses`` and ``kinds``: where it is required though it is not ``always``. ``inner``: of a list."""

    field: str
    name: str
    always: bool
    statuses: frozenset[str]
    kinds: frozenset[str]
    inner: "tuple[Item, ...]" = ()

    def is_required(self, value: Mapping[str, Any]) -> bool:
        """Whether a record may not be without it."""
        return (
            self.always
            or value.get("contract_status") in self.statuses
            or value.get("contract_kind") in self.kinds
        )


@cache
def standard(subject: str) -> tuple[Item, ...]:
    """The items of a subject, as far as the department is entitled to them, in the order of the subject's schema."""
    (grant,) = [
        one for one in grants(load_entitlements()) if (one.department, one.subject) == (DEPARTMENT, subject)
    ]
    return tuple(_item(pick, subject) for pick in grant.selection(newest_schemas()[subject]))


@cache
def aliases(subject: str) -> frozenset[str]:
    """The names of all items of a subject."""
    return frozenset(item.name for item in standard(subject)) | {_county_item()}


@cache
def _county_item() -> str:
    (field,) = [one for one in newest_schemas()["unit"]["fields"] if one["name"] == COUNTY]
    return _name(field)


def _item(pick: Pick, subject: str) -> Item:
    field: Schema = pick.field
    inner = () if isinstance(pick, Leaf) else tuple(_item(one, subject) for one in pick.picks)
    status = field.get("required_from")
    statuses = statuses_from(load_catalogue().subjects[subject], status) if status else frozenset()
    return Item(
        field=pick.name,
        name=_name(field),
        always=bool(field.get("core")),
        statuses=frozenset(statuses),
        kinds=frozenset(field.get("required_for", ())),
        inner=inner,
    )


def _name(field: Schema) -> str:
    return str(field.get("pinyin", field["name"]))


# --- a record -------------------------------------------------------------------------------------------------------


def items_of(subject: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The items that a record has, in JSON's types: money and areas as text, times in ISO 8601. None is null or blank."""
    found = _items(standard(subject), value)
    if value.get(COUNTY):
        found.setdefault(_county_item(), value[COUNTY])
    return found


def _items(items: tuple[Item, ...], value: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for item in items:
        one = value.get(item.field)
        if item.inner and one is not None:
            many = one if isinstance(one, list) else [one]
            found[item.name] = [_items(item.inner, part) for part in many]
        elif not is_empty(one):
            found[item.name] = plain(one)
    return found


def missing_items(subject: str, value: Mapping[str, Any], required: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of required items that a record lacks, within lists as ``parties.role``, sorted, each once."""
    there = items_of(subject, value)
    extra = (name for name in required if name not in there)
    return tuple(sorted({*_missing(standard(subject), value, value, ""), *extra}))


def _missing(
    items: tuple[Item, ...], value: Mapping[str, Any], record: Mapping[str, Any], where: str
) -> Iterator[str]:
    for item in items:
        one = value.get(item.field)
        if one is None or is_empty(one) or (item.always and one == []):
            if item.is_required(record):
                yield where + item.name
        elif item.inner:
            for part in one if isinstance(one, list) else [one]:
                yield from _missing(item.inner, part, record, f"{where}{item.name}.")


def is_empty(value: Any) -> bool:
    """Null, or text of nothing but blanks; an empty list says "none", which is a value."""
    return value is None or (isinstance(value, str) and not value.strip())
