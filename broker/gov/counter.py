"""The routes of the citizens' channel.

1. The header is read; its time must be near ours. The body is read, bounded.
2. The key must stand, and the signature be its own over these bytes. The nonce is used up.
3. The frame is read: purpose, business number, the citizen and how well he was verified. From here the call is written down.
4. What is his own is read and cut.
5. The access is committed, then the receipt is kept.
6. The answer leaves, with its receipt in a header.
"""

import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from broker.api import answers
from broker.api.annex import Entrance
from broker.api.answers import Reply
from broker.api.bodies import parsed, read_bytes, require_json
from broker.api.edge import ASKER, AUDITED
from broker.api.limits import Limits
from broker.api.problems import NO_STORE, ProblemError
from broker.api.questions import Identifier, read_form
from broker.gov import catalogue, openapi
from broker.gov.contracts import LEAST_LEVEL, WITHHELD, Citizen
from broker.gov.keys import PRINCIPAL, secret_of
from broker.gov.receipts import HEADER, content_of, receipt
from broker.gov.signing import (
    WINDOW_S,
    Signed,
    read_header,
    replayed,
    require_signature,
    require_time,
)
from broker.gov.store import Kept, Store
from broker.query.access_log import AccessLog, Log
from broker.query.asked import Caller, Model, Officer, about
from broker.query.calls import PurposeCode
from broker.query.cutting import plain
from broker.query.definition import Offer
from broker.query.reading import Library
from broker.query.trace import Trace, accounted
from schemas.entitlements import newest_schemas

BODY_BYTES = 16 * 1024
HIMSELF = "公民本人"
"""Stands in the access log where an official's name would: nobody asks on the citizen's behalf but the platform."""
NAME_MISMATCH = "name-mismatch"


class CitizenCall(Model):
    """What the platform sends: why, under which number of its own, and whom it has verified."""

    purpose: PurposeCode
    business_no: Annotated[
        Identifier, Field(max_length=64, description="业务编号 the platform's number of the matter")
    ]
    citizen: Annotated[Citizen, Field(description="已核验的公民 whom the platform has verified")]


