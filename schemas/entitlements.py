"""Entitlements: who may see which fields of which records, on what legal basis, for what purpose.

One YAML file a department under ``schemas/entitlements/`` (several departments may share a file, as banks do). What is
not listed does not leave the exchange. The files are read once and checked against the subjects' Avro schemas: a path
that is no field is an error that names the file, the path and the nearest field.

Source: 建房〔2020〕61号 二 to 八, relayed by 豫建房〔2020〕402号 and 商建房管〔2020〕21号; minimum fields as in ``docs``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas import derive
from schemas.catalogue import load_catalogue
from schemas.derive import Schema
from schemas.files import latest_version, load_schema

FOLDER = Path(__file__).parent / "entitlements"

MaskName = Literal["last4", "surname", "id"]


class EntitlementError(ValueError):
    """An entitlement file is wrong. The message names the file, the place, and how to mend it."""


class Rows(StrEnum):
    """Which records a department sees."""

    ALL = "all"
    """Every record of the subject."""

    INTERESTED = "interested"
    """Only records whose ``interested`` names the department; one that leaves it is followed by a ``LEFT``."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(_Model):
    """The same text for both kinds of reader."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Mask(_Model):
    """How a field is blurred, and the department's name for it, which is never the name of the clear field."""

    mask: MaskName
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")


class SubjectEntitlement(_Model):
    """What a department may see of one subject."""

    version: int = Field(
        ge=1, description="N of the topic; a change of fields, masks or rows makes a new one"
    )
    legal_basis: str = Field(min_length=1)
    purpose: Bilingual
    rows: Rows
    retention_days: int = Field(ge=1, le=3650)
    fields: tuple[str, ...] = Field(min_length=1)
    party_roles: Mapping[str, frozenset[str]] = {}
    masks: Mapping[str, Mask] = {}


class Query(_Model):
    """A question that a department may ask of the query interface; no record is pushed to it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    legal_basis: str = Field(min_length=1)
    purpose: Bilingual
    needs: tuple[str, ...] = Field(min_length=1, description="what a request must carry")
    answers: tuple[str, ...] = Field(min_length=1, description="what the answer holds, and nothing else")


class Entitlement(_Model):
    """One entitlement file: what each of these departments may see, each in topics of its own."""

    departments: tuple[str, ...] = Field(min_length=1)
    zh: str
    en: str
    subjects: Mapping[str, SubjectEntitlement] = {}
    queries: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """One department's entitlement to one subject: one topic, one derived schema, one projection."""

    department: str
    subject: str
    terms: SubjectEntitlement

    @property
    def topic(self) -> str:
        """``dept.<department>.<subject>.v<N>``."""
        return f"dept.{self.department}.{self.subject}.v{self.terms.version}"

    @property
    def wanted(self) -> derive.Wanted:
        """The part that shapes a record."""
        return _wanted(self.terms)

    def schema(self, subject_schema: Schema) -> Schema:
        """The Avro schema of the topic, derived from the subject's."""
        terms = self.terms
        doc = f"{terms.purpose.zh}（{terms.legal_basis}）。{terms.purpose.en}"
        return derive.derive(
            subject_schema, self.wanted, department=self.department, subject=self.subject, doc=doc
        )

    def selection(self, subject_schema: Schema) -> tuple[derive.Pick, ...]:
        """The entitled fields beyond those that are always sent."""
        return derive.select(subject_schema, self.wanted)


def _wanted(terms: SubjectEntitlement) -> derive.Wanted:
    masks = {path: derive.Masked(mask.mask, mask.name) for path, mask in terms.masks.items()}
    return derive.Wanted(frozenset(terms.fields), masks, terms.party_roles)


def grants(entitlements: Iterable[Entitlement]) -> tuple[Grant, ...]:
    """One grant a department and subject, in the order of their topics' names."""
    found = [
        Grant(department, subject, terms)
        for entitlement in entitlements
        for department in entitlement.departments
        for subject, terms in entitlement.subjects.items()
    ]
    return tuple(sorted(found, key=lambda grant: grant.topic))


# --- loading --------------------------------------------------------------------------------------------------------


