"""One call on its way to the access log: what is known of it so far, and the promise that it is written down."""

import hashlib
import time
import uuid
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from broker.api.problems import ProblemError
from broker.errors import Unavailable
from broker.query.access_log import Access, AccessLog, Log
from broker.query.asked import About
from broker.query.cutting import Given, answered_fields, count_of
from broker.query.definition import Offer
from broker.query.told import Told, told

ANSWERED = "answered"


@dataclass(slots=True)
class Trace:
    """What becomes known of a call. ``withheld`` is the code of an answer that was emptied, if it was."""

    principal: str
    token_id: str
    offer: Offer
    city_code: str | None = None
    begun: float = field(default_factory=time.monotonic)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    access_id: uuid.UUID = field(default_factory=uuid.uuid4)
    officer_id: str | None = None
    officer_name: str | None = None
    purpose: str | None = None
    number: str | None = None
    about: About = field(default_factory=About)
    answer: dict[str, Any] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    body: bytes | None = None
    withheld: str | None = None

    def answered(self, known: Given, concerned: Iterable[str]) -> dict[str, Any]:
        """Cut what is known to the answer, and note of whom and what that tells."""
        self.answer = self.offer.cut(known)
        self.told = told(self.offer.cut, known, concerned)
        return self.answer

    def access(self, code: str) -> Access:
        """The row of this call."""
        granted = code == ANSWERED
        query, told = self.offer.query, self.told if granted else Told()
        return Access(
            access_id=self.access_id,
            at=self.at,
            principal=self.principal,
            token_id=self.token_id,
            city_code=self.city_code,
            officer_id=self.officer_id,
            officer_name=self.officer_name,
            query=self.offer.label,
            purpose=self.purpose,
            legal_basis=query.legal_basis,
            number_kind=query.number if self.number else None,
            number=self.number,
            parties=list(self.about.parties),
            houses=list(self.about.houses),
            contracts=list(self.about.contracts),
            granted=granted,
            code=code,
            fields=answered_fields(self.answer) if granted else [],
            records=count_of(self.answer) if granted else 0,
            answer_sha256=hashlib.sha256(self.body).hexdigest() if self.body else None,
            latency_us=round((time.monotonic() - self.begun) * 1_000_000),
            told_parties=list(told.parties),
            told_stands=list(told.stands),
            told_houses=list(told.houses),
            told_entities=list(told.entities),
        )


async def accounted(accesses: AccessLog, trace: Trace, answering: Awaitable[bytes], log: Log) -> bytes:
    """The body of an answer, after its row is committed; what is refused or fails is written down too and raised again.

    Raises Unavailable, whatever else happened, if the row cannot be written.
    """
    try:
        trace.body = await answering
    except ProblemError as problem:
        await accesses.write(trace.access(problem.kind))
        raise
    except Unavailable as error:
        log.warning("query not answered", query=trace.offer.label, detail=str(error))
        await accesses.write(trace.access("unavailable"))
        raise
    except Exception:
        await accesses.write(trace.access("failed"))
        raise
    await accesses.write(trace.access(trace.withheld or ANSWERED))
    return trace.body
