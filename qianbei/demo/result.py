"""What a demo came to: one object for programs, a few tables for people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from producers.simulator.model_compare import Account, Observed
from qianbei.demo.readout import Conflicts, percentile
from qianbei.explain.model import Words
from qianbei.explain.words import OUTCOMES as WORDS
from qianbei.language import headed, is_chinese, spoken
from qianbei.verify.report import Report
from schemas.said import said, shown

CHECKS = {
    "conservation": said("conservation"),
    "fold": said("fold"),
    "projection": said("projection"),
    "law": said("law"),
}
OUTCOMES = ("accepted", "refused", "duplicate", "quarantined")


@dataclass(frozen=True, slots=True)
class Result:
    """All that is shown at the end."""

    events: int
    observed: tuple[Observed, ...]
    account: Account
    departments: Mapping[str, Mapping[str, int]]
    latest: Mapping[str, int]
    conflicts: Mapping[str, Conflicts]
    latencies_ms: list[int]
    report: Report
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every decision was as it had to be and the verification passed."""
        as_expected = self.conflicts_found() == self.account.conflicts()
        return self.report.ok and as_expected and not self.account.differences

    def outcomes(self) -> Counter[str]:
        """Of what the sources sent; what the exchange asked of itself is not among it."""
        return Counter(item.outcome.lower() for item in self._of_sources())

    def reasons(self) -> Counter[str]:
        """How often each code was given, over refusals, warnings and quarantine."""
        return Counter(code for item in self._of_sources() for code in item.codes)

    def conflicts_found(self) -> dict[str, int]:
        """How many conflicts were raised and resolved."""
        return {
            "raised": sum(one.raised for one in self.conflicts.values()),
            "resolved": sum(one.resolved for one in self.conflicts.values()),
        }

    def _of_sources(self) -> Iterable[Observed]:
        return (item for item in self.observed if not item.is_internal)

    def as_dict(self) -> dict[str, Any]:
        """As one JSON object."""
        found, expected = self.outcomes(), self.account.outcomes()
        return {
            "events": self.events,
            **{name: found[name] for name in OUTCOMES},
            "expected": {name: expected[name] for name in OUTCOMES},
            "differences": [str(difference) for difference in self.account.differences[:20]],
            "reasons": dict(sorted(self.reasons().items())),
            "conflicts": self.conflicts_found() | {"expected": self.account.conflicts()},
            "departments": {
                name: dict(sorted(counts.items())) for name, counts in sorted(self.departments.items())
            },
            "latest": dict(self.latest),
            "latency_ms": {
                "p50": percentile(self.latencies_ms, 0.50),
                "p99": percentile(self.latencies_ms, 0.99),
                "records": len(self.latencies_ms),
            },
            "verify": self.report.as_dict(),
            "seconds": round(self.seconds, 1),
        }


def show(result: Result, console: Console) -> None:
    """Print the tables."""
    console.print(_departments(result))
    console.print(_decisions(result))
    console.print(_conflicts(result))
    console.print(_latest(result))
    data = result.as_dict()
    latency = data["latency_ms"]
    console.print(
        spoken(
            "From intake to a department: p50 {p50} ms, p99 {p99} ms over {records:,} records",
            p50=latency["p50"],
            p99=latency["p99"],
            records=latency["records"],
        )
    )
    for name, check in result.report.checks.items():
        state = (
            f"[green]{spoken('passed')}[/]"
            if check.ok
            else f"[red]{violations(sum(check.found.values()))}[/]"
        )
        console.print(
            spoken(
                "verify {name}: {state}, {compared:,} compared",
                name=shown(CHECKS[name]),
                state=state,
                compared=check.compared,
            )
        )
        for violation in check.violations[:5]:
            console.print(f"  [red]{violation.what}[/] {violation.place}: {shown(violation.detail)}")
    for difference in result.account.differences[:10]:
        named = spoken("{kind} at {where}: expected {expected}, found {observed}", **difference._asdict())
        account = spoken("not as the simulator's own account has it")
        console.print(f"[red]{account}[/]: {named}")


QUARANTINED = Words("隔离", "quarantined")


def _word(outcome: str) -> str:
    return WORDS.get(outcome.upper(), QUARANTINED).zh if is_chinese() else outcome


def violations(count: int) -> str:
    """How many were found."""
    return spoken("{count:,} violations", count=count)


def _departments(result: Result) -> Table:
    table = headed(
        "department",
        "records",
        "of which",
        title=spoken("What each department received"),
        title_justify="left",
    )
    for name, counts in sorted(result.departments.items()):
        table.add_row(
            name, f"{sum(counts.values()):,}", ", ".join(f"{s} {n:,}" for s, n in sorted(counts.items()))
        )
    return table


def _decisions(result: Result) -> Table:
    table = headed("outcome or reason", "found", "expected", title=spoken("Decisions"), title_justify="left")
    found, expected = result.outcomes(), result.account.outcomes()
    for name in OUTCOMES:
        table.add_row(f"[bold]{_word(name)}[/]", f"{found[name]:,}", f"{expected[name]:,}")
    counts, wanted = result.reasons(), result.account.reasons()
    for code in sorted(counts | wanted, key=lambda code: -counts[code]):
        table.add_row(f"  {code}", f"{counts[code]:,}", f"{wanted[code]:,}")
    return table


def _conflicts(result: Result) -> Table:
    table = headed("conflict", "raised", "resolved", title=spoken("Late conflicts"), title_justify="left")
    for kind, counts in result.conflicts.items():
        table.add_row(kind, f"{counts.raised:,}", f"{counts.resolved:,}")
    found, wanted = result.conflicts_found(), result.account.conflicts()
    for name, of_all in ((spoken("all"), found), (spoken("expected"), wanted)):
        table.add_row(f"[bold]{name}[/]", f"{of_all['raised']:,}", f"{of_all['resolved']:,}")
    return table


def _latest(result: Result) -> Table:
    table = headed("table", "rows", title=spoken("Latest state in Postgres"), title_justify="left")
    for subject, rows in result.latest.items():
        table.add_row(f"latest.{subject}", f"{rows:,}")
    return table
