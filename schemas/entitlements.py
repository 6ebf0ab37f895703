"""Entitlements: who may see which fields of which records, on what legal basis, for what purpose.

One YAML file a department under ``schemas/entitlements/`` (several departments may share a file, as banks do). What is
not listed does not leave the exchange. The files are read once and checked against the subjects' Avro schemas: a path
that is no field is an error that names the file, the path and the nearest field.

Source: 建房〔2020〕61号 二 to 八, relayed by 豫建房〔2020〕402号 and 商建房管〔2020〕21号; minimum fields as in ``docs``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import Field, ValidationError

from schemas import derive
from schemas.catalogue import load_catalogue
from schemas.derive import Schema
from schemas.files import latest_version, load_schema
from schemas.queries import Query, check_queries
from schemas.said import said
from schemas.shown import Bilingual, EntitlementError, Model, Shown, Untold, check_shown, nearest

FOLDER = Path(__file__).parent / "entitlements"


class Rows(StrEnum):
    """Which records a department sees."""

    ALL = "all"
    """Every record of the subject."""

    INTERESTED = "interested"
    """Only records whose ``interested`` names the department; one that leaves it is followed by a ``LEFT``."""


class SubjectEntitlement(Shown):
    """What a department may see of one subject."""

    version: int = Field(
        ge=1, description="N of the topic; a change of fields, masks or rows makes a new one"
    )
    legal_basis: str = Field(min_length=1)
    purpose: Bilingual
    rows: Rows
    untold: Untold = None
    retention_days: int = Field(ge=1, le=3650)
    earlier: tuple["SubjectEntitlement", ...] = Field(
        default=(),
        description="versions before this one whose topics are still sent to, until they are retired",
    )

    @property
    def versions(self) -> tuple["SubjectEntitlement", ...]:
        """This one and the earlier ones that are in force, each with a topic of its own."""
        return (self, *self.earlier)


class Entitlement(Model):
    """One entitlement file: what each of these departments may see, each in topics of its own."""

    departments: tuple[str, ...] = Field(min_length=1)
    zh: str
    en: str
    subjects: Mapping[str, SubjectEntitlement] = {}
    queries: tuple[Query, ...] = ()

    @property
    def group(self) -> str:
        """What its departments have in common: ``bank`` of ``bank.icbc`` and ``bank.ccb``, else the department itself."""
        return self.departments[0].partition(".")[0]


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
        return self.terms.wanted

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


def grants(entitlements: Iterable[Entitlement]) -> tuple[Grant, ...]:
    """One grant a department, subject and version in force, in the order of their topics' names."""
    found = [
        Grant(department, subject, version)
        for entitlement in entitlements
        for department in entitlement.departments
        for subject, terms in entitlement.subjects.items()
        for version in terms.versions
    ]
    return tuple(sorted(found, key=lambda grant: grant.topic))


def queries_of(
    department: str, entitlements: Iterable[Entitlement] | None = None, *, elsewhere: bool = False
) -> frozenset[str]:
    """The names of the queries that a department may ask, by these entitlements; None: those that are shipped.

    ``elsewhere``: those that its colleague of another city may ask too.
    """
    return frozenset(
        query.name
        for entitlement in (shipped_entitlements() if entitlements is None else entitlements)
        if department in entitlement.departments
        for query in entitlement.queries
        if query.other_cities or not elsewhere
    )


@cache
def shipped_entitlements() -> tuple[Entitlement, ...]:
    """The entitlements of this version, read once."""
    return load_entitlements()


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
        entitlement = read_as(Entitlement, path)
        check_entitlement(path.name, entitlement, newest)
        for department in entitlement.departments:
            if (other := owner.setdefault(department, path.name)) != path.name:
                raise EntitlementError(
                    said(
                        "{name}: {department} has its entitlements in {other} already",
                        name=path.name,
                        department=department,
                        other=other,
                    )
                )
        found.append(entitlement)
    return tuple(found)


def newest_schemas() -> dict[str, Schema]:
    """The newest released schema of each subject, as written in its file."""
    return {subject: load_schema(subject, latest_version(subject)) for subject in load_catalogue().subjects}


_E = TypeVar("_E", bound=Entitlement)


def read_as(kind: type[_E], path: Path) -> _E:
    """One file as this kind of entitlement, not checked against any schema. Raises EntitlementError."""
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise EntitlementError(
            said("{name}: cannot be read ({kind})", name=path.name, kind=type(error).__name__)
        ) from None
    except yaml.YAMLError as error:
        raise EntitlementError(said("{name}: no YAML: {error}", name=path.name, error=error)) from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise EntitlementError(f"{path.name}: {problems}") from None


def check_entitlement(file: str, entitlement: Entitlement, schemas: Mapping[str, Schema]) -> None:
    """Every subject, field, mask, role and query of it is one of the schemas. Raises EntitlementError."""
    for subject, terms in entitlement.subjects.items():
        _check_versions(f"{file}: {subject}", terms)
        for version in terms.versions:
            _check(file, subject, version, schemas)
    check_queries(file, entitlement.queries, schemas)


def _check_versions(where: str, terms: SubjectEntitlement) -> None:
    """Raises EntitlementError unless the earlier versions lie before this one, each once, without any before themselves."""
    numbers = [one.version for one in terms.earlier]
    if any(number >= terms.version for number in numbers) or len(set(numbers)) < len(numbers):
        raise EntitlementError(
            said(
                "{where}: earlier has a version that is not below {version}, or one twice",
                where=where,
                version=terms.version,
            )
        )
    if any(one.earlier for one in terms.earlier):
        raise EntitlementError(
            said("{where}: earlier within earlier: list them all beside each other", where=where)
        )


def _check(file: str, subject: str, terms: SubjectEntitlement, schemas: Mapping[str, Schema]) -> None:
    where = f"{file}: {subject}"
    if subject not in schemas:
        raise EntitlementError(
            said("{where} is no subject; {subject}", where=where, subject=nearest(subject, schemas))
        )
    schema = schemas[subject]
    if terms.rows is Rows.INTERESTED and "interested" not in {field["name"] for field in schema["fields"]}:
        raise EntitlementError(
            said("{where}: rows: interested, but the subject has no field interested", where=where)
        )
    check_shown(where, terms, schema, envelope=False)
