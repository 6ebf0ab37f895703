"""Projection: what one department sees of one record. This module is the definition; it is pure and compiled once.

The result for a record is one of three:

* **whole**: the entitled fields, protected ones in clear, masked, or null once erased, list items filtered by role;
* **LEFT**: ``entity_id``, ``revision``, ``event_type`` = ``LEFT`` and nothing else, once, when the department was
  interested before this revision and is no longer;
* **None**: nothing is sent.

A record must be complete, as decoded from the exchange: a missing field is a KeyError, not a null.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from broker.protected import Reveal, present
from broker.routing.masks import MASKS
from schemas.derive import ENVELOPE, KEYS, LEFT, Leaf, Nested, Pick, Schema, select
from schemas.entitlements import Grant, Rows

Record = dict[str, Any]
Projection = Callable[[Record], Record | None]
_Change = Callable[[Any], Any]


def compile_projection(subject_schema: Schema, grant: Grant, reveal: Reveal = present) -> Projection:
    """The projection of a subject's records, of the newest schema, for one grant. ``reveal`` opens protected values."""
    present = {field["name"]: field for field in subject_schema["fields"]}
    always = [as_it_is(present[name]) for name in (*KEYS, *ENVELOPE) if name in present]
    whole = shaped([*always, *select(subject_schema, grant.wanted)], reveal)
    if grant.terms.rows is Rows.ALL:
        return whole
    return _interested(grant.department, whole, _left(subject_schema, grant))


def _interested(
    department: str, whole: Callable[[Record], Record], left: Callable[[Record], Record]
) -> Projection:
    def project(record: Record) -> Record | None:
        if department in (record["interested"] or ()):
            return whole(record)
        if department in (record["interested_before"] or ()):
            return left(record)
        return None

    return project


def _left(subject_schema: Schema, grant: Grant) -> Callable[[Record], Record]:
    empty = dict.fromkeys(field["name"] for field in grant.schema(subject_schema)["fields"])

    def left(record: Record) -> Record:
        return empty | {"entity_id": record["entity_id"], "revision": record["revision"], "event_type": LEFT}

    return left


def as_it_is(field: Schema, type_: Any = None) -> Leaf:
    """The pick of a field that is neither protected nor masked; its type is needed only where it is described."""
    return Leaf(field["name"], field["name"], type_, False, None, field)


def shaped(picks: Iterable[Pick], reveal: Reveal = present) -> Callable[[Record], Record]:
    """What is picked of a complete record: protected values in clear or masked (null if erased), list items by role.

    Copies the picked fields in one C-level call, then changes the few that are not shared as they are.
    """
    picks = tuple(picks)
    names = tuple(pick.name for pick in picks)
    sources = tuple(pick.source if isinstance(pick, Leaf) else pick.name for pick in picks)
    values: Callable[[Record], tuple[Any, ...]]
    values = itemgetter(*sources) if len(sources) > 1 else lambda record: (record[sources[0]],)
    changes = tuple((pick.name, change) for pick in picks if (change := _change(pick, reveal)))

    def project(record: Record) -> Record:
        out = dict(zip(names, values(record), strict=True))
        for name, change in changes:
            value = out[name]
            if value is not None:
                out[name] = change(value)
        return out

    return project


def _change(pick: Pick, reveal: Reveal) -> _Change | None:
    if isinstance(pick, Nested):
        return _list(pick, reveal) if pick.many else shaped(pick.picks, reveal)
    if pick.mask:
        mask = MASKS[pick.mask]
        return _masked(mask, reveal) if pick.protected else mask
    return reveal if pick.protected else None


def _masked(mask: Callable[[str], str], reveal: Reveal) -> _Change:
    def change(value: Any) -> str | None:
        text = reveal(value)
        return None if text is None else mask(text)

    return change


def _list(pick: Nested, reveal: Reveal) -> _Change:
    item, roles = shaped(pick.picks, reveal), pick.roles
    if roles is None:
        return lambda items: [item(one) for one in items]
    return lambda items: [item(one) for one in items if one["role"] in roles]
