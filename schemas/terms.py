"""What holds from when to when, and where: the parts that all policy files are made of, and how such a file is read.

A *term* is a first and perhaps a last day, both inclusive, both dates in China. Of several terms in force the last in
the file counts, so a measure for a time stands behind the one that it interrupts. What a county has of its own goes
before what is general, while it is in force.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.codelists import code_list
from schemas.said import said


class PolicyError(ValueError):
    """A policy file is wrong. The message names the file, the place, and how to mend it."""


_K = TypeVar("_K")
_V = TypeVar("_V")


def frozen(mapping: Mapping[_K, _V]) -> Mapping[_K, _V]:
    """A mapping that cannot be changed."""
    return MappingProxyType(dict(mapping))


def _county(code: str) -> str:
    if code not in code_list("county"):
        raise ValueError(f"{code} is no county; quote a code of codes/county.yaml")
    return code


County = Annotated[str, AfterValidator(_county)]
Text = Annotated[str, Field(min_length=1, max_length=300)]
"""As long as the decision's schema has room for."""
Version = Annotated[str, Field(min_length=1, max_length=30)]


class Model(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Term(Model):
    """From when (and until when) something holds."""

    start: date = Field(alias="from")
    until: date | None = None

    def holds(self, on: date) -> bool:
        return self.start <= on and (self.until is None or on <= self.until)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until is not None and self.until < self.start:
            raise ValueError("until is before from: both are the first and the last day, inclusive")
        return self


TermT = TypeVar("TermT", bound=Term)


def in_force(terms: Iterable[TermT], on: date) -> TermT | None:
    """The last of the terms that hold on a day."""
    found = None
    for term in terms:
        if term.holds(on):
            found = term
    return found


def in_force_there(
    general: Iterable[TermT], counties: Mapping[str, Iterable[TermT]], county: str, on: date
) -> TermT | None:
    """What holds in a county on a day: its own, or else the general."""
    return in_force(counties.get(county, ()), on) or in_force(general, on)


def doubled_version(versions: Iterable[str]) -> str | None:
    """A version that stands there twice, if there is one."""
    seen = list(versions)
    return min((version for version in seen if seen.count(version) > 1), default=None)


ModelT = TypeVar("ModelT", bound=BaseModel)


def read_policy(path: Path, model: type[ModelT], default: Path) -> ModelT:
    """Read a YAML file as a model. Raises PolicyError with all that is wrong; ``default`` is the file to compare with."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            said("{path}: cannot be read: {kind}", path=path, kind=type(error).__name__)
        ) from None
    except yaml.YAMLError as error:
        raise PolicyError(said("{path}: no YAML: {error}", path=path, error=error)) from None
    except ValidationError as error:
        raise PolicyError(
            "\n".join(f"{path}: {_problem(item, default)}" for item in error.errors())
        ) from None


def _problem(item: Any, default: Path) -> str:
    place = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"{place}: is not known here: take it out, or compare its spelling with {default.name}"
    hint = '; write "OFF" in quotes' if place.endswith(".severity") else ""
    return f"{place or 'the file'}: {item['msg']}{hint}"
