"""A question of eligibility as it comes in: small, since at that moment there is no contract yet."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from broker.admission.eligibility import AskedParty, Question
from broker.api.problems import invalid
from schemas.jsonform import Problem

# What no record could hold: control characters, and with them the NUL that Postgres refuses.
_VISIBLE = r"^[^\s\x00-\x1f\x7f-\x9f]+$"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> date:
    """Written as in a filing: else a number would be taken as a time since 1970."""
    if not (isinstance(value, str) and _DATE.fullmatch(value)):
        raise PydanticCustomError("date", "write it as 2020-12-01")
    return date.fromisoformat(value)


Day = Annotated[date, BeforeValidator(_day)]
Identifier = Annotated[str, Field(min_length=1, max_length=100, pattern=_VISIBLE)]
Code = Annotated[str, Field(min_length=1, max_length=20, pattern=_VISIBLE)]
Amount = Annotated[Decimal, Field(gt=0, max_digits=16, decimal_places=2)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartyForm(_Model):
    """Someone who would sign. Matched by document alone, so a name is not asked for."""

    role: Code
    id_type: Code
    id_no: Annotated[str, Field(min_length=1, max_length=50)]


class QuestionForm(_Model):
    """The contract that somebody means to sign."""

    subject: Literal["sale", "lease", "mortgage"]
    house_code: Identifier
    county_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    contract_kind: Code
    presale_permit_no: Annotated[str, Field(min_length=1, max_length=50, pattern=_VISIBLE)] | None = None
    sale_contract_no: Annotated[str, Field(min_length=1, max_length=50, pattern=_VISIBLE)] | None = None
    rank: Annotated[int, Field(ge=1, le=999, strict=True)] | None = None
    secured_principal: Amount | None = None
    appraisal_price: Amount | None = None
    lease_start: Day | None = None
    lease_end: Day | None = None
    parties: Annotated[tuple[PartyForm, ...], Field(max_length=50)] = ()

    def question(self, principal: str) -> Question:
        """The question as the rules take it."""
        named = {name: getattr(self, name) for name in _DETAILS[self.subject]}
        return Question(
            principal,
            self.subject,
            self.house_code,
            self.county_code,
            self.contract_kind,
            tuple(AskedParty(p.role, p.id_type, p.id_no) for p in self.parties),
            tuple((name, value) for name, value in named.items() if value is not None),
        )


_DETAILS = {
    "sale": ("presale_permit_no",),
    "lease": ("lease_start", "lease_end"),
    "mortgage": ("sale_contract_no", "rank", "secured_principal", "appraisal_price"),
}


def read_question(body: Any) -> QuestionForm:
    """Raises ProblemError 422, which holds no value of the body."""
    return read_form(QuestionForm, body)


Form = TypeVar("Form", bound=BaseModel)


def read_form(form: type[Form], body: Any, at: str = "") -> Form:
    """A body, or the part of it that stands ``at`` a name. Raises ProblemError 422, which holds no value of it."""
    if not isinstance(body, dict):
        raise invalid([Problem(at, "JSON that is no object", "put the question in { }")])
    try:
        return form.model_validate(body)
    except ValidationError as error:
        raise invalid(
            _problem(item, at) for item in error.errors(include_input=False, include_url=False)
        ) from None


def _problem(item: Any, at: str) -> Problem:
    extra = item["type"] == "extra_forbidden"
    steps = item["loc"][:-1] if extra else item["loc"]
    inner = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    path = f"{at}{inner}".lstrip(".")
    if extra:
        return Problem(path, "a field that is not known", "take it out")
    return Problem(path, item["type"].replace("_", " "), item["msg"])
