"""The newest released schema of each subject, and how an older record is completed to it.

Departments' schemas and the tables are made from the newest one; a field that an older record does not have counts as
its default there. The Avro files are data of this version, like the entitlement files.
"""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from qianbei.verify.avro import Record, Schema, is_envelope, is_record, items_of, meant, records_in

Complete = Callable[[Record], None]


def newest_schemas() -> dict[str, Schema]:
    """By subject (and the other records that have schemas)."""
    found: dict[str, Schema] = {}
    for folder in (files("schemas") / "avro").iterdir():
        if not folder.is_dir():
            continue
        versions = {int(file.name[1:-5]): file for file in folder.iterdir() if file.name.endswith(".avsc")}
        found[folder.name] = json.loads(versions[max(versions)].read_text(encoding="utf-8"))
    return found


def completing(written: Schema, newest: Schema | None) -> Complete | None:
    """A function that gives a record of ``written`` the fields of ``newest`` that it lacks; None if it lacks none."""
    if newest is None:
        return None
    return _completing(written, newest, records_in(written), records_in(newest))


def _completing(
    written: Schema, newest: Schema, known: Mapping[str, Schema], named: Mapping[str, Schema]
) -> Complete | None:
    own = {field["name"]: field for field in written["fields"]}
    defaults: list[tuple[str, Any]] = []
    inner: list[tuple[str, Complete]] = []
    for field in newest["fields"]:
        if field["name"] not in own:
            defaults.append((field["name"], field.get("default")))
            continue
        mine, theirs = _target(own[field["name"]]["type"], known), _target(field["type"], named)
        if is_record(mine) and is_record(theirs) and not is_envelope(theirs):
            complete = _completing(mine, theirs, known, named)
            inner += [(field["name"], complete)] if complete else []
    return _filling(defaults, inner) if defaults or inner else None


def _target(avro: Any, named: Mapping[str, Schema]) -> Any:
    type_ = meant(avro, named)
    return items_of(type_, named) or type_


def _filling(defaults: list[tuple[str, Any]], inner: list[tuple[str, Complete]]) -> Complete:
    def complete(record: Record) -> None:
        for name, default in defaults:
            record[name] = default
        for name, complete_inner in inner:
            value = record[name]
            for item in value if isinstance(value, list) else () if value is None else (value,):
                complete_inner(item)

    return complete
