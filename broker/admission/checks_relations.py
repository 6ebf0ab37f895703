"""Checks between fields of one record: dates in order, a part not above its whole, what a contract must have by when."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from broker.admission.checks_schema import Field, Kind
from broker.admission.reasons import Reason, reason
from broker.errors import ConfigError
from schemas.catalogue import NONE, SAME, Subject
from schemas.identifiers import Finding, Problem
from schemas.said import said

Record = Mapping[str, Any]
Relation = Callable[[Record], Reason | None]

AREA_TOLERANCE = Decimal("0.01")
"""Square metres by which a gross area may differ from the sum of its parts, each of them rounded."""

CONTRACT_KINDS = {
    "sale": frozenset({"11", "12", "21"}),
    "lease": frozenset({"31"}),
    "mortgage": frozenset({"41", "42", "43"}),
}

#: What a record is about: one of these at least must be given, or nobody could ever find it.
TARGETS = {
    "seizure": ("house_code", "contract_no", "realty_unit_no"),
    "watch": ("house_code", "parties"),
}

_FUNDS = ("down_payment", "loan_amount")
_FUNDS_TOO_HIGH = Finding(
    Problem.STRUCTURE, "首付款与贷款之和大于总价", "down payment and loan together are above the total price"
)
_FOREIGN_KIND = Finding(
    Problem.STRUCTURE, "该合同类型不属于此类合同", "this kind of contract does not belong to the subject"
)


def number_code(field: Field) -> str:
    """The reason for a wrong number, by what the number is."""
    if field.kind is not Kind.AMOUNT:
        return "BAD_FORMAT"
    if field.name.endswith("area"):
        return "BAD_AREA"
    return "BAD_SHARE" if field.name == "share" else "BAD_AMOUNT"


def relations_of(fields: Mapping[str, Field]) -> tuple[Relation, ...]:
    """The relations that the properties of a record's fields declare (``not_before``, ``at_most``, ``sum_of``)."""
    found: list[Relation] = []
    for field in fields.values():
        for name in ("not_before", "at_most"):
            if other := field.properties.get(name):
                _comparable(field, fields[other])
                code = "BAD_DATE_ORDER" if name == "not_before" else number_code(field)
                found.append(
                    partial(_not_before if name == "not_before" else _at_most, field.name, other, code)
                )
        if parts := field.properties.get("sum_of"):
            found.append(partial(_sum_of, field.name, tuple(parts), number_code(field)))
    return tuple(found)


def subject_relations(subject: Subject, fields: Mapping[str, Field]) -> tuple[Relation, ...]:
    """What a subject's records are held to besides: its kinds of contract, its target, its money, what is required."""
    found: list[Relation] = [*_requirements(subject, fields)]
    if subject.name in CONTRACT_KINDS:
        found.append(partial(_contract_kind, CONTRACT_KINDS[subject.name]))
    if subject.name in TARGETS:
        found.append(partial(_target, TARGETS[subject.name]))
    if {"total_price", *_FUNDS} <= fields.keys():
        found.append(_funds)
    return tuple(found)


def statuses_from(subject: Subject, status: str) -> frozenset[str]:
    """The statuses of a subject that are only reached by way of `status`, itself included.

    So from FILED these are FILED, AMENDED and all endings of a filed contract, but not VOIDED.
    Raises ConfigError for a status that the subject does not have.
    """
    if status not in subject.statuses:
        raise ConfigError(
            said(
                "{name} has no status {status}; it has {statuses}",
                name=subject.name,
                status=status,
                statuses=", ".join(sorted(subject.statuses)),
            )
        )
    reached, grown = {NONE}, True
    while grown:
        steps = [
            step for step in subject.lifecycle.values() if step.to != SAME and step.allowed_from & reached
        ]
        more = {step.to for step in steps} - reached - {status}
        reached, grown = reached | more, bool(more)
    return subject.statuses - reached


def _comparable(field: Field, other: Field) -> None:
    if field.kind is not other.kind:
        raise ConfigError(
            said(
                "{name} cannot be compared with {name2}, which is of another kind",
                name=field.name,
                name2=other.name,
            )
        )


def _not_before(later: str, earlier: str, code: str, record: Record) -> Reason | None:
    end, begin = record[later], record[earlier]
    if end is not None and begin is not None and end < begin:
        return reason(code, field=later, detail=_order(later, earlier))
    return None


def _at_most(part: str, whole: str, code: str, record: Record) -> Reason | None:
    small, great = record[part], record[whole]
    if small is not None and great is not None and small > great:
        return reason(code, field=part, detail=_excess(part, whole))
    return None


def _sum_of(whole: str, parts: tuple[str, ...], code: str, record: Record) -> Reason | None:
    values = [record[part] for part in parts]
    if record[whole] is None or None in values:
        return None
    if abs(record[whole] - sum(values)) > AREA_TOLERANCE:
        return reason(code, field=whole, detail=_difference(whole, parts))
    return None


def _funds(record: Record) -> Reason | None:
    paid, lent = record["down_payment"], record["loan_amount"]
    if paid is None or lent is None or record["total_price"] is None:
        return None
    # Each alone is held to at_most; here only what they are together is said.
    if paid + lent > record["total_price"] and max(paid, lent) <= record["total_price"]:
        return reason("BAD_AMOUNT", field="loan_amount", detail=_FUNDS_TOO_HIGH)
    return None


def _requirements(subject: Subject, fields: Mapping[str, Field]) -> Iterator[Relation]:
    for field in fields.values():
        if status := field.properties.get("required_from"):
            yield partial(_required, field.name, "contract_status", statuses_from(subject, status))
        if kinds := field.properties.get("required_for"):
            yield partial(_required, field.name, "contract_kind", frozenset(kinds))


def _required(name: str, by: str, values: frozenset[str], record: Record) -> Reason | None:
    if record[by] not in values:
        return None
    value = record[name]
    if value is None or (isinstance(value, str) and not value.strip()):
        return reason("EMPTY_CORE_FIELD", field=name, detail=_needed(name, by))
    return None


def _contract_kind(kinds: frozenset[str], record: Record) -> Reason | None:
    kind = record["contract_kind"]
    if kind not in kinds and kind in _ALL_KINDS:
        return reason("UNKNOWN_CODE", field="contract_kind", detail=_FOREIGN_KIND)
    return None


_ALL_KINDS = frozenset().union(*CONTRACT_KINDS.values())


def _target(names: tuple[str, ...], record: Record) -> Reason | None:
    if not any(record[name] for name in names):
        return reason("EMPTY_CORE_FIELD", field=names[0], detail=_one_of(names))
    return None


def _order(later: str, earlier: str) -> Finding:
    return Finding(Problem.DATE, f"{later}早于{earlier}", f"{later} is before {earlier}")


def _excess(part: str, whole: str) -> Finding:
    return Finding(Problem.STRUCTURE, f"{part}大于{whole}", f"{part} is above {whole}")


def _difference(whole: str, parts: tuple[str, ...]) -> Finding:
    return Finding(
        Problem.STRUCTURE,
        f"{whole}不等于{'与'.join(parts)}之和",
        f"{whole} is not the sum of {' and '.join(parts)}",
    )


def _needed(name: str, by: str) -> Finding:
    return Finding(Problem.STRUCTURE, f"按{by}的取值，{name}必填", f"{name} is required with this {by}")


def _one_of(names: tuple[str, ...]) -> Finding:
    return Finding(
        Problem.STRUCTURE, f"{'、'.join(names)}至少填写一项", f"give at least one of {', '.join(names)}"
    )
