"""Protected values made unrecognisable, or opened, whatever the schema: envelopes, and what departments are given in clear.

A masked envelope is one in clear that holds the mask, so that no schema changes. Names keep their first character, numbers
of documents and phones their last digits; everything else is blurred whole, and so is what is encrypted. What was erased
stays as it is.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from broker.protected import Envelope, UnreadableValue, clear, present
from broker.replay.selecting import kind_of, subject_of
from broker.routing.masks import id_number, last4, surname
from schemas.derive import is_protected, named_types, resolved
from schemas.files import Schema, latest_version, load_schema

BLURRED = "***"
_MASKS: Mapping[str, Callable[[str], str]] = {
    "name": surname,
    "legal_rep": surname,
    "executor": surname,
    "registrar": surname,
    "process_server": surname,
    "id_no": id_number,
    "phone": last4,
    "process_server_phone": last4,
    "release_process_server": surname,
}
"""By the name of the field, as far as something of it may be shown."""

Walk = Callable[[Any], Any]


def _blurred(_value: str) -> str:
    return BLURRED


class Presenting:
    """Records as they may be shown. Each schema is looked at once."""

    def __init__(self, envelope: Callable[[str], Walk], masks_clear: bool) -> None:
        self._envelope = envelope
        self._masks_clear = masks_clear
        self._walks: dict[tuple[int, str], tuple[Schema, Walk | None]] = {}

    def shown(self, topic: str, schema: Schema, body: dict[str, Any]) -> dict[str, Any]:
        """The record with its protected values as they may be shown; the one that was given stays as it is."""
        key = (id(schema), topic)
        if key not in self._walks:
            in_clear = _clear_paths(topic) if self._masks_clear else frozenset()
            # The schema is kept too: else its id could be given to another one.
            self._walks[key] = schema, _Compiler(schema, in_clear, self._envelope).walk(schema, ())
        walk = self._walks[key][1]
        shown: dict[str, Any] = body if walk is None else walk(body)
        return shown


def masked() -> Presenting:
    """Protected values are masked."""
    return Presenting(_envelope_mask, masks_clear=True)


def revealed(open_envelope: Callable[[Envelope], str | None]) -> Presenting:
    """Encrypted values are opened. One whose bytes were changed, or whose key is gone, stays as it is."""

    def opened(envelope: Envelope) -> Envelope:
        try:
            value = open_envelope(envelope)
        except UnreadableValue:
            return envelope
        return envelope if value is None else clear(value)

    return Presenting(lambda _name: opened, masks_clear=False)


def _clear_paths(topic: str) -> frozenset[tuple[str, ...]]:
    """Where a department's record has in clear what its subject protects."""
    subject = subject_of(topic)
    return protected_paths(subject) if kind_of(topic) == "dept" and subject else frozenset()


@cache
def protected_paths(subject: str) -> frozenset[tuple[str, ...]]:
    """The paths of a subject's protected values, as its newest schema has them."""
    schema = load_schema(subject, latest_version(subject))
    compiler = _Compiler(schema, frozenset(), _envelope_mask)
    compiler.walk(schema, ())
    return frozenset(compiler.protected)


class _Compiler:
    """Compiles the walk through one schema, None where nothing in it is protected."""

    def __init__(
        self, schema: Schema, in_clear: frozenset[tuple[str, ...]], envelope: Callable[[str], Walk]
    ) -> None:
        self._named = named_types(schema)
        self._in_clear = in_clear
        self._envelope = envelope
        self.protected: set[tuple[str, ...]] = set()

    def walk(self, kind: Any, path: tuple[str, ...]) -> Walk | None:
        found = self._of_value(resolved(kind, self._named), path)
        return _optional(found) if found is not None and isinstance(kind, list) else found

    def _of_value(self, kind: Any, path: tuple[str, ...]) -> Walk | None:
        if isinstance(kind, str):
            return _text_mask(path) if kind == "string" and path in self._in_clear else None
        if is_protected(kind):
            self.protected.add(path)
            return self._envelope(path[-1])
        if kind["type"] == "record":
            return self._record(kind, path)
        if kind["type"] == "array":
            item = self.walk(kind["items"], path)
            return None if item is None else _each(item)
        return self.walk(kind["type"], path)

    def _record(self, kind: Schema, path: tuple[str, ...]) -> Walk | None:
        walks = {
            name: walk
            for name, walk in (
                (field["name"], self.walk(field["type"], (*path, field["name"]))) for field in kind["fields"]
            )
            if walk is not None
        }
        if not walks:
            return None
        return _fields(walks)


def _optional(walk: Walk) -> Walk:
    return lambda value: None if value is None else walk(value)


def _fields(walks: Mapping[str, Walk]) -> Walk:
    def masked(body: dict[str, Any]) -> dict[str, Any]:
        return body | {name: walk(body[name]) for name, walk in walks.items()}

    return masked


def _each(walk: Walk) -> Walk:
    return lambda values: [walk(one) for one in values]


def _text_mask(path: tuple[str, ...]) -> Walk:
    return _MASKS.get(path[-1], _blurred)


def _envelope_mask(name: str) -> Walk:
    mask = _MASKS.get(name, _blurred)

    def masked_envelope(envelope: Envelope) -> Envelope:
        try:
            value = present(envelope)
        except UnreadableValue:
            return clear(BLURRED)
        return envelope if value is None else clear(mask(value))

    return masked_envelope
