"""Checks of parties: that a number fits its document, that each side is there, and that shares add up."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from broker.admission.checks_values import Defect, uscc_defect
from broker.admission.reasons import Detail, Reason, reason
from schemas.identifiers import Finding, Problem, citizen_id, documents, uscc

Party = Mapping[str, Any]

BY_SHARES = "2"
SHARE_STEP = Decimal("0.000001")
"""The last place of a share: three thirds, rounded, miss the whole by one of these."""

_OLD_LICENCE_DIGITS = 15
_SHARE_TEXT = re.compile(r"[0-9]{1,9}/[1-9][0-9]{0,8}|[0-9]{1,3}(?:\.[0-9]{1,6})?%|[01](?:\.[0-9]{1,9})?")

_NO_SHARE = Finding(
    Problem.STRUCTURE, "份额文本应写作1/3或33.3%的形式", "a share in words is written as 1/3 or 33.3%"
)
_SHARE_RANGE = Finding(Problem.STRUCTURE, "份额应大于0且不大于1", "a share is above 0 and not above 1")
_SHARES_DISAGREE = Finding(Problem.STRUCTURE, "份额与份额文本不一致", "share and share_text disagree")
_SHARES_SUM = Finding(
    Problem.STRUCTURE, "同一方按份共有人的份额合计应为1", "the shares of one side must add up to 1"
)
_ROLE_FOREIGN = Finding(
    Problem.STRUCTURE, "该角色不属于此类记录", "the role does not belong to this kind of record"
)


def _citizen(value: str, as_of: date | None) -> Defect | None:
    finding = citizen_id.check(value, as_of)
    return None if finding is None else Defect("BAD_CITIZEN_ID", finding)


def _region(value: str, as_of: date | None) -> Defect | None:
    finding = documents.check_region(value, as_of)
    if finding is None:
        return None
    return Defect("BAD_CITIZEN_ID" if documents.is_residence_permit(value) else "BAD_FORMAT", finding)


def _passport(value: str, _as_of: date | None) -> Defect | None:
    finding = documents.check_passport(value)
    return None if finding is None else Defect("BAD_FORMAT", finding)


def _organisation(value: str, _as_of: date | None) -> Defect | None:
    return None if uscc.check_organisation(value) is uscc.Result.VALID else Defect("USCC_CHECK")


def _licence(value: str, _as_of: date | None) -> Defect | None:
    # Licences from before 2015 have a registration number of 15 digits, and old contracts carry it.
    if len(value) == _OLD_LICENCE_DIGITS and value.isascii() and value.isdigit():
        return None
    return uscc_defect(value)


def _uscc(value: str, _as_of: date | None) -> Defect | None:
    return uscc_defect(value)


#: What the number of each kind of document is held to; the other kinds have no form that we know.
ID_CHECKS: dict[str, Callable[[str, date | None], Defect | None]] = {
    "1": _citizen,
    "2": _region,
    "3": _passport,
    "6": _organisation,
    "7": _licence,
    "USCC": _uscc,
}


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that the parties of a list may have, and those of which each must be there.

    A role that is not even ``known`` is the code list's matter.
    """

    allowed: frozenset[str]
    required: frozenset[str]
    known: frozenset[str]

    def problems(self, parties: Sequence[Party], name: str) -> Iterator[Reason]:
        """BAD_PARTY for each foreign role and for each side that is missing."""
        present = {party["role"] for party in parties}
        if self.required <= present <= self.allowed:
            return
        for index, party in enumerate(parties):
            if party["role"] in self.known - self.allowed:
                yield reason("BAD_PARTY", field=f"{name}[{index}].role", detail=_ROLE_FOREIGN)
        for role in sorted(self.required - present):
            yield reason("BAD_PARTY", field=name, detail=_missing(role))


def shares(parties: Sequence[Party], name: str) -> Iterator[Reason]:
    """BAD_SHARE for a share that cannot be, or where those of one side, all given, do not add up to the whole.

    Only owners by shares (按份共有) must add up, and only when each of them gives a share.
    """
    by_role: dict[str, list[Decimal | None]] = {}
    for index, party in enumerate(parties):
        if party["co_ownership_code"] != BY_SHARES and party["share"] is None and party["share_text"] is None:
            continue
        share = _share_of(party)
        if isinstance(share, Finding):
            yield reason("BAD_SHARE", field=f"{name}[{index}].share", detail=share)
        elif party["co_ownership_code"] == BY_SHARES:
            by_role.setdefault(party["role"], []).append(share)
    if any(not _whole(given) for given in by_role.values()):
        yield reason("BAD_SHARE", field=f"{name}.share", detail=_SHARES_SUM)


def _whole(given: Sequence[Decimal | None]) -> bool:
    total = sum((share for share in given if share is not None), Decimal(0))
    slack = SHARE_STEP * len(given)
    return total <= 1 + slack if None in given else abs(total - 1) <= slack


def _share_of(party: Party) -> Decimal | Finding | None:
    number: Decimal | None = party["share"]
    text: str | None = party["share_text"]
    told = None if not text else _told(text)
    if text and told is None:
        return _NO_SHARE
    share = told if number is None else number
    if share is None:
        return None
    if share <= 0 and number is not None:
        return None  # said by the check of the number itself
    if not 0 < share <= 1:
        return _SHARE_RANGE
    return _SHARES_DISAGREE if told is not None and abs(told - share) > SHARE_STEP else share


def _told(text: str) -> Decimal | None:
    if _SHARE_TEXT.fullmatch(text) is None:
        return None
    part, _, whole = text.partition("/")
    return Decimal(part.removesuffix("%")) / Decimal(100 if text.endswith("%") else whole or 1)


def _missing(role: str) -> Detail:
    return Finding(Problem.STRUCTURE, f"缺少角色为{role}的当事人", f"there is no party in the role {role}")
