"""Disclosures as JSON, and as lines for people. An official stands by number; of the name no more than the surname is told."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from broker.disclosed.finding import ANSWER, Disclosure
from broker.routing.masks import MASKS
from qianbei.language import spoken

_SHOWN = 60
"""So many characters of fields on a line."""


def as_dict(one: Disclosure) -> dict[str, Any]:
    """As JSON types."""
    name = None if one.officer_name is None else MASKS["surname"](one.officer_name)
    told = asdict(one) | {"at": moment(one), "officer_name": name, "fields": list(one.fields)}
    return {key: value for key, value in told.items() if value is not None}


def lines(one: Disclosure, *, chinese: bool) -> Iterator[str]:
    """When and to whom what went; why; in which case, by which official; which fields."""
    yield f"{moment(one)}  {one.department}  {one.way}  {_what(one)}".rstrip()
    purpose = one.purpose_zh if chinese else one.purpose
    yield f"  {purpose or one.purpose_code or '–'}（{one.legal_basis or '–'}）"
    if one.kind == ANSWER:
        yield f"  {_by(one)}"
    if not one.granted:
        yield "  " + spoken("refused ({code}): nothing was disclosed", code=one.code)
        return
    names = ", ".join(one.fields)
    yield "  " + spoken("{count} fields: {names}", count=len(one.fields), names=names)


def moment(one: Disclosure) -> str:
    """The time in UTC, to the millisecond."""
    return one.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _what(one: Disclosure) -> str:
    return "" if one.entity_id is None else f"{one.entity_id} @{one.revision} {one.event_type or ''}"


def _by(one: Disclosure) -> str:
    city = "" if one.city_code is None else f", {one.city_code}"
    officer = one.officer_id or "–"
    return f"{one.number_kind or '–'} {one.number or '–'}, " + spoken("official {id}", id=officer) + city
