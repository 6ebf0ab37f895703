"""The query API's routes: from a request to an answer that may leave, with its access written down in between.

1. The token: whose it is, whether it may send so fast. Who passes this is written down, whatever comes of the call.
2. The query must be one of the token's department, and of the token's scopes.
3. Officer, purpose, number and what is asked are read and checked. The purpose must be the query's own.
4. The function reads and answers; the answer is cut by the entitlement.
5. The access is committed.
6. The answer leaves.
"""

import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from broker.api import answers
from broker.api.access import require
from broker.api.annex import Entrance
from broker.api.bodies import read_json
from broker.api.problems import NO_STORE, ProblemError
from broker.api.questions import read_form
from broker.api.tokens import QUERY, Token
from broker.errors import Unavailable
from broker.query import openapi
from broker.query.access_log import Access, AccessLog, Log
from broker.query.asked import About, Caller, about
from broker.query.calls import Call, read_call
from broker.query.cutting import answered_fields, count_of, plain
from broker.query.definition import Offer
from broker.query.reading import Library

ANSWERED = "answered"
BODY_BYTES = 64 * 1024


@dataclass(slots=True)
class Trace:
    """What becomes known of a call on its way, for the access log."""

    token: Token
    offer: Offer
    begun: float = field(default_factory=time.monotonic)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    access_id: uuid.UUID = field(default_factory=uuid.uuid4)
    call: Call | None = None
    about: About = field(default_factory=About)
    body: bytes | None = None
    answer: dict[str, Any] = field(default_factory=dict)

    def access(self, code: str) -> Access:
        """The row of this call."""
        call, granted = self.call, code == ANSWERED
        return Access(
            access_id=self.access_id,
            at=self.at,
            principal=self.token.principal,
            token_id=self.token.token_id,
            officer_id=call.officer.id if call else None,
            officer_name=call.officer.name if call else None,
            query=self.offer.label,
            purpose=call.purpose if call else None,
            legal_basis=self.offer.query.legal_basis,
            number_kind=self.offer.query.number if call else None,
            number=call.number if call else None,
            parties=list(self.about.parties),
            houses=list(self.about.houses),
            contracts=list(self.about.contracts),
            granted=granted,
            code=code,
            fields=answered_fields(self.answer) if granted else [],
            records=count_of(self.answer) if granted else 0,
            answer_sha256=hashlib.sha256(self.body).hexdigest() if granted and self.body else None,
            latency_us=round((time.monotonic() - self.begun) * 1_000_000),
        )


class Desk:
    """An annex of the front door (see ``broker.api.annex``)."""

    def __init__(self, offers: Iterable[Offer], library: Library, accesses: AccessLog, log: Log) -> None:
        self._offers = list(offers)
        self._library = library
        self._accesses = accesses
        self._log = log

    def mount(self, app: FastAPI, entrance: Entrance) -> None:
        """Add one route a query."""
        for offer in self._offers:
            app.add_api_route(
                openapi.path_of(offer.group, offer.query), self._route(offer, entrance), methods=["POST"]
            )

    def paths(self) -> dict[str, Any]:
        """Of every query offered."""
        return openapi.paths(self._offers)

    def schemas(self) -> dict[str, Any]:
        """Of every query offered."""
        return openapi.components(self._offers)

    def _route(self, offer: Offer, entrance: Entrance) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            trace = Trace(entrance.known(request), offer)
            try:
                body = await self._answered(request, entrance, trace)
            except ProblemError as problem:
                await self._accesses.write(trace.access(problem.kind))
                return answers.of_problem(problem).response()
            except Unavailable as error:
                self._log.warning("query not answered", query=offer.label, detail=str(error))
                await self._accesses.write(trace.access("unavailable"))
                raise
            except Exception:
                await self._accesses.write(trace.access("failed"))
                raise
            await self._accesses.write(trace.access(ANSWERED))
            return Response(body, media_type="application/json", headers=NO_STORE)

        return ask

    async def _answered(self, request: Request, entrance: Entrance, trace: Trace) -> bytes:
        offer, token = trace.offer, trace.token
        if token.principal not in offer.departments:
            raise ProblemError(
                "forbidden",
                f"{offer.label} is not for {token.principal}",
                "ask with a token of that department; /openapi.json has all queries",
            )
        require(token, QUERY, offer.query.name)
        limits = entrance.limits
        given = await read_json(request, min(BODY_BYTES, limits.body_bytes), limits.body_s)
        trace.call = call = read_call(offer.query, given)
        asked = read_form(offer.definition.asked, call.asked, "asked")
        trace.about = about(asked, self._library.party_key)
        if call.purpose != offer.query.purpose.code:
            raise ProblemError(
                "forbidden",
                f"{offer.label} is not answered for this purpose",
                f"its purpose is {offer.query.purpose.code}; for another one there is another query, or none",
            )
        caller = Caller(token.principal, call.officer, call.purpose, call.number)
        async with self._library.reading(caller) as reading:
            known = await offer.definition.answer(asked, reading)
        trace.answer = offer.cut(known)
        trace.body = answers.as_json(
            {
                "query": offer.label,
                "purpose": call.purpose,
                "as_of": plain(reading.as_of),
                "access_id": str(trace.access_id),
                "answer": trace.answer,
            }
        )
        return trace.body