class Counter:
    """An annex of the front door (see ``broker.api.annex``)."""

    def __init__(
        self,
        offers: Sequence[Offer],
        library: Library,
        store: Store,
        accesses: AccessLog,
        log: Log,
    ) -> None:
        self._offers = {offer.query.name: offer for offer in offers}
        self._schemas = newest_schemas()
        self._library = library
        self._store = store
        self._accesses = accesses
        self._log = log

    def mount(self, app: FastAPI, entrance: Entrance) -> None:
        """Add the routes: two for each question, one for receipts."""

        async def told_again(request: Request, receipt_id: str) -> Response:
            request.scope[AUDITED] = True
            return await self._receipt(request, entrance, receipt_id)

        for offer in self._offers.values():
            app.add_api_route(openapi.path_of(offer), self._asking(offer, entrance), methods=["POST"])
            path = f"{openapi.CATALOGUE}/{offer.query.name}"
            app.add_api_route(path, self._cataloguing(offer), methods=["GET"])
        first = next(iter(self._offers.values()))
        app.add_api_route(openapi.CATALOGUE, self._cataloguing(first), methods=["GET"])
        app.add_api_route(openapi.RECEIPT, told_again, methods=["GET"])

    def _asking(self, offer: Offer, entrance: Entrance) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            require_json(request)
            return await self._ask(offer, request, entrance)

        return ask

    def _cataloguing(self, offer: Offer) -> Callable[[], Awaitable[Response]]:
        async def item() -> Response:
            return Reply(200, catalogue.item(offer, openapi.path_of(offer), self._schemas)).response()

        return item

    def paths(self) -> dict[str, Any]:
        """Of these routes."""
        return openapi.paths(self._offers.values())

    def schemas(self) -> dict[str, Any]:
        """Of these routes."""
        return openapi.components(self._offers.values(), CitizenCall, self._schemas)

    def security_schemes(self) -> dict[str, Any]:
        """Signed requests."""
        return openapi.SECURITY

    async def _ask(self, offer: Offer, request: Request, entrance: Entrance) -> Response:
        signed, sent = await self._signed(request, entrance)
        trace = Trace(PRINCIPAL, signed.key_id, offer)
        body = await accounted(self._accesses, trace, self._answered(sent, trace), self._log)
        secret = secret_of(self._library.party_key, signed.key_id)
        access_id = str(trace.access_id)
        text = receipt(secret, signed.scheme, signed.key_id, access_id, str(trace.number), body)
        await self._store.keep(Kept(access_id, signed.key_id, text))
        return Response(body, media_type="application/json", headers={**NO_STORE, HEADER: text})

    async def _receipt(self, request: Request, entrance: Entrance, receipt_id: str) -> Response:
        await self._signed(request, entrance)
        text = await self._store.receipt(receipt_id, PRINCIPAL) if _is_uuid(receipt_id) else None
        if text is None:
            raise ProblemError(
                "not-found",
                "no receipt of yours with this id",
                f"the id stands in the header {HEADER} of an answer, as receipt_id, and in its body as access_id",
            )
        return Reply(200, {"receipt": text, "content": content_of(text)}).response()

    async def _signed(self, request: Request, entrance: Entrance) -> tuple[Signed, bytes]:
        """Who asks and what was sent. Raises ProblemError 401 or 429, and those of reading a body."""
        limits: Limits = entrance.limits
        signed = read_header(request.headers.get("authorization"))
        require_time(signed, time.time())
        body = await read_bytes(request, BODY_BYTES, limits.body_s)
        principal = await self._store.principal_of(signed.key_id)
        secret = secret_of(self._library.party_key, signed.key_id) if principal == PRINCIPAL else None
        require_signature(secret, signed, request.method, _path(request), body)
        request.scope[ASKER] = signed.key_id
        # A request is good this long before its time and this long after it, so its nonce must be known for both.
        if not await self._store.use_nonce(signed.key_id, signed.nonce, 2 * WINDOW_S):
            raise replayed()
        entrance.rates.take(signed.key_id)
        return signed, body

    async def _answered(self, sent: bytes, trace: Trace) -> bytes:
        call, offer = read_form(CitizenCall, parsed(sent)), trace.offer
        asked = offer.definition.asked.model_validate({"citizen": call.citizen})
        trace.officer_id, trace.officer_name = call.citizen.session_no, HIMSELF
        trace.purpose, trace.number = call.purpose, call.business_no
        trace.about = about(asked, self._library.party_key)
        purpose = offer.query.purpose.code
        if call.purpose != purpose:
            raise ProblemError(
                "forbidden", "this is not answered for this purpose", f"its purpose is {purpose}"
            )
        if call.citizen.level < LEAST_LEVEL:
            raise ProblemError(
                "forbidden",
                f"the citizen is not verified well enough: at least level {LEAST_LEVEL} is needed",
                "let the citizen pass the platform's verification in person, then ask again",
            )
        officer = Officer(id=call.citizen.session_no, name=HIMSELF)
        caller = Caller(PRINCIPAL, officer, call.purpose, call.business_no)
        async with self._library.reading(caller) as reading:
            known = await offer.definition.answer(asked, reading)
        answer = trace.answered(known, reading.concerned)
        if known[WITHHELD] and not any(value for value in answer.values() if isinstance(value, list)):
            # To the platform this looks as if there were nothing: it may not learn that the document is known.
            trace.withheld = NAME_MISMATCH
        return answers.as_json(
            {
                "query": offer.label,
                "purpose": call.purpose,
                "as_of": plain(reading.as_of),
                "access_id": str(trace.access_id),
                "answer": answer,
            }
        )


def _path(request: Request) -> str:
    """As it was sent, with its query."""
    raw: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
