"""Which rules of law were in force where and when, read anew from the operator's policy file or the shipped one.

The day that counts is that of the decision, in China. Of several editions in force the last one in the file counts; a
county's own go before the general ones. All dates are inclusive.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

CHINA_AHEAD = timedelta(hours=8)
"""China has had one time zone, without summer time, since 1991."""
SHIPPED = files("schemas") / "policy" / "rules.yaml"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rulings:
    """The policy as data: ``rules`` by code, and the lists whose buyers are refused."""

    rules: Mapping[str, Entry]
    blocking: tuple[Entry, ...]

    def refuses(self, code: str, county: str, on: date) -> bool:
        """Whether the rule refused in that county on that day; one that warns or is off does not."""
        rule = self.rules[code]
        own = _in_force(rule.get("counties", {}).get(county, ()), on)
        edition = own or _in_force(rule["editions"], on)
        return edition is not None and edition["severity"] == "REFUSE"

    def blocks(self, list_type: str, county: str, on: date) -> bool:
        """Whether buyers on such a list were refused in that county on that day."""
        return any(
            entry["list_type"] == list_type and county in (entry.get("counties") or (county,))
            for entry in self.blocking
            if _holds(entry, on)
        )


def rulings_of(policy_file: Path | None) -> Rulings:
    """The policy of this file; None: that of this version."""
    return read_rulings((policy_file or SHIPPED).read_text(encoding="utf-8"))


def read_rulings(text: str) -> Rulings:
    """The policy that a file's text states."""
    policy = yaml.safe_load(text)
    return Rulings(policy["rules"], tuple(policy["blocking_lists"]))


def _holds(term: Entry, on: date) -> bool:
    until: date | None = term.get("until")
    return bool(term["from"] <= on) and (until is None or on <= until)


def _in_force(editions: Iterable[Entry], on: date) -> Entry | None:
    found = None
    for edition in editions:
        if _holds(edition, on):
            found = edition
    return found


# --- days ---------------------------------------------------------------------------------------------------------------


def day_of(micros: int) -> date:
    """The date in China of a moment as it lies on the wire."""
    return (_EPOCH + timedelta(microseconds=micros) + CHINA_AHEAD).date()


def date_of(days: int | None) -> date | None:
    """A date as it lies on the wire."""
    return None if days is None else _EPOCH_DAY + timedelta(days=days)
