"""The figures of a day: what both ends compare. Everything here is pure.

Three answers, each asked for only if the one before differs: *totals* (by subject, kind and status: number, price, area,
rent; and the *root*), the digests of 256 *buckets* (by the first byte of the SHA-256 of a filing's key), and the *marks* of
some buckets. A mark is a filing's key with its digest; one that is stored twice has two. A bucket's digest is the SHA-256
of its sorted marks, the root that of the buckets' digests in order.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, NamedTuple

from consumers.upload.filing import Filing, Key

AMOUNTS: Mapping[str, Mapping[str, str]] = {
    "project": {},
    "unit": {"area": "JZMJ"},
    "sale": {"price": "HTJE", "area": "JZMJ"},
    "lease": {"rent": "rent_amount", "area": "leased_area"},
    "mortgage": {"price": "BDBZZQSE", "area": "mortgaged_area"},
}
"""Which item of a subject is which sum: yuan (of a mortgage, the principal secured), square metres, yuan a period."""
SUMS = ("price", "area", "rent")


class Mark(NamedTuple):
    """A filing at one end."""

    key: Key
    digest: str


class Kind(StrEnum):
    """How a filing differs at the receiver."""

    LOST = "LOST"
    """Sent, and not there."""

    DOUBLED = "DOUBLED"
    """There more than once."""

    CHANGED = "CHANGED"
    """There once, with other content."""

    STRAY = "STRAY"
    """There, and never sent."""


class Difference(NamedTuple):
    """One filing that is not at the receiver as it was sent."""

    kind: Kind
    key: Key


@dataclass(frozen=True, slots=True)
class Figures:
    """A day of a channel, at one end."""

    cells: Mapping[tuple[str, str, str], Mapping[str, Decimal]]
    marks: Mapping[str, tuple[Mark, ...]]

    @property
    def count(self) -> int:
        """How many filings, doubled ones twice."""
        return sum(map(len, self.marks.values()))

    def buckets(self) -> dict[str, str]:
        """The digest of each bucket that is not empty, by its two hexadecimal digits."""
        return {
            name: _digest([[*mark.key, mark.digest] for mark in self.marks[name]])
            for name in sorted(self.marks)
        }

    def totals(self) -> dict[str, Any]:
        """For JSON; equal at both ends exactly if all is equal."""
        cells = [
            {
                "subject": subject,
                "kind": kind,
                "status": status,
                **{name: str(sums[name]) for name in ("count", *SUMS)},
            }
            for (subject, kind, status), sums in sorted(self.cells.items())
        ]
        return {"count": self.count, "cells": cells, "root": _digest(list(self.buckets().items()))}

    def in_full(self) -> dict[str, Any]:
        """All three answers, for a way of files."""
        marks = {name: [[*one.key, one.digest] for one in found] for name, found in self.marks.items()}
        return {"totals": self.totals(), "buckets": {"buckets": self.buckets()}, "marks": marks}

    def of_buckets(self, names: Collection[str]) -> list[Mark]:
        """The marks of some buckets, sorted."""
        return sorted(mark for name in names for mark in self.marks.get(name, ()))


def figures_of(filings: Iterable[Filing]) -> Figures:
    """The figures of what one end holds of a day."""
    cells: defaultdict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(("count", *SUMS), Decimal(0))
    )
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for filing in filings:
        cell = cells[_cell(filing)]
        cell["count"] += 1
        for name, item in AMOUNTS[filing.key.subject].items():
            cell[name] += _amount(filing.items.get(item))
        marks[bucket_of(filing.key)].append(Mark(filing.key, filing.digest))
    return Figures(dict(cells), {name: tuple(sorted(found)) for name, found in marks.items()})


def differing(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The buckets whose digests differ, those included that only one end has."""
    return sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))


def differences(mine: Iterable[Mark], theirs: Iterable[Mark]) -> list[Difference]:
    """What of ``theirs`` is not as ``mine``, by key; each key once."""
    sent = {mark.key: mark.digest for mark in mine}
    held: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for mark in theirs:
        held[mark.key][mark.digest] += 1
    return [
        Difference(kind, key)
        for key in sorted(sent.keys() | held.keys())
        if (kind := _kind(sent.get(key), held.get(key, Counter()))) is not None
    ]


def _kind(sent: str | None, held: Counter[str]) -> Kind | None:
    if sent is None:
        return Kind.STRAY
    if not held:
        return Kind.LOST
    if held.total() > 1:
        return Kind.DOUBLED
    return None if sent in held else Kind.CHANGED


def bucket_of(key: Key) -> str:
    """The bucket of a key."""
    return hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()[:2]


def _cell(filing: Filing) -> tuple[str, str, str]:
    items = filing.items
    status = items.get("HTZT") or items.get("status") or ""
    return filing.key.subject, str(items.get("HTLX", "")), str(status)


def _amount(value: Any) -> Decimal:
    # What is no number at the receiver was changed there: the digest says so, and the sums need not.
    try:
        found = Decimal(value) if isinstance(value, str) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
