"""The digests that rows of the access log bear themselves, computed anew: also of rows that are in no chain yet.

The definition is in docs/audit.md. A row that fails is looked at together with its neighbours: one whose digest is right for
another place was moved there; one that is right in its own place only follows one that was moved; any other was changed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from qianbei.audit.findings import Finding, Kind, Report
from qianbei.audit.hashing import Sums, begun
from schemas.said import said

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOW = 16
_MOST_LOOKED_AT = 200
Columns = Mapping[str, Any]
Around = Callable[[int, int], Sequence[Columns]]
"""The rows from one sequence number to another."""


@dataclass(frozen=True, slots=True)
class _Walked:
    rows: int
    dropped: tuple[tuple[int, int], ...]
    failed: tuple[int, ...]
    undigested: tuple[int, ...]


def check_links(
    topic: str, start: Sums | None, beyond: int, rows: Iterator[Columns], around: Around, report: Report
) -> None:
    """Check a chain's rows after ``beyond``; ``start``: the digests there (None: at the chain's beginning).

    What the audit reader's chain has found already is not told twice, but a row that only lies elsewhere is called so.
    """
    beginning = begun(f"qianbei access 1\n{topic.partition('/')[2]}".encode())
    walked = _walk(start or beginning, beyond, rows)
    report.linked += walked.rows
    known = [one for one in report.findings if one.topic == topic]
    found = [(Kind.DROPPED, first, last) for first, last in walked.dropped]
    found += [(Kind.INSERTED, at, at) for at in walked.undigested]
    found += [(kind, at, at) for at in walked.failed if (kind := _kind(beginning, at, walked.failed, around))]
    moved = {at for kind, at, _ in found if kind is Kind.REORDERED}
    for one in known:
        if one.kind is Kind.CHANGED and moved.issuperset(range(one.first, one.last + 1)):
            report.findings.remove(one)
    known = [one for one in known if one in report.findings]
    for kind, first, last in found:
        if not any(one.first <= last and first <= one.last for one in known):
            report.findings.append(
                Finding(
                    kind, topic, 0, first, last, said("the row's digest does not follow from the row before")
                )
            )


def _walk(start: Sums, beyond: int, rows: Iterator[Columns]) -> _Walked:
    before: Sums | None = start
    expected, count, digested = beyond + 1, 0, False
    dropped, failed, undigested = [], [], []
    for row in rows:
        seq, own = row["seq"], own_sums(row)
        count += 1
        if seq != expected:
            dropped.append((expected, seq - 1))
            before = None
        expected = seq + 1
        if own is None:
            # Whole chains of before the migration 0010 have no digests; a row without one among others was put there.
            undigested += [seq] if digested else []
            before = before if digested else None
            continue
        digested = True
        if before is not None and _after(before, row, seq) != own:
            failed.append(seq)
        before = own
    return _Walked(count, tuple(dropped), tuple(failed), tuple(undigested))


def _kind(beginning: Sums, at: int, failed: Sequence[int], around: Around) -> Kind | None:
    """What became of a row that failed; None: nothing, it follows one that was moved."""
    if len(failed) > _MOST_LOOKED_AT:
        return Kind.CHANGED
    near = around(max(1, at - _WINDOW), at + _WINDOW)
    row = next(one for one in near if one["seq"] == at)
    befores = [sums for one in near if one["seq"] != at and (sums := own_sums(one))]
    if at <= _WINDOW:
        befores.append(beginning)
    if any(_after(before, row, at) == own_sums(row) for before in befores):
        return None
    others = [seq for seq in failed if seq != at and abs(seq - at) <= _WINDOW]
    elsewhere = any(_after(before, row, seq) == own_sums(row) for seq in others for before in befores)
    return Kind.REORDERED if elsewhere else Kind.CHANGED


def own_sums(row: Columns) -> Sums | None:
    """The digests that a row bears; None for a row of before there were any."""
    return None if row["sha256"] is None or row["sm3"] is None else Sums(row["sha256"], row["sm3"])


def _after(before: Sums, row: Columns, seq: int) -> Sums:
    """The digests of a row, were it the ``seq``-th and after that one."""
    columns = {
        name: value for name, value in row.items() if name not in ("sha256", "sm3") and value is not None
    }
    plain = {name: _plain(value) for name, value in (columns | {"seq": seq}).items()}
    content = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    return Sums(
        hashlib.sha256(before.sha256 + content).digest(), hashlib.new("sm3", before.sm3 + content).digest()
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return str(value) if isinstance(value, UUID) else value
