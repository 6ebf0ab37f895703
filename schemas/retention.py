"""How long personal data are kept: ``policy/retention.yaml``, or the site's own file in its place."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.catalogue import load_catalogue
from schemas.reckoning import Dated, Edition
from schemas.terms import Model, frozen, read_policy

DEFAULT = Path(__file__).with_name("policy") / "retention.yaml"
PARTY_ERASED = "PARTY_ERASED"
"""The event of a record from which a person was erased."""

Years = Annotated[int, Field(ge=0, le=100)]


def erasable() -> frozenset[str]:
    """The subjects that name persons."""
    return frozenset(
        n for n, subject in load_catalogue().subjects.items() if PARTY_ERASED in subject.lifecycle
    )


def _every_subject(years: Mapping[str, int]) -> Mapping[str, int]:
    if differing := erasable() ^ years.keys():
        raise ValueError(
            f"give years for {', '.join(sorted(erasable()))}; differs in {', '.join(sorted(differing))}"
        )
    return years


class Keeping(Edition):
    """The years by subject, while an edition is in force."""

    years: Annotated[Mapping[str, Years], AfterValidator(_every_subject), AfterValidator(frozen)]


class Retention(Model):
    """For how long which records are kept whole."""

    keeping: Dated[Keeping]


def until(ended: date, years: int) -> date:
    """The last day on which what ended then is kept; of a 29 February the 28th, where the year has none."""
    try:
        return ended.replace(year=ended.year + years)
    except ValueError:
        return ended.replace(year=ended.year + years, day=28)


def load_retention(path: Path | None = None) -> Retention:
    """The periods of a file, or the default ones; each file is read once. Raises PolicyError."""
    return _load(path or DEFAULT)


@cache
def _load(path: Path) -> Retention:
    return read_policy(path, Retention, DEFAULT)
