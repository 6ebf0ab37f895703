"""Putting a department's record together from the pieces of an exchange record (see ``slices``)."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from qianbei.verify.avro import Schema, is_envelope, is_record, items_of, meant, records_in
from qianbei.verify.entitlement import LEFT, MASKS, Rule
from qianbei.verify.slices import NULL, NotSliceable, Pieces, length, text_of, top_fields
from schemas.said import said

Join = Callable[[Pieces], bytes]
_Change = Callable[[Any], bytes]


def joiner(rule: Rule, source: Schema, target: Schema) -> Join:
    """A function from the pieces of a record of ``source`` to the body of the whole record in ``target``.

    Raises NotSliceable if the target is not of the shape that the rule asks for; then its records must be decoded.
    """
    return _record(rule, "", source, target, records_in(source), records_in(target))


def left_joiner(source: Schema, target: Schema) -> Join:
    """The same for a ``LEFT``: entity and revision, and nothing else."""
    places = top_fields(source)
    head, revision = places["entity_id"], places["revision"]
    text = LEFT.encode()
    names = [field["name"] for field in target["fields"]]
    if names[:3] != ["entity_id", "revision", "event_type"]:
        raise NotSliceable(said("another order of fields"))
    tail = length(len(text)) + text + NULL * (len(names) - 3)
    return lambda pieces: b"".join((_bare(pieces[head]), _bare(pieces[revision]), tail))


def _record(
    rule: Rule,
    prefix: str,
    source: Schema,
    target: Schema,
    known: Mapping[str, Schema],
    named: Mapping[str, Schema],
) -> Join:
    places = top_fields(source)
    origins = {shown: name for name, shown in _shown_names(rule, prefix)}
    chosen: list[int] = []
    changes: list[tuple[int, _Change]] = []
    for at, field in enumerate(target["fields"]):
        name = origins.get(field["name"], field["name"])
        if name not in places:
            raise NotSliceable(said("a field that the older schema does not have"))
        chosen.append(places[name])
        own = source["fields"][places[name]]
        change = _change(rule, prefix + name, own["type"], field["type"], known, named)
        if change:
            changes.append((at, change))
    return _joined(chosen, changes)


def _shown_names(rule: Rule, prefix: str) -> list[tuple[str, str]]:
    """The masked fields directly under a prefix: their names and those under which they are sent."""
    paths = [
        (path, mask[1]) for path, mask in rule.masks.items() if path.rpartition(".")[0] == prefix.rstrip(".")
    ]
    return [(path.rpartition(".")[2], shown) for path, shown in paths]


def _joined(chosen: list[int], changes: list[tuple[int, _Change]]) -> Join:
    pick = itemgetter(*chosen) if len(chosen) > 1 else lambda pieces: (pieces[chosen[0]],)

    def join(pieces: Pieces) -> bytes:
        parts = list(pick(pieces))
        for at, change in changes:
            parts[at] = change(parts[at])
        return b"".join(parts)

    return join


def _change(
    rule: Rule, path: str, own: Any, wanted: Any, known: Mapping[str, Schema], named: Mapping[str, Schema]
) -> _Change | None:
    """What is done to a piece, None if it is taken as it is."""
    source, target = meant(own, known), meant(wanted, named)
    if not isinstance(wanted, list):
        return _bare
    if wanted[0] != "null":
        raise NotSliceable(said("a union that does not begin with null"))
    if path in rule.masks:
        return _masking(MASKS[rule.masks[path][0]])
    item, wanted_item = items_of(source, known), items_of(target, named)
    if is_record(item) and is_record(wanted_item):
        return _listing(rule, path, item, _record(rule, path + ".", item, wanted_item, known, named))
    if is_envelope(source) and target == "string":
        return None
    if is_record(source) and is_record(target):
        inner = _record(rule, path + ".", source, target, known, named)
        return lambda pieces: NULL if pieces is None else b"\x02" + inner(pieces)
    if _shape(source) != _shape(target):
        raise NotSliceable(said("another type"))
    return None


def _shape(avro: Any) -> Any:
    if isinstance(avro, str):
        return avro
    return tuple(avro.get(name) for name in ("type", "logicalType", "precision", "scale", "items"))


def _bare(piece: bytes) -> bytes:
    if piece == NULL:
        raise NotSliceable(said("a null where there may be none"))
    return piece[1:]


def _masking(mask: Callable[[str], str]) -> _Change:
    def change(piece: bytes) -> bytes:
        text = text_of(piece)
        if text is None:
            return NULL
        masked = mask(text).encode()
        return b"\x02" + length(len(masked)) + masked

    return change


def _listing(rule: Rule, path: str, item: Schema, join: Join) -> _Change:
    roles = rule.roles.get(path)
    role = top_fields(item)["role"] if roles is not None else 0

    def change(items: list[Pieces] | None) -> bytes:
        if items is None:
            return NULL
        kept = items if roles is None else [one for one in items if text_of(one[role]) in roles]
        if not kept:
            return b"\x02\x00"
        return b"".join((b"\x02", length(len(kept)), *map(join, kept), NULL))

    return change
