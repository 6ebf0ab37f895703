"""The hand-written table and the catalogue, each as cells: what of which field leaves to whom, by which way.

A *way* is a topic (``topic/sale``) or a list of an answer (``query/tenants_of_house/leases``). A *cell* is one department, way
and field path of a subject; it holds ``clear`` or the rule of a mask. What is not among the cells does not leave.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.derive import ALWAYS
from schemas.entitlements import Entitlement, Rows
from schemas.shown import Shown

CLEAR = "clear"
_PERSON = ("role", "party_kind", "name", "id_type", "id_no")


@dataclass(frozen=True, slots=True)
class Way:
    """One way out, to one department."""

    department: str
    path: str
    """``topic/<subject>`` or ``query/<name>/<list>``."""
    subject: str


@dataclass
class Seen:
    """All that is seen by anybody."""

    cells: dict[tuple[Way, str], str] = field(default_factory=dict)
    roles: dict[tuple[Way, str], frozenset[str]] = field(default_factory=dict)
    terms: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By department and topic or query: rows, or purpose and number."""
    basis: dict[tuple[str, str], str] = field(default_factory=dict)
    figures: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By department and ``query/<name>/<figure>``: the fields that it tells."""

    def of(self, way: Way) -> dict[str, str]:
        """The fields that leave by that way."""
        return {path: how for (one, path), how in self.cells.items() if one == way}

    @property
    def ways(self) -> list[Way]:
        return list(dict.fromkeys(way for way, _ in self.cells))


# --- the table ------------------------------------------------------------------------------------------------------


@cache
def table() -> Seen:
    """The hand-written table."""
    written = yaml.safe_load(Path(__file__).with_name("table.yaml").read_text(encoding="utf-8"))
    seen = Seen()
    for department, ways in written.items():
        for subject, terms in ways.get("topics", {}).items():
            name = f"topic/{subject}"
            seen.terms[department, name] = (terms["rows"],)
            seen.basis[department, name] = terms["clause"]
            _write(seen, Way(department, name, subject), terms)
        for query, terms in ways.get("queries", {}).items():
            name = f"query/{query}"
            seen.terms[department, name] = (terms["purpose"], terms["number"])
            seen.basis[department, name] = terms["clause"]
            for figure, told in terms.get("figures", {}).items():
                seen.figures[department, f"{name}/{figure}"] = tuple(told)
            for shown, records in terms.get("records", {}).items():
                _write(seen, Way(department, f"{name}/{shown}", records["subject"]), records)
    return seen


def _write(seen: Seen, way: Way, terms: Mapping[str, Any]) -> None:
    for path in _paths(terms["clear"]):
        assert (way, path) not in seen.cells, f"{way}: {path} is in the table twice"
        seen.cells[way, path] = CLEAR
    for path, rule in terms.get("blurred", {}).items():
        assert (way, path) not in seen.cells, f"{way}: {path} is in the table twice"
        seen.cells[way, path] = rule
    for name, roles in terms.get("roles", {}).items():
        seen.roles[way, name] = frozenset(roles.split())


def _paths(words: str) -> Iterator[str]:
    for word in words.split():
        head, _, last = word.rpartition(".")
        yield from (f"{head}.{name}" for name in _PERSON) if last == "person" else (word,)


# --- the catalogue --------------------------------------------------------------------------------------------------


def catalogued(entitlements: Iterable[Entitlement]) -> Seen:
    """The same of entitlement files. Fields that every pushed record has are not among a topic's cells."""
    seen = Seen()
    for one in entitlements:
        for department in one.departments:
            for subject, terms in one.subjects.items():
                name = f"topic/{subject}"
                seen.terms[department, name] = ("all" if terms.rows is Rows.ALL else "own",)
                seen.basis[department, name] = terms.legal_basis
                _read(seen, Way(department, name, subject), terms)
            for query in one.queries:
                name = f"query/{query.name}"
                seen.terms[department, name] = (query.purpose.code, query.number.value)
                seen.basis[department, name] = query.legal_basis
                seen.figures |= {(department, f"{name}/{figure}"): () for figure in query.figures}
                for shown, records in query.records.items():
                    _read(seen, Way(department, f"{name}/{shown}", records.subject), records)
    return seen


def _read(seen: Seen, way: Way, shown: Shown) -> None:
    for path in shown.fields:
        seen.cells[way, path] = shown.masks[path].mask if path in shown.masks else CLEAR
    for name, roles in shown.party_roles.items():
        seen.roles[way, name] = roles


def always(way: Way) -> frozenset[str]:
    """The fields that leave by a way whatever its entitlement lists: those of every pushed record."""
    return frozenset(ALWAYS) if way.path.startswith("topic/") else frozenset()


# --- one against the other ------------------------------------------------------------------------------------------


def differences(
    catalogue: Seen, departments: Iterable[str], fields: Mapping[str, Iterable[str]]
) -> tuple[list[str], int]:
    """Every department, way, subject and field: where the two disagree; and how many cells were looked at."""
    wanted = table()
    found: list[str] = []
    looked = 0
    ways = dict.fromkeys([*wanted.ways, *catalogue.ways])
    every = {way: subject for way in ways for subject in (way.subject,)}
    for department in departments:
        for subject, paths in fields.items():
            topic = Way(department, f"topic/{subject}", subject)
            own = [way for way, of in every.items() if way.department == department and of == subject]
            for way in dict.fromkeys([topic, *own]):
                for path in paths:
                    looked += 1
                    should, does = wanted.cells.get((way, path)), catalogue.cells.get((way, path))
                    if should != does:
                        found.append(f"{department} {way.path} {path}: {should} in the table, {does} here")
    found += [f"{one}: not looked at" for one in ways if one.department not in set(departments)]
    for name in ("roles", "terms"):
        mine, other = getattr(wanted, name), getattr(catalogue, name)
        keys = dict.fromkeys([*mine, *other])
        found += [
            f"{key}: {mine.get(key)} / {other.get(key)}" for key in keys if mine.get(key) != other.get(key)
        ]
    found += [f"figure {key}" for key in wanted.figures.keys() ^ catalogue.figures.keys()]
    found += [
        f"{key}: {clause} is not among {catalogue.basis.get(key)}"
        for key, clause in wanted.basis.items()
        if clause not in catalogue.basis.get(key, "")
    ]
    return found, looked
