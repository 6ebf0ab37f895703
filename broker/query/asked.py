"""What a call carries: who asks, for what, and about whom or what. Pydantic models; no error holds a value."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from broker.admission.checks_parties import ID_CHECKS
from broker.admission.reasons import REASONS, Severity
from broker.api.questions import Code, Day, Identifier
from broker.protected import normalise_id, party_ref
from schemas.codelists import code_list
from schemas.identifiers import case_no

__all__ = [
    "About",
    "Address",
    "Asked",
    "Caller",
    "CaseNo",
    "Code",
    "ContractNo",
    "County",
    "Day",
    "HouseCode",
    "Identifier",
]
__all__ += ["Model", "Officer", "Person", "Text", "about"]

# As in a filing: control characters, line separators and marks that reverse the direction of writing spoil logs.
_SPOILING = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
_PLAIN = rf"^[^{_SPOILING}]*[^\s{_SPOILING}][^{_SPOILING}]*$"


class Model(BaseModel):
    """Frozen, and no field that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _case_no(value: Any) -> Any:
    return case_no.normalise(value) if isinstance(value, str) else value


def _right_case_no(value: str) -> str:
    finding = case_no.check(value)
    if finding is not None:
        raise PydanticCustomError("case_no", "{mend}", {"mend": finding.en})
    return value


def _known_county(value: str) -> str:
    if value not in code_list("county"):
        raise PydanticCustomError("county_code", "give a code of the code list county")
    return value


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=_PLAIN)]
Address = Annotated[str, Field(min_length=2, max_length=300, pattern=_PLAIN, description="坐落 address")]
HouseCode = Annotated[Identifier, Field(description="房屋编码 house code")]
ContractNo = Annotated[Identifier, Field(max_length=50, description="合同编号 contract number")]
County = Annotated[Code, AfterValidator(_known_county), Field(description="县区代码 code of the county")]
CaseNo = Annotated[
    str,
    BeforeValidator(_case_no),
    Field(max_length=100, description="案号 court case number"),
    AfterValidator(_right_case_no),
]


class Person(Model):
    """Somebody by his document: a person, or an organisation. Matched by document alone, never by name."""

    id_type: Annotated[Code, Field(description="证件种类 kind of document, code list id_type")]
    id_no: Annotated[
        str, Field(min_length=1, max_length=50, pattern=_PLAIN, description="证件号码 its number")
    ]

    @model_validator(mode="after")
    def _right(self) -> Self:
        if self.id_type not in code_list("id_type"):
            raise PydanticCustomError("id_type", "give a kind of document of the code list id_type")
        check = ID_CHECKS.get(self.id_type)
        defect = check(normalise_id(self.id_no), datetime.now(UTC).date()) if check else None
        # A warning, as for real issued codes that fail their check, is no reason to find nobody.
        if defect is not None and REASONS[defect.code].severity is Severity.REFUSE:
            raise PydanticCustomError("id_no", "give the number as it stands on the document")
        return self

    def ref(self, key: bytes) -> str:
        """The ``party_ref`` under this document."""
        return party_ref(key, self.id_type, self.id_no)


class Officer(Model):
    """Who asks: the official in person, as the department has identified him."""

    id: Annotated[Identifier, Field(max_length=64, description="经办人工号 number of the official")]
    name: Annotated[Text, Field(max_length=100, description="经办人姓名 name of the official")]


class Asked(Model):
    """Base of what one query is asked about. Fields are named as in the entitlement's ``needs`` and ``may``."""


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a query reads."""

    department: str
    """The principal, such as ``bank.icbc``."""
    officer: Officer
    purpose: str
    number: str
    """The case or business number."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom or what a call is about, as the access log may hold it: no number of a document."""

    parties: tuple[str, ...] = ()
    houses: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()


def about(asked: Asked, key: bytes) -> About:
    """By the types and names of the fields: every ``Person``, every ``house_code``, every ``contract_no``."""
    leaves = list(_leaves("", asked))
    return About(
        tuple(dict.fromkeys(value.ref(key) for _, value in leaves if isinstance(value, Person))),
        tuple(dict.fromkeys(value for name, value in leaves if name.startswith("house_code"))),
        tuple(dict.fromkeys(value for name, value in leaves if name.startswith("contract_no"))),
    )


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Person):
        yield name, value
    elif isinstance(value, BaseModel):
        for field, inner in value:
            yield from _leaves(field, inner)
    elif isinstance(value, list | tuple | frozenset):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, str | date):
        yield name, value
