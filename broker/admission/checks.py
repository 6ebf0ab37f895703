"""The field checks of admission, compiled once for each Avro schema from the properties of its fields.

``compile_checks(schema)`` gives a function ``check(record, now=None) -> list[Reason]``: every defect of the record, in the
order of its fields, refusals and warnings alike; an empty list for a right one.  It is pure, raises nothing for any
record that its schema can decode, and no reason holds a value.

* Properties of a field: ``code_list``, ``format``, ``max_length``, ``min_length``, ``core``, ``positive``,
  ``non_negative``, ``not_before``, ``at_most``, ``sum_of``, ``required_from``, ``required_for``; of a list: ``min_items``,
  ``max_items``, ``roles``, ``required_roles``.  Fields with ``owner: exchange`` are not looked at.
* All text: no NUL and no other control character.
* Parties: a number fits its kind of document, each side is there, shares add up.
* ``occurred_at`` is at most ten minutes after `now`, the time of the decision; without `now` it is not judged.
* No moment is so late that it has no day in China: nothing after this check could reckon with it.

At most `MAX_REASONS` reasons are given, refusals before warnings if there are more, so that a hostile record cannot make
a decision that no topic takes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

from broker.admission.checks_compile import compile_plan
from broker.admission.checks_relations import subject_relations
from broker.admission.checks_schema import Schema, fields_of
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, Severity, reason
from schemas.catalogue import Catalogue, load_catalogue

MAX_REASONS = 32
MAX_AHEAD = timedelta(minutes=10)
"""How far a source's clock may run ahead of ours."""
LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
"""Terms without end are dates; a moment is something that has happened."""
CHINA = timezone(timedelta(hours=8))
"""Birth dates are days there: a child can be born on a day that has not begun in UTC."""


class Check(Protocol):
    """All checks of one subject's records."""

    def __call__(self, record: dict[str, Any], now: datetime | None = None) -> list[Reason]:
        """The defects of a record; `now` is the time of the decision, with its zone."""


def compile_checks(schema: Schema, catalogue: Catalogue | None = None) -> Check:
    """The checks of a subject's schema.  Raises ConfigError for a property that cannot be kept."""
    fields = {field.name: field for field in fields_of(schema, {})}
    plan = compile_plan(schema, {})
    subject = (catalogue or load_catalogue()).subject(_subject_of(schema))
    relations = subject_relations(subject, fields)
    moments = [
        field["name"]
        for field in schema["fields"]
        if field.get("owner") != "exchange" and field["name"] != "occurred_at" and _is_moment(field["type"])
    ]

    def check(record: dict[str, Any], now: datetime | None = None) -> list[Reason]:
        found: list[Reason] = []
        plan.run(record, "", None if now is None else now.astimezone(CHINA).date(), found)
        for relation in relations:
            problem = relation(record)
            if problem is not None:
                found.append(problem)
        if now is not None and record["occurred_at"] > now + MAX_AHEAD:
            found.append(reason("BAD_TIME", field="occurred_at"))
        found += (reason("BAD_TIME", field=name) for name in moments if _is_beyond(record[name]))
        return found if len(found) <= MAX_REASONS else _gravest(found)

    return check


def compile_all(schemas: Mapping[str, Schema]) -> Callable[[Candidate, datetime], Sequence[Reason]]:
    """The checks of all subjects as one function of a candidate and the time of its decision."""
    checks = {subject: compile_checks(schema) for subject, schema in schemas.items()}

    def check(candidate: Candidate, now: datetime) -> Sequence[Reason]:
        return checks[candidate.subject](candidate.body, now)

    return check


def _is_moment(avro_type: Any) -> bool:
    """Whether a field holds a time, perhaps none."""
    if isinstance(avro_type, list):
        return any(_is_moment(branch) for branch in avro_type)
    return isinstance(avro_type, dict) and avro_type.get("logicalType") == "timestamp-micros"


def _is_beyond(moment: datetime | None) -> bool:
    return moment is not None and moment > LAST_MOMENT


def _gravest(found: list[Reason]) -> list[Reason]:
    return sorted(found, key=lambda item: item.severity is not Severity.REFUSE)[:MAX_REASONS]


def _subject_of(schema: Schema) -> str:
    name: str = schema["name"]
    return name.rpartition(".")[2].lower()
