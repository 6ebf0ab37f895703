"""Questions that departments may ask of the query interface: on what basis, for what purpose, and what an answer may hold.

They stand under ``queries:`` in a department's entitlement file. An answer is made of

* **figures**: values by name, each of a declared kind. ``homes.address`` is the figure ``address`` of each item of the list
  ``homes``; where ``homes`` is a list of records too, the figure stands beside the record's own fields;
* **records**: lists of records by name, each of one subject, of which the listed fields are shown, masked or by party role as
  in what is pushed. Of the fields that every pushed record has (``entity_id``, ``version`` …) only those listed are shown.

What is not declared is not answered: the answer of whoever computes it is cut by this.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import Field

from schemas.derive import Schema
from schemas.said import said
from schemas.shown import Bilingual, EntitlementError, Model, Shown, Untold, check_shown, nearest

NAME = r"^[a-z][a-z0-9_]*$"


class NumberKind(StrEnum):
    """Which number of the matter at hand a call must carry."""

    CASE = "case_no"
    """案号: a court's case number, in the form of 法〔2015〕137号."""

    BUSINESS = "business_no"
    """业务编号: a number of the department's own."""


class FigureKind(StrEnum):
    """What a figure is, in Python and in JSON."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    """Decimal; in JSON a string, such as ``"89.50"``."""
    TEXT = "text"
    TEXTS = "texts"
    """A list of texts."""
    DATE = "date"
    TIME = "time"
    """An aware datetime; in JSON ISO 8601 in UTC."""


class Purpose(Bilingual):
    """Why it is asked. The code is what a call must name, so that nobody asks for one purpose and means another."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]{2,39}$")


class Figure(Bilingual):
    """One value of an answer, and what it says; null where there is nothing to say."""

    kind: FigureKind


class Records(Shown):
    """A list of records in an answer."""

    subject: str


class Query(Model):
    """A question that a department may ask; no record is pushed to it for that."""

    name: str = Field(pattern=NAME)
    legal_basis: str = Field(min_length=1)
    purpose: Purpose
    number: NumberKind
    untold: Untold = None
    other_cities: bool = Field(
        default=False, description="whether a colleague authority of another city may ask it too (异地协查)"
    )
    needs: tuple[str, ...] = Field(
        min_length=1, description="what is asked about: all that a request must carry"
    )
    may: tuple[str, ...] = Field((), description="what it may carry besides")
    figures: Mapping[str, Figure] = {}
    records: Mapping[str, Records] = {}


def check_queries(file: str, queries: Iterable[Query], schemas: Mapping[str, Schema]) -> None:
    """Raises EntitlementError, naming file and place, for what is no field, twice there, or could not be told apart."""
    seen: set[str] = set()
    for query in queries:
        where = f"{file}: {query.name}"
        if query.name in seen:
            raise EntitlementError(
                said("{where} is there twice; give each query a name of its own", where=where)
            )
        seen.add(query.name)
        if doubled := set(query.needs) & set(query.may):
            raise EntitlementError(
                said(
                    "{where}: {doubled} stands in needs and in may; keep one",
                    where=where,
                    doubled=min(doubled),
                )
            )
        if not query.figures and not query.records:
            raise EntitlementError(said("{where} answers nothing; declare figures or records", where=where))
        for name, records in query.records.items():
            _check_records(f"{where}.{name}", records, schemas)
        _check_figures(where, query)


def _check_records(where: str, records: Records, schemas: Mapping[str, Schema]) -> None:
    if records.subject not in schemas:
        raise EntitlementError(
            said(
                "{where}: {subject} is no subject; {subject2}",
                where=where,
                subject=records.subject,
                subject2=nearest(records.subject, schemas),
            )
        )
    check_shown(where, records, schemas[records.subject], envelope=True)


def _check_figures(where: str, query: Query) -> None:
    lists = {path.partition(".")[0] for path in query.figures if "." in path} | set(query.records)
    for path in query.figures:
        head, _, inner = path.partition(".")
        if not head.isidentifier() or ("." in path and not inner.isidentifier()):
            raise EntitlementError(
                said("{where}.{path} is no name; write figure, or list.figure", where=where, path=path)
            )
        if not inner and head in lists:
            raise EntitlementError(
                said("{where}.{path} is a list already; give the figure another name", where=where, path=path)
            )
        if head in query.records and inner in _shown_names(query.records[head]):
            raise EntitlementError(
                said(
                    "{where}.{path} is a field of the record already; give the figure another name",
                    where=where,
                    path=path,
                )
            )


def _shown_names(records: Records) -> set[str]:
    masked = {mask.name for path, mask in records.masks.items() if "." not in path}
    return masked | {path.partition(".")[0] for path in records.fields}
