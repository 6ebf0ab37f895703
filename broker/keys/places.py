"""Where a subject's protected values are, and whose."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from broker.errors import ConfigError
from schemas.derive import is_protected, item_record, named_types, resolved
from schemas.files import Schema, latest_version, load_schema
from schemas.said import said

PARTY_REF = "party_ref"


@dataclass(frozen=True, slots=True)
class Places:
    """Protected fields of a record itself, and those of the items of its party lists."""

    own: tuple[str, ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.own or self.lists)


@cache
def places_of_subject(subject: str) -> Places:
    """Those of a subject's newest schema. Raises as ``places_of``."""
    return places_of(load_schema(subject, latest_version(subject)))


def places_of(schema: Schema) -> Places:
    """Raises ConfigError for a protected value elsewhere: it would stay in clear unseen."""
    named = named_types(schema)
    lists: list[tuple[str, tuple[str, ...]]] = []
    for field in schema["fields"]:
        found = item_record(field["type"], named)
        inner = _protected(found[0], named) if found else ()
        if found and inner:
            if not found[1] or PARTY_REF not in {one["name"] for one in found[0]["fields"]}:
                raise ConfigError(
                    said(
                        "{field}: a protected field must be the subject's own or a party's",
                        field=field["name"],
                    )
                )
            lists.append((field["name"], inner))
    return Places(_protected(schema, named), tuple(lists))


def _protected(record: Schema, named: Mapping[str, Schema]) -> tuple[str, ...]:
    return tuple(one["name"] for one in record["fields"] if is_protected(resolved(one["type"], named)))


def record_owner(subject: str, body: Mapping[str, Any]) -> str:
    """The owner of what is about no party of the record."""
    return f"{subject}/{body['entity_id']}"
