"""The query API's routes: from a request to an answer that may leave, with its access written down in between.

1. The token: whose it is, whether it may send so fast. Who passes this is written down, whatever comes of the call.
2. The query must be one of the token's department, and of the token's scopes.
3. Officer, purpose, number and what is asked are read and checked. The purpose must be the query's own.
4. The function reads and answers; the answer is cut by the entitlement.
5. The access is committed.
6. The answer leaves.
"""

from collections.abc import Awaitable, Callable, Iterable
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
from broker.query import openapi
from broker.query.access_log import AccessLog, Log
from broker.query.asked import Caller, about
from broker.query.calls import read_call
from broker.query.cutting import plain
from broker.query.definition import Offer
from broker.query.reading import Library
from broker.query.trace import Trace, accounted

BODY_BYTES = 64 * 1024


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

    def security_schemes(self) -> dict[str, Any]:
        """None beside the token."""
        return {}

    def _route(self, offer: Offer, entrance: Entrance) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            token = entrance.known(request)
            trace = Trace(token.principal, token.token_id, offer, city_code=token.city_code)
            answering = self._answered(request, entrance, token, trace)
            body = await accounted(self._accesses, trace, answering, self._log)
            return Response(body, media_type="application/json", headers=NO_STORE)

        return ask

    async def _answered(self, request: Request, entrance: Entrance, token: Token, trace: Trace) -> bytes:
        offer = trace.offer
        if token.principal not in offer.departments:
            raise ProblemError(
                "forbidden",
                f"{offer.label} is not for {token.principal}",
                "ask with a token of that department; /openapi.json has all queries",
            )
        require(token, QUERY, offer.query.name)
        if token.city_code is not None and not offer.query.other_cities:
            raise ProblemError(
                "forbidden",
                f"{offer.label} is not answered to other cities",
                "ask with a token of our own city's department",
            )
        limits = entrance.limits
        given = await read_json(request, min(BODY_BYTES, limits.body_bytes), limits.body_s)
        call = read_call(offer.query, given)
        trace.officer_id, trace.officer_name = call.officer.id, call.officer.name
        trace.purpose, trace.number = call.purpose, call.number
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
        answer = trace.answered(known, reading.concerned)
        return answers.as_json(
            {
                "query": offer.label,
                "purpose": call.purpose,
                "as_of": plain(reading.as_of),
                "access_id": str(trace.access_id),
                "answer": answer,
            }
        )
