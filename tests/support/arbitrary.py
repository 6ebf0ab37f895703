"""Records of any schema with values from the edges of their types, drawn from a seeded generator."""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro

TEXTS = (
    "",
    "a",
    "商丘市",
    "𠮷" * 3,
    "tab\tline\nback\\slash",
    "\\N",
    "x" * 127,
    "é" * 64,
    "长" * 3000,
    "\x01\x7f",
)


def arbitrary(rng: random.Random, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the schema."""
    parsed: Any = fastavro.parse_schema(dict(schema), _force=True)
    named: dict[str, Any] = {}
    _collect(parsed, named)
    record = _value(rng, parsed, named)
    assert isinstance(record, dict)
    return record


def _collect(avro: Any, named: dict[str, Any]) -> None:
    if isinstance(avro, list):
        for branch in avro:
            _collect(branch, named)
    elif isinstance(avro, dict) and avro["type"] == "array":
        _collect(avro["items"], named)
    elif isinstance(avro, dict) and avro["type"] == "record":
        named[avro["name"]] = avro
        for field in avro["fields"]:
            _collect(field["type"], named)


def _value(rng: random.Random, avro: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(avro, list):
        return _value(rng, rng.choice(avro), named)
    if isinstance(avro, str):
        return _value(rng, named[avro], named) if avro in named else _primitive(rng, avro, {})
    if avro["type"] == "record":
        return {field["name"]: _value(rng, field["type"], named) for field in avro["fields"]}
    if avro["type"] == "array":
        return [_value(rng, avro["items"], named) for _ in range(rng.randrange(4))]
    return _primitive(rng, avro["type"], avro)


def _primitive(rng: random.Random, name: str, avro: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one a type
    match (name, avro.get("logicalType")):
        case ("null", _):
            return None
        case ("boolean", _):
            return rng.random() < 0.5
        case ("string", _):
            return rng.choice(TEXTS)
        case ("bytes", "decimal"):
            unscaled = rng.choice(
                (0, 1, 99, 100, 10_000, 10 ** avro["precision"] - 1, rng.randrange(10 ** avro["precision"]))
            )
            return Decimal(unscaled * rng.choice((1, -1))).scaleb(-avro["scale"])
        case ("bytes", _):
            return rng.randbytes(rng.choice((0, 1, 200)))
        case ("long", "timestamp-micros"):
            return datetime(2021, 1, 1, tzinfo=UTC) + timedelta(
                microseconds=rng.randrange(-3 * 10**16, 3 * 10**16)
            )
        case ("int", "date"):
            return date(1900, 1, 1) + timedelta(days=rng.randrange(100_000))
        case (("int" | "long"), _):
            top = 2 ** (31 if name == "int" else 63)
            return rng.choice((0, 1, -1, 63, 64, -64, -65, top - 1, -top))
    raise AssertionError(f"no values for {name}")