def load_entitlements(
    folder: Path = FOLDER, schemas: Mapping[str, Schema] | None = None
) -> tuple[Entitlement, ...]:
    """All entitlement files, query-only ones included, checked against the subjects' schemas.

    ``schemas`` maps a subject to its newest schema; by default those released. Raises EntitlementError.
    """
    newest = newest_schemas() if schemas is None else schemas
    found: list[Entitlement] = []
    owner: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        entitlement = _read(path)
        for subject, terms in entitlement.subjects.items():
            _check(path.name, subject, terms, newest)
        for department in entitlement.departments:
            if (other := owner.setdefault(department, path.name)) != path.name:
                raise EntitlementError(f"{path.name}: {department} has its entitlements in {other} already")
        found.append(entitlement)
    return tuple(found)


def newest_schemas() -> dict[str, Schema]:
    """The newest released schema of each subject, as written in its file."""
    return {subject: load_schema(subject, latest_version(subject)) for subject in load_catalogue().subjects}


def _read(path: Path) -> Entitlement:
    try:
        return Entitlement.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise EntitlementError(f"{path.name}: no YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise EntitlementError(f"{path.name}: {problems}") from None


# --- checks against the subject's schema ----------------------------------------------------------------------------


def _check(file: str, subject: str, terms: SubjectEntitlement, schemas: Mapping[str, Schema]) -> None:
    if subject not in schemas:
        raise EntitlementError(f"{file}: {subject} is no subject; {_nearest(subject, schemas)}")
    schema = schemas[subject]
    where = f"{file}: {subject}"
    _check_paths(where, terms, derive.paths_of(schema))
    _check_rows(where, terms, schema)
    _check_masks(where, terms, schema)
    _check_roles(where, terms, schema)


def _check_paths(where: str, terms: SubjectEntitlement, known: frozenset[str]) -> None:
    for path in terms.fields:
        if path in derive.ALWAYS:
            raise EntitlementError(f"{where}.{path} is always sent and need not be listed")
        if path.rsplit(".", 1)[-1] in derive.NEVER:
            raise EntitlementError(f"{where}.{path} is the exchange's own and is shared with nobody")
        if path not in known:
            raise EntitlementError(f"{where}.{path} is no field; {_nearest(path, known)}")
    doubled = sorted({path for path in terms.fields if terms.fields.count(path) > 1})
    if doubled:
        raise EntitlementError(f"{where}.{doubled[0]} is listed twice")


def _check_rows(where: str, terms: SubjectEntitlement, schema: Schema) -> None:
    if terms.rows is Rows.INTERESTED and "interested" not in {field["name"] for field in schema["fields"]}:
        raise EntitlementError(f"{where}: rows: interested, but the subject has no field interested")


def _check_masks(where: str, terms: SubjectEntitlement, schema: Schema) -> None:
    clear = _field_names(terms.fields)
    for path, mask in terms.masks.items():
        if path not in terms.fields:
            raise EntitlementError(f"{where}.{path} is masked but not listed; {_nearest(path, terms.fields)}")
        parent = path.rpartition(".")[0]
        if (parent, mask.name) in clear or mask.name in derive.ALWAYS:
            raise EntitlementError(f"{where}.{path}: the mask's name {mask.name} is that of another field")
    for leaf in _leaves(derive.select(schema, _wanted(terms))):
        if leaf.mask and not (leaf.protected or leaf.type == "string"):
            raise EntitlementError(f"{where}: {leaf.source} is no text, so it cannot be masked")


def _field_names(paths: Iterable[str]) -> set[tuple[str, str]]:
    return {(parent, name) for parent, _, name in (path.rpartition(".") for path in paths)}


def _leaves(picks: Iterable[derive.Pick]) -> Iterator[derive.Leaf]:
    for pick in picks:
        if isinstance(pick, derive.Leaf):
            yield pick
        else:
            yield from _leaves(pick.picks)


def _check_roles(where: str, terms: SubjectEntitlement, schema: Schema) -> None:
    lists = {pick.name: pick for pick in derive.select(schema, _wanted(terms)) if _is_list(pick)}
    for name in terms.party_roles:
        if name not in lists:
            raise EntitlementError(
                f"{where}: party_roles.{name} is no entitled list; {_nearest(name, lists)}"
            )
        pick = lists[name]
        assert isinstance(pick, derive.Nested)
        if "role" not in {field["name"] for field in pick.item["fields"]}:
            raise EntitlementError(f"{where}: party_roles.{name}: its items have no field role")


def _is_list(pick: Any) -> bool:
    return isinstance(pick, derive.Nested) and pick.many


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"the nearest is {near[0]}" if near else "nothing is known there"
