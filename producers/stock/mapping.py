"""The mapping file of a table: which column goes to which field, in which unit and with which codes.

    subject: sale
    event_type: DRAFTED
    fixed: {version: 1, "parties[0].role": SELLER}
    columns:
      合同编号: {to: contract_no}
      总价: {to: total_price, unit: 万元}
      付款方式: {to: payment_method, codes: filing_legacy}
      买受人: {to: "parties[1].name"}
    ignore: [备注]

A column may go to several fields (``to`` is then a list). ``codes`` is the name of a table in ``schemas/codes/mappings``,
``zh`` for the Chinese words of the code list itself, or a table written in place. A mapping that names an unknown key,
field, unit or code is refused when it is read.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.errors import ConfigError
from producers.stock.values import UNITS
from schemas.codelists import UnknownCodeListError, code_list, mapping
from schemas.files import Schema, UnknownSchemaError, latest_version, load_schema
from schemas.said import joined, said

_STEP = re.compile(r"([a-z_]+)(?:\[(\d)\])?")
WORDS = "zh"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Model):
    """Where a column goes. ``codes``: the name of a mapping, or a table from the source's codes to ours."""

    to: str | tuple[str, ...]
    unit: str | None = None
    codes: str | dict[str, str] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.to,) if isinstance(self.to, str) else self.to


class StockMapping(_Model):
    """A mapping file. ``fixed`` gives fields that are the same in every row."""

    subject: str
    event_type: str
    fixed: dict[str, str | int | bool] = {}
    columns: dict[str, Column] = Field(min_length=1)
    ignore: tuple[str, ...] = ()


def read_mapping(path: Path) -> StockMapping:
    """The mapping of a file. Raises ConfigError, which says all that is wrong and where."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            said("{path} cannot be read as YAML in UTF-8: {error}", path=path, error=error)
        ) from None
    return parse_mapping(content, path.name)


def parse_mapping(content: object, name: str = "mapping") -> StockMapping:
    """A mapping from the content of its file. Raises ConfigError."""
    try:
        found = StockMapping.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(f"{name}: {line}" for line in lines)) from None
    problems = _problems(found)
    if problems:
        raise ConfigError(
            joined("\n", (said("{where}: {error}", where=name, error=problem) for problem in problems))
        )
    return found


@cache
def steps_of(path: str) -> tuple[tuple[str, int | None], ...]:
    """``parties[1].id_no`` -> ``(("parties", 1), ("id_no", None))``. Raises LookupError."""
    found = [_STEP.fullmatch(step) for step in path.split(".")]
    if None in found:
        raise LookupError(path)
    return tuple((one[1], None if one[2] is None else int(one[2])) for one in found if one)


def field_at(subject: str, path: str) -> Schema:
    """The schema of the field at a path such as ``parties[1].id_no``. Raises LookupError."""
    holder = load_schema(subject, latest_version(subject))
    steps = steps_of(path)
    field: Schema = {}
    for depth, (name, index) in enumerate(steps):
        field = next((f for f in holder["fields"] if f["name"] == name), {})
        if not field:
            raise LookupError(path)
        inner = _items(field["type"])
        if (inner is not None) != (index is not None) or (inner is None and depth < len(steps) - 1):
            raise LookupError(path)
        if inner is not None:
            if depth == len(steps) - 1 or not isinstance(inner, dict) or "fields" not in inner:
                raise LookupError(path)
            holder = inner
    return field


def _items(type_: Any) -> Any:
    bare = type_[-1] if isinstance(type_, list) else type_
    return bare["items"] if isinstance(bare, dict) and bare["type"] == "array" else None


def code_table(codes: str | dict[str, str], listed: str) -> Mapping[str, str]:
    """From what a column holds to the codes of a list. Raises UnknownCodeListError."""
    if isinstance(codes, dict):
        return codes
    if codes == WORDS:
        return {one.zh: one.code for one in code_list(listed).by_code.values()}
    return mapping(codes, listed).table


def _problems(found: StockMapping) -> list[str]:
    try:
        load_schema(found.subject, latest_version(found.subject))
    except UnknownSchemaError as error:
        return [f"subject: {error}"]
    problems = []
    targets = [(f"columns.{name}", path) for name, one in found.columns.items() for path in one.paths]
    targets += [(f"fixed.{path}", path) for path in found.fixed]
    seen: set[str] = set()
    for where, path in targets:
        if path in seen:
            problems.append(f"{where}: {path} is filled twice; keep one")
        seen.add(path)
        try:
            field_at(found.subject, path)
        except LookupError:
            problems.append(
                f"{where}: {found.subject} has no field {path}; parties are written parties[0].name"
            )
    if problems:
        return problems
    return [p for name, one in found.columns.items() for p in _column_problems(found.subject, name, one)]


def _column_problems(subject: str, name: str, one: Column) -> list[str]:
    if one.unit is not None and one.unit not in UNITS:
        return [f"columns.{name}.unit: no such unit; use one of {', '.join(UNITS)}"]
    if one.codes is None:
        return []
    return [p for path in one.paths for p in _code_problems(name, one.codes, field_at(subject, path))]


def _code_problems(name: str, codes: str | dict[str, str], field: Schema) -> list[str]:
    listed = field.get("code_list")
    if listed is None:
        return [f"columns.{name}.codes: {field['name']} has no code list; leave codes out"]
    if isinstance(codes, dict):
        lost = sorted(set(codes.values()) - code_list(listed).codes)
        return [f"columns.{name}.codes: {listed} has no code {', '.join(lost)}"] if lost else []
    if codes == WORDS:
        return []
    try:
        mapping(codes, listed)
    except UnknownCodeListError as error:
        return [f"columns.{name}.codes: {error}"]
    return []
