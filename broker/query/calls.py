"""The frame of a call: officer, purpose, number, and beside them what is asked."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from broker.api.questions import Identifier, read_form
from broker.query.asked import CaseNo, Model, Officer
from schemas.queries import NumberKind, Query

PurposeCode = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,39}$", description="用途代码 code of the purpose")
]


class _Frame(Model):
    officer: Annotated[Officer, Field(description="经办人 the official who asks")]
    purpose: PurposeCode
    asked: Annotated[dict[str, Any], Field(description="查询条件 what is asked about")]


class CaseFrame(_Frame):
    """A call that names a court's case."""

    case_no: CaseNo


class BusinessFrame(_Frame):
    """A call that names a matter by the department's own number."""

    business_no: Annotated[
        Identifier, Field(max_length=64, description="业务编号 the department's number of the matter")
    ]


FRAMES: dict[NumberKind, type[CaseFrame | BusinessFrame]] = {
    NumberKind.CASE: CaseFrame,
    NumberKind.BUSINESS: BusinessFrame,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A frame that was read; ``asked`` is still as it came."""

    officer: Officer
    purpose: str
    number: str
    asked: dict[str, Any]


def read_call(query: Query, body: Any) -> Call:
    """Raises ProblemError 422, with every field of the frame that is missing or wrong."""
    frame = read_form(FRAMES[query.number], body)
    number = frame.case_no if isinstance(frame, CaseFrame) else frame.business_no
    return Call(frame.officer, frame.purpose, number, frame.asked)
