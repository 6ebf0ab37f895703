"""Code lists, and the tables that translate a source's own codes into them.

Vocabulary.  A *code list* is a file ``codes/<list>.yaml``: its codes with their words in Chinese and English, its
version, and the standard that it comes from.  A *mapping* is a table in ``codes/mappings/<source>.yaml`` from the codes
of one source's system to those of a list; live systems give the same digits other meanings, so a source's code is never
passed through.

Guarantees.  Codes are strings as the standard writes them (``"00"``, never 0).  A file with an unknown key, a code that
is no string, a code that stands twice, or a mapping to a code that its list lacks is refused when it is read.
Everything is frozen, read once, and pure after that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.said import said

_CODES = Path(__file__).with_name("codes")
_MAPPINGS = _CODES / "mappings"


class CodeListError(ValueError):
    """A code list or mapping file is wrong; the message names the file and what to mend."""


class UnknownCodeListError(LookupError):
    """There is no list, or no mapping, of that name."""


class UnknownCodeError(LookupError):
    """A code that its list, or a source's mapping, does not have."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_F = TypeVar("_F", bound=_File)


class Code(_File):
    """One code with its words.  ``parent`` is the code above it, where a list is a tree."""

    code: str = Field(min_length=1)
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    parent: str | None = None


class _ListFile(_File):
    list: str
    version: str
    zh: str
    en: str
    source: str
    codes: tuple[Code, ...] = Field(min_length=1, strict=False)


class _MappingFile(_File):
    source: str
    zh: str
    en: str
    lists: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class CodeList:
    """A list of codes: ``code in codes``, ``codes["11"].zh``, and iteration over its codes in their order."""

    name: str
    version: str
    zh: str
    en: str
    source: str
    by_code: Mapping[str, Code]

    def __contains__(self, code: object) -> bool:
        return code in self.by_code

    def __iter__(self) -> Iterator[Code]:
        return iter(self.by_code.values())

    def __len__(self) -> int:
        return len(self.by_code)

    def __getitem__(self, code: str) -> Code:
        """The code with its words.  Raises UnknownCodeError."""
        try:
            return self.by_code[code]
        except KeyError:
            raise UnknownCodeError(
                said("{code!r} is not in the code list {name}", code=code, name=self.name)
            ) from None

    @property
    def codes(self) -> frozenset[str]:
        """The codes alone."""
        return frozenset(self.by_code)


@dataclass(frozen=True, slots=True)
class CodeMapping:
    """How one source numbers the codes of one list."""

    source: str
    code_list: str
    table: Mapping[str, str]

    def translate(self, code: str) -> str:
        """The list's code for the source's.  Raises UnknownCodeError: an unknown code is never passed through."""
        try:
            return self.table[code]
        except KeyError:
            known = ", ".join(self.table)
            message = (
                f"{self.source} has no {self.code_list} {code!r}: add it to its mapping, which has {known}"
            )
            raise UnknownCodeError(message) from None


@cache
def code_list(name: str) -> CodeList:
    """The code list of that name.  Raises UnknownCodeListError, or CodeListError when its file is wrong."""
    if name not in code_list_names():
        raise UnknownCodeListError(
            said(
                "no code list {name!r}; there are {code_list_names}",
                name=name,
                code_list_names=", ".join(code_list_names()),
            )
        )
    path = _CODES / f"{name}.yaml"
    file = _read(path, _ListFile)
    return CodeList(file.list, file.version, file.zh, file.en, file.source, _indexed(file, path))


@cache
def code_list_names() -> tuple[str, ...]:
    """The names of all code lists."""
    return tuple(sorted(path.stem for path in _CODES.glob("*.yaml")))


@cache
def mapping(source: str, name: str) -> CodeMapping:
    """How `source` numbers the list `name`.  Raises UnknownCodeListError when it has no table for it."""
    tables = _tables(source)
    if name not in tables:
        raise UnknownCodeListError(
            said(
                "{source} has no mapping for {name!r}; it has {tables}",
                source=source,
                name=name,
                tables=", ".join(tables),
            )
        )
    return CodeMapping(source, name, tables[name])


@cache
def mapping_sources() -> tuple[str, ...]:
    """The names of all sources that have a mapping."""
    return tuple(sorted(path.stem for path in _MAPPINGS.glob("*.yaml")))


@cache
def mapped_lists(source: str) -> tuple[str, ...]:
    """The lists that a source numbers in its own way.  Raises UnknownCodeListError."""
    return tuple(_tables(source))


@cache
def _tables(source: str) -> Mapping[str, Mapping[str, str]]:
    if source not in mapping_sources():
        raise UnknownCodeListError(
            said(
                "no mapping of {source!r}; there are {mapping_sources}",
                source=source,
                mapping_sources=", ".join(mapping_sources()),
            )
        )
    path = _MAPPINGS / f"{source}.yaml"
    file = _read(path, _MappingFile)
    _require(file.source == source, path, f"source must be {source}")
    for name, table in file.lists.items():
        _require(name in code_list_names(), path, f"there is no code list {name}")
        lost = sorted(set(table.values()) - code_list(name).codes)
        _require(not lost, path, f"{name} has no code {', '.join(lost)}")
    return MappingProxyType({name: MappingProxyType(table) for name, table in file.lists.items()})


def _indexed(file: _ListFile, path: Path) -> Mapping[str, Code]:
    _require(file.list == path.stem, path, f"list must be {path.stem}")
    by_code = {code.code: code for code in file.codes}
    _require(len(by_code) == len(file.codes), path, "a code stands twice")
    orphans = sorted({code.parent for code in file.codes if code.parent} - by_code.keys())
    _require(not orphans, path, f"no code for the parent {', '.join(orphans)}")
    return MappingProxyType(by_code)


def _require(holds: bool, path: Path, message: str) -> None:
    if not holds:
        raise CodeListError(f"{path.name}: {message}")


def _read(path: Path, form: type[_F]) -> _F:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return form(**content)
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise CodeListError(f"{path.name}: {error}") from error
