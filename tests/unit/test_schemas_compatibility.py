"""All released versions of a record read each other, both ways (FULL_TRANSITIVE).

The checker is that of the Avro project, not ours. While there is one version, the planted variants are what shows that
the check can fail.
"""

import copy
import json
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.files import Schema, load_schema, records, released_versions

COMPATIBLE = SchemaCompatibilityType.compatible


def incompatible(versions: dict[int, Schema]) -> Iterator[str]:
    """Each pair, as reader and writer, that cannot read each other."""
    known = {version: parse(json.dumps(schema)) for version, schema in versions.items()}
    for reader, writer in permutations(known, 2):
        # A checker remembers pairs that it has judged, so each pair gets a fresh one.
        found = ReaderWriterCompatibilityChecker().get_compatibility(known[reader], known[writer])
        if found.compatibility is not COMPATIBLE:
            yield f"v{reader} cannot read v{writer}: {', '.join(sorted(found.messages))}"


@pytest.mark.parametrize("record", records())
def test_all_released_versions_read_each_other(record: str) -> None:
    versions = {version: load_schema(record, version) for version in released_versions(record)}
    assert list(incompatible(versions)) == []


def _field(schema: Schema, name: str) -> Any:
    (found,) = [field for field in schema["fields"] if field["name"] == name]
    return found


def _party(schema: Schema) -> Any:
    return _field(schema, "parties")["type"]["items"]


def _remove(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].remove(_field(schema, name))


BREAKING: dict[str, Callable[[Schema], None]] = {
    "a new field without default": lambda s: s["fields"].append({"name": "x", "type": "string"}),
    "a required field removed": _remove("total_price"),
    "a required field made nullable": lambda s: _field(s, "contract_no").update(type=["null", "string"]),
    "a nullable field made required": lambda s: _field(s, "filing_no").update(type="string"),
    "another type": lambda s: _field(s, "version_no").update(type="string"),
    "a wider number": lambda s: _field(s, "version_no").update(type="long"),
    "a required field renamed": lambda s: _field(s, "contract_no").update(name="contract_number"),
    "a list's item with a new field": lambda s: _party(s)["fields"].append({"name": "x", "type": "string"}),
    "a list's item renamed": lambda s: _party(s).update(name="Participant"),
    "another record name": lambda s: s.update(name="Sales"),
}
HARMLESS: dict[str, Callable[[Schema], None]] = {
    "a new nullable field": lambda s: s["fields"].append(
        {"name": "x", "type": ["null", "string"], "default": None}
    ),
    "a nullable field removed": _remove("decoration"),
    "another doc": lambda s: _field(s, "contract_no").update(doc="合同编号：另一说明"),
}


def _changed(change: Callable[[Schema], None]) -> dict[int, Schema]:
    variant = copy.deepcopy(load_schema("sale", 1))
    change(variant)
    return {1: load_schema("sale", 1), 2: variant}


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_caught(change: str) -> None:
    assert list(incompatible(_changed(BREAKING[change])))


@pytest.mark.parametrize("change", HARMLESS)
def test_a_harmless_change_passes(change: str) -> None:
    assert list(incompatible(_changed(HARMLESS[change]))) == []


def test_the_check_is_transitive() -> None:
    """v3 brings back a field of another type that v2 dropped: neighbours are compatible, v1 and v3 are not."""
    second, third = copy.deepcopy(load_schema("sale", 1)), copy.deepcopy(load_schema("sale", 1))
    second["fields"].remove(_field(second, "decoration"))
    _field(third, "decoration").update(type=["null", "boolean"])
    versions = {1: load_schema("sale", 1), 2: second, 3: third}
    assert not list(incompatible({1: versions[1], 2: second}))
    assert not list(incompatible({2: second, 3: third}))
    assert len(list(incompatible(versions))) == 2
