"""The checks of one record type as flat tables, made once (`checks_compile`) and walked for each record.

Almost every value is right, so the walk asks each field as little as it can, without a call of ours where it can;
what exactly is wrong is found by `checks_values` once something is.  This is the hottest code of admission after decoding.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from broker.admission.checks_parties import ID_CHECKS, Roles, shares
from broker.admission.checks_relations import Relation
from broker.admission.checks_values import UNREADABLE, Check, Defect, text_defect
from broker.admission.reasons import Reason, reason
from broker.protected import UnreadableValue, reveal
from schemas.identifiers import Finding, Problem

MAX_ITEMS = 1000
"""Items in one list: far above what a contract or a project has, and low enough to be checked in time."""

_TOO_MANY = Finding(Problem.LENGTH, "条目过多", "there are too many items")
_TOO_FEW = Finding(Problem.LENGTH, "条目不足", "there are too few items")

Record = dict[str, Any]
Found = list[Reason]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of records: the checks of each, how many there may be, and what is asked of them together."""

    name: str
    plan: "Plan"
    fewest: int
    most: int
    roles: Roles | None
    by_shares: bool

    def run(self, items: list[Record], path: str, as_of: date | None, found: Found) -> None:
        name = path + self.name
        if len(items) > self.most:
            found.append(reason("BAD_PARTY" if self.roles else "BAD_FORMAT", field=name, detail=_TOO_MANY))
            return
        if len(items) < self.fewest:
            found.append(
                reason("BAD_PARTY" if self.roles else "EMPTY_CORE_FIELD", field=name, detail=_TOO_FEW)
            )
        for index, item in enumerate(items):
            self.plan.run(item, f"{name}[{index}].", as_of, found)
        if self.roles:
            found.extend(self.roles.problems(items, name))
        if self.by_shares:
            found.extend(shares(items, name))


@dataclass(frozen=True, slots=True)
class Plan:
    """All checks of one record type.  Each table begins with the field's name.

    ``coded``: the codes, with None where the field may be null.  ``texts``: shortest and longest length.  ``formats``: the
    check of a text whose format says all about it.  ``protected``: lengths, and the check of the clear text.
    ``identified``: ``id_no`` is held to ``id_type``.  ``positive`` and ``non_negative``: the reason's code.  ``words``: lists
    of strings, with their codes, if they have any, and lengths.  ``present``: nullable, but not to be null.
    """

    coded: tuple[tuple[str, frozenset[str | None]], ...]
    texts: tuple[tuple[str, int, int], ...]
    formats: tuple[tuple[str, Check], ...]
    protected: tuple[tuple[str, int, int, Check | None], ...]
    identified: bool
    positive: tuple[tuple[str, str], ...]
    non_negative: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, frozenset[str] | None, int, int], ...]
    records: tuple[tuple[str, "Plan"], ...]
    items: tuple[Items, ...]
    present: tuple[str, ...]
    relations: tuple[Relation, ...]

    def run(self, record: Record, path: str, as_of: date | None, found: Found) -> None:
        """Append what is wrong with `record`, whose fields are named after `path`."""
        for name, codes in self.coded:
            if record[name] not in codes:
                found.append(_code_reason(record[name], path + name))
        for name, shortest, longest in self.texts:
            text = record[name]
            # As `_is_odd`, written out: most of a record's fields come through here.
            if text is not None and not (
                shortest <= len(text) <= longest and text.isprintable() and text[:1] != " "
            ):
                _append(found, text_defect(text, shortest, longest), path + name)
        for name, check in self.formats:
            text = record[name]
            if text is not None and (defect := check(text)):
                _append(found, defect, path + name)
        for name, shortest, longest, form in self.protected:
            envelope = record[name]
            if envelope is not None:
                _append(found, _protected_defect(envelope, shortest, longest, form), path + name)
        if self.identified:
            _append(found, _document_defect(record, as_of), path + "id_no")
        self._run_numbers(record, path, found)
        self._run_words(record, path, found)
        self._run_nested(record, path, as_of, found)

    def _run_numbers(self, record: Record, path: str, found: Found) -> None:
        for name, code in self.positive:
            number = record[name]
            if number is not None and number <= 0:
                found.append(reason(code, field=path + name))
        for name, code in self.non_negative:
            number = record[name]
            if number is not None and number < 0:
                found.append(reason(code, field=path + name))

    def _run_words(self, record: Record, path: str, found: Found) -> None:
        for name, codes, shortest, longest in self.words:
            words = record[name] or ()
            if len(words) > MAX_ITEMS:
                found.append(reason("BAD_FORMAT", field=path + name, detail=_TOO_MANY))
                continue
            for index, word in enumerate(words):
                _append(found, _word_defect(word, codes, shortest, longest), f"{path}{name}[{index}]")

    def _run_nested(self, record: Record, path: str, as_of: date | None, found: Found) -> None:
        for name in self.present:
            if record[name] is None:
                found.append(reason("EMPTY_CORE_FIELD", field=path + name))
        for name, plan in self.records:
            if record[name] is not None:
                plan.run(record[name], f"{path}{name}.", as_of, found)
        for items in self.items:
            if record[items.name] is not None:
                items.run(record[items.name], path, as_of, found)
        for relation in self.relations:
            problem = relation(record)
            if problem is not None:
                found.append(replace(problem, field=f"{path}{problem.field}"))


def _append(found: Found, defect: Defect | None, field: str) -> None:
    if defect is not None:
        found.append(reason(defect.code, field=field, detail=defect.detail))


def _is_odd(text: str, shortest: int, longest: int) -> bool:
    """Whether a text deserves a second look.  An ideographic space is odd too, but right."""
    return not (shortest <= len(text) <= longest and text.isprintable()) or text[:1] == " "


def _code_reason(value: str | None, field: str) -> Reason:
    return reason("UNKNOWN_CODE" if value and value.strip() else "EMPTY_CORE_FIELD", field=field)


def _protected_defect(envelope: Record, shortest: int, longest: int, form: Check | None) -> Defect | None:
    try:
        text = reveal(envelope)
    except UnreadableValue:
        return UNREADABLE
    if _is_odd(text, shortest, longest) and (defect := text_defect(text, shortest, longest)):
        return defect
    return form(text) if form else None


def _document_defect(record: Record, as_of: date | None) -> Defect | None:
    check = ID_CHECKS.get(record["id_type"])
    if check is None:
        return None
    try:
        number = reveal(record["id_no"])
    except UnreadableValue:
        return None  # said by the check of the value itself
    return check(number, as_of) if number.strip() else None


def _word_defect(word: str, codes: frozenset[str] | None, shortest: int, longest: int) -> Defect | None:
    if codes is None:
        return text_defect(word, shortest, longest)
    return None if word in codes else Defect("UNKNOWN_CODE")
