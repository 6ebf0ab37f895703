"""Whatever a record holds, nothing but the entitlement leaves, and bytes are cut as records are projected."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import DecodeError
from broker.protected import UnreadableValue
from broker.routing.cut import Cutter
from broker.routing.project import Projection, compile_projection
from schemas.derive import ALWAYS, Leaf, Pick, Schema, is_protected, named_types, resolved
from schemas.entitlements import Grant, Rows, grants, load_entitlements
from schemas.files import latest_version, load_schema, parsed
from tests.unit.test_routing_records import exchange_bytes, filled

Record = dict[str, Any]
GRANTS = grants(load_entitlements())
SUBJECTS = sorted({grant.subject for grant in GRANTS})
DEPARTMENTS = sorted({grant.department for grant in GRANTS})
ROLES = ("SELLER", "BUYER", "LESSOR", "LESSEE", "MORTGAGOR", "MORTGAGEE", "DEBTOR", "AGENT", "DEFAULTER")


@cache
def schema_of(subject: str) -> Schema:
    return load_schema(subject, latest_version(subject))


@cache
def granted(subject: str) -> list[Grant]:
    return [grant for grant in GRANTS if grant.subject == subject]


@cache
def cutter(subject: str) -> Cutter:
    headers = [b""] * len(granted(subject))
    return Cutter(schema_of(subject), parsed(subject, latest_version(subject)), granted(subject), headers)


@cache
def projections(subject: str) -> list[tuple[Projection, Any]]:
    schema = schema_of(subject)
    return [
        (compile_projection(schema, g), fastavro.parse_schema(g.schema(schema))) for g in granted(subject)
    ]


def encoded(schema: Any, record: Record) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


# --- random records -------------------------------------------------------------------------------------------


@cache
def records(subject: str) -> st.SearchStrategy[Record]:
    schema = schema_of(subject)
    named = named_types(schema)
    interests = st.none() | st.lists(st.sampled_from(DEPARTMENTS), max_size=3, unique=True)
    return _record(schema, named).flatmap(
        lambda record: st.builds(
            lambda now, before, revision: (
                record | {"interested": now, "interested_before": before, "revision": revision}
            ),
            interests,
            interests,
            st.integers(1, 2**40),
        )
    )


def _record(schema: Schema, named: dict[str, Schema]) -> st.SearchStrategy[Record]:
    return st.fixed_dictionaries({f["name"]: _value(f["type"], f["name"], named) for f in schema["fields"]})


def _value(type_: Any, name: str, named: dict[str, Schema]) -> st.SearchStrategy[Any]:
    found = resolved(type_, named)
    some = _some(found, name, named)
    return st.none() | some if isinstance(type_, list) else some


def _some(found: Any, name: str, named: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if is_protected(found):
        return st.text(max_size=80).map(lambda t: {"key_id": "clear", "nonce": b"", "ciphertext": t.encode()})
    if isinstance(found, dict) and found["type"] == "record":
        return _record(found, named)
    if isinstance(found, dict) and found["type"] == "array":
        return st.lists(_value(found["items"], name, named), max_size=3)
    logical = found.get("logicalType") if isinstance(found, dict) else None
    if logical == "decimal":
        top = 10 ** (found["precision"] - found["scale"]) - 1
        return st.decimals(-top, top, places=found["scale"], allow_nan=False, allow_infinity=False)
    kind = found["type"] if isinstance(found, dict) else found
    if logical:
        # As numbers of the wire: both sides only copy them.
        return st.dates() if logical == "date" else st.integers(0, 2**50)
    return st.sampled_from(ROLES) if name == "role" else _PLAIN[kind]


_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=120),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
}


@pytest.mark.parametrize("subject", SUBJECTS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_cutting_is_projecting_and_encoding(subject: str, data: st.DataObject) -> None:
    raw = exchange_bytes(subject, data.draw(records(subject)))
    record = fastavro.schemaless_reader(BytesIO(raw), parsed(subject, latest_version(subject)), None)
    assert isinstance(record, dict)
    wanted = {}
    for at, (project, schema) in enumerate(projections(subject)):
        sent = project(record)
        if sent is not None:
            wanted[at] = (encoded(schema, sent), sent["event_type"] == "LEFT")
    cuts = cutter(subject).cut(raw, 0)
    assert {cut.output: (cut.value, cut.left) for cut in cuts} == wanted


@given(subject=st.sampled_from(SUBJECTS), data=st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_end_in_a_named_error_or_none(subject: str, data: st.DataObject) -> None:
    raw = bytearray(exchange_bytes(subject, filled(subject)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError, UnreadableValue):
        cutter(subject).cut(bytes(raw[: data.draw(st.integers(0, len(raw)))]), 0)


# --- a marker in each field -----------------------------------------------------------------------------------


def marker(path: str, number: int) -> str:
    """A value that occurs in one field only and survives encoding; long enough not to be met by chance."""
    return f"<{number:05d}:{path}>"


class Marked:
    """A record whose every text field holds a marker of its own path and place, and the markers by path."""

    def __init__(self, subject: str, items: int, interested: list[str]) -> None:
        schema = schema_of(subject)
        self._named = named_types(schema)
        self._items = items
        self.markers: list[tuple[str, str, str | None]] = []
        plain = filled(subject, interested=["x"], interested_before=["x"])
        self.record = self._fill(schema, plain, "", None) | {"interested": interested, "revision": 9}

    def _fill(self, schema: Schema, plain: Record, prefix: str, role: str | None) -> Record:
        out: Record = {}
        for field in schema["fields"]:
            found = resolved(field["type"], self._named)
            out[field["name"]] = self._mark(found, plain[field["name"]], prefix + field["name"], role)
        return out

    def _mark(self, found: Any, plain: Any, path: str, role: str | None) -> Any:
        if is_protected(found):
            return {"key_id": "clear", "nonce": b"", "ciphertext": self._new(path, role).encode()}
        if isinstance(found, dict) and found["type"] == "record":
            return self._fill(found, plain, path + ".", role)
        if isinstance(found, dict) and found["type"] == "array":
            item = resolved(found["items"], self._named)
            return [self._item(item, plain[0], path, ROLES[n % len(ROLES)]) for n in range(self._items)]
        # A role is a code that the filter goes by, so it keeps its meaning.
        return self._new(path, role) if found == "string" and not path.endswith(".role") else plain

    def _item(self, item: Any, plain: Any, path: str, role: str) -> Any:
        marked = self._mark(item, plain, path, role)
        return marked | {"role": role} if isinstance(marked, dict) and "role" in marked else marked

    def _new(self, path: str, role: str | None) -> str:
        made = marker(path, len(self.markers))
        self.markers.append((path, made, role))
        return made


def clear_paths(picks: tuple[Pick, ...], prefix: str = "") -> Iterator[str]:
    """The paths that a grant shows unmasked."""
    for pick in picks:
        if isinstance(pick, Leaf):
            if not pick.mask:
                yield prefix + pick.source
        else:
            yield from clear_paths(pick.picks, f"{prefix}{pick.name}.")


def allowed(grant: Grant, path: str, role: str | None) -> bool:
    if path in ALWAYS:
        return True
    roles = grant.terms.party_roles.get(path.split(".", maxsplit=1)[0])
    if roles is not None and role is not None and role not in roles:
        return False
    return path in set(clear_paths(grant.selection(schema_of(grant.subject))))


@given(
    subject=st.sampled_from(SUBJECTS),
    items=st.integers(1, 12),
    interested=st.sets(st.sampled_from(DEPARTMENTS)),
)
@settings(max_examples=200, deadline=None)
def test_no_field_outside_the_entitlement_leaves(subject: str, items: int, interested: set[str]) -> None:
    marked = Marked(subject, items, sorted(interested))
    cuts = {cut.output: cut for cut in cutter(subject).cut(exchange_bytes(subject, marked.record), 0)}
    for at, grant in enumerate(granted(subject)):
        if grant.terms.rows is Rows.INTERESTED and grant.department not in interested:
            assert at not in cuts
            continue
        value = cuts[at].value
        for path, made, role in marked.markers:
            shown = made.encode() in value
            assert shown == allowed(grant, path, role), f"{grant.topic}: {path} of {role}"


@given(subject=st.sampled_from(SUBJECTS), items=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_a_left_record_holds_its_key_and_nothing_else(subject: str, items: int) -> None:
    marked = Marked(subject, items, [])
    record = marked.record | {"interested_before": DEPARTMENTS}
    keys = {made for path, made, _ in marked.markers if path == "entity_id"}
    for cut in cutter(subject).cut(exchange_bytes(subject, record), 0):
        if cut.left:
            assert {made for _, made, _ in marked.markers if made.encode() in cut.value} == keys
