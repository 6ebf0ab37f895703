"""Policies: which rule of law holds where and since when, and what it does to a record.

Vocabulary. A *rule* is known by the code of its reason (``UNIT_SEIZED``). An *edition* is what holds of a rule for a
time: its version, its severity, its legal basis. A county may have editions of its own, which go before the general
ones while they are in force. Of several in force the last in the file counts, so a measure for a time stands behind
the edition that it interrupts. All dates are dates in China, both ends inclusive.

The file ``policy/rules.yaml`` beside this module is the default. A file that replaces it must name every rule that the
default names: a rule is switched off by ``severity: "OFF"``, never by forgetting it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.codelists import code_list
from schemas.terms import (
    County,
    Model,
    PolicyError,
    Term,
    Text,
    Version,
    doubled_version,
    frozen,
    in_force_there,
    read_policy,
)

__all__ = [
    "DEFAULT",
    "Block",
    "Edition",
    "Limits",
    "Policy",
    "PolicyError",
    "Rule",
    "Ruling",
    "UnknownRuleError",
    "load_policy",
]
from schemas.said import said

DEFAULT = Path(__file__).with_name("policy") / "rules.yaml"

Severity = Literal["REFUSE", "WARN"]


class UnknownRuleError(LookupError):
    """A code that the policy has no entry for."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule does on a day in a county. ``legal_basis`` None: that of the reason's text."""

    severity: Severity
    version: str
    legal_basis: str | None


def _list_type(code: str) -> str:
    if code not in code_list("list_type"):
        raise ValueError(f"{code} is no list; there are {', '.join(sorted(code_list('list_type').codes))}")
    return code


ListType = Annotated[str, AfterValidator(_list_type)]
Years = Annotated[int, Field(ge=1, le=30)]


class Edition(Term):
    """What holds of a rule for a time."""

    version: Version
    severity: Literal["REFUSE", "WARN", "OFF"]
    legal_basis: Text | None = None


Editions = Annotated[tuple[Edition, ...], Field(min_length=1)]


class Rule(Model):
    """One rule: its title, its general editions, and those of single counties."""

    zh: Text
    en: Text
    editions: Editions
    counties: Annotated[Mapping[County, Editions], AfterValidator(frozen)] = {}

    def edition(self, county: str, on: date) -> Edition | None:
        """The edition in force; None before the first."""
        return in_force_there(self.editions, self.counties, county, on)

    @model_validator(mode="after")
    def _versions_differ(self) -> Self:
        everyones = (self.editions, *self.counties.values())
        if doubled := doubled_version(edition.version for editions in everyones for edition in editions):
            raise ValueError(f"version {doubled} is there twice: a decision must name one edition")
        return self


class Block(Term):
    """A list whose buyers are refused, in all counties or some, on a legal basis that must be named."""

    list_type: ListType
    legal_basis: Text
    counties: frozenset[County] | None = Field(default=None, min_length=1)

    def blocks(self, list_type: str, county: str, on: date) -> bool:
        return (
            list_type == self.list_type
            and (self.counties is None or county in self.counties)
            and self.holds(on)
        )


class Limits(Model):
    """How long a seizure of a house may be in force: at first, and by each renewal, in years."""

    start: date = Field(alias="from")
    version: Version
    first_years: Years
    renewal_years: Years
    legal_basis: Text


class Policy(Model):
    """All rules by code, the lists that block, and the limits of seizures."""

    rules: Annotated[Mapping[str, Rule], AfterValidator(frozen)]
    blocking_lists: tuple[Block, ...]
    limits: tuple[Limits, ...] = Field(alias="seizure_limits", min_length=1)

    def ruling(self, code: str, county_code: str, on: date) -> Ruling | None:
        """What the rule does in that county on that day; None if it is off or not in force. Raises UnknownRuleError."""
        rule = self.rules.get(code)
        if rule is None:
            raise UnknownRuleError(
                said("the policy has no rule {code}; {code2}", code=code, code2=_nearest(code, self.rules))
            )
        edition = rule.edition(county_code, on)
        if edition is None or edition.severity == "OFF":
            return None
        return Ruling(edition.severity, edition.version, edition.legal_basis)

    def block(self, list_type: str, county_code: str, on: date) -> Block | None:
        """The entry by which buyers on that list are refused there on that day, with its legal basis."""
        found = [entry for entry in self.blocking_lists if entry.blocks(list_type, county_code, on)]
        return found[-1] if found else None

    def blocking_list(self, list_type: str, county_code: str, on: date) -> bool:
        """Whether buyers on that list are refused there on that day."""
        return self.block(list_type, county_code, on) is not None

    def seizure_limits(self, on: date) -> Limits:
        """The limits on that day. Before the first of them there were none; the first are taken."""
        return next((limits for limits in reversed(self.limits) if limits.start <= on), self.limits[0])

    @model_validator(mode="after")
    def _limits_ascend(self) -> Self:
        if any(one.start >= other.start for one, other in pairwise(self.limits)):
            raise ValueError("seizure_limits must stand in the order of their from, no two on one day")
        return self


# --- loading --------------------------------------------------------------------------------------------------------


def load_policy(path: Path | None = None) -> Policy:
    """The policy of a file, or the default one; each file is read once. Raises PolicyError."""
    return _load(path or DEFAULT)


@cache
def _load(path: Path) -> Policy:
    policy = read_policy(path, Policy, DEFAULT)
    if path != DEFAULT:
        _check_complete(path, policy, _load(DEFAULT))
    return policy


def _check_complete(path: Path, policy: Policy, default: Policy) -> None:
    """A rule that a new release brings must not be off because an operator's file is older."""
    for code in policy.rules:
        if code not in default.rules:
            raise PolicyError(
                said(
                    "{path}: rules.{code} is no rule; {code2}",
                    path=path,
                    code=code,
                    code2=_nearest(code, default.rules),
                )
            )
    if missing := [code for code in default.rules if code not in policy.rules]:
        raise PolicyError(
            said(
                '{path}: rules lacks {missing}: copy them from {default}, with severity "OFF" if '
                "they are not to hold",
                path=path,
                missing=", ".join(missing),
                default=DEFAULT,
            )
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"the nearest is {near[0]}" if near else "there are none"
