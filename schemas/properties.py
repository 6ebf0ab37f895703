"""Whether the properties of a field make sense: `schemas.files` says what they are and mean."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from schemas.files import Schema

FORMATS = frozenset({"uuid", "house_code", "realty_unit_no", "case_no", "uscc", "phone", "county", "id_no"})
SHARING = frozenset({"无条件共享", "有条件共享", "不予共享"})

_AVRO = frozenset({"name", "type", "default", "doc"})
_NUMBERS = frozenset({"int", "long", "decimal"})
_TIMES = frozenset({"date", "timestamp-micros"})


def base_type(type_: Any) -> str:
    """What a property judges: string, date, decimal, a record's name …; for a list, that of its items."""
    if isinstance(type_, list):
        return base_type(type_[-1])
    if isinstance(type_, str):
        return type_
    if type_["type"] == "array":
        return base_type(type_["items"])
    if type_["type"] == "record":
        return str(type_["name"])
    return str(type_.get("logicalType", type_["type"]))


def is_list(type_: Any) -> bool:
    """Whether a field's type is a list, null or not."""
    bare = type_[-1] if isinstance(type_, list) else type_
    return isinstance(bare, dict) and bare["type"] == "array"


def _is_text(field: Schema) -> bool:
    return base_type(field["type"]) in ("string", "Protected")


def _is_number(field: Schema) -> bool:
    return base_type(field["type"]) in _NUMBERS and not is_list(field["type"])


def _has_true(value: Any) -> bool:
    return value is True


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


# property: which fields may have it, what its value must be
_RULES: dict[str, tuple[Callable[[Schema], bool], Callable[[Any], bool]]] = {
    "pinyin": (lambda _: True, lambda v: isinstance(v, str) and re.fullmatch("[A-Z]+", v) is not None),
    "core": (lambda f: not isinstance(f["type"], list), _has_true),
    "format": (_is_text, lambda v: v in FORMATS),
    "code_list": (lambda f: base_type(f["type"]) == "string", lambda v: isinstance(v, str)),
    "min_length": (_is_text, _is_size),
    "max_length": (_is_text, _is_size),
    "positive": (_is_number, _has_true),
    "non_negative": (_is_number, _has_true),
    "not_before": (lambda f: base_type(f["type"]) in _TIMES, lambda v: isinstance(v, str)),
    "at_most": (_is_number, lambda v: isinstance(v, str)),
    "sum_of": (_is_number, _are_texts),
    "max_years": (lambda f: "not_before" in f, _is_size),
    "min_items": (lambda f: is_list(f["type"]), _is_size),
    "max_items": (lambda f: is_list(f["type"]), _is_size),
    "roles": (lambda f: is_list(f["type"]), _are_texts),
    "required_roles": (lambda f: "roles" in f, _are_texts),
    "required_from": (lambda f: isinstance(f["type"], list), lambda v: v == "FILED"),
    "required_for": (lambda f: isinstance(f["type"], list), _are_texts),
    "owner": (lambda f: isinstance(f["type"], list), lambda v: v == "exchange"),
    "sharing": (lambda _: True, lambda v: v in SHARING),
}


def property_problems(
    field: Schema, holder: Schema, code_lists: Collection[str], shared: bool
) -> Iterator[str]:
    """What is wrong with the properties of one field of the record ``holder``.

    ``shared``: the field belongs to data that is shared, so it must say how, and how long its text may be.
    """
    for name, value in field.items():
        if name not in _AVRO:
            yield from _one(name, value, field)
    yield from _siblings(field, holder)
    if code_lists and field.get("code_list", "") not in ("", *code_lists):
        yield f"there is no code list {field['code_list']}"
    if not set(field.get("required_roles", ())) <= set(field.get("roles", ())):
        yield "a required role is none of its roles"
    if shared:
        yield from _complete(field)


def _one(name: str, value: Any, field: Schema) -> Iterator[str]:
    if name not in _RULES:
        yield f"there is no property {name}"
        return
    fits, is_good = _RULES[name]
    if not fits(field):
        yield f"such a field cannot have {name}"
    if not is_good(value):
        yield f"{name} cannot be {value!r}"


def _siblings(field: Schema, holder: Schema) -> Iterator[str]:
    types = {other["name"]: base_type(other["type"]) for other in holder["fields"]}
    named = [field[key] for key in ("not_before", "at_most") if key in field] + field.get("sum_of", [])
    for other in named:
        if types.get(other) != base_type(field["type"]):
            yield f"it names {other}, which is no field beside it of the same type"


def _complete(field: Schema) -> Iterator[str]:
    if "sharing" not in field:
        yield "it does not say how it may be shared (sharing)"
    if _is_text(field) and "max_length" not in field and not is_list(field["type"]):
        yield "it does not say how long its text may be (max_length)"
