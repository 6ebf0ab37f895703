"""The HTTP of the front door: routes, and one form for every error."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from broker.api import answers
from broker.api.access import TokenBook, require
from broker.api.annex import Annex, Entrance
from broker.api.answers import Reply
from broker.api.bodies import read_json
from broker.api.doorway import Doorway, submit, submit_all
from broker.api.edge import AUDITED, failed
from broker.api.filing import Filing
from broker.api.limits import Limits
from broker.api.openapi import document, subjects_to_file
from broker.api.openapi_paths import DEFAULT_WAIT_MS, MAX_WAIT_MS
from broker.api.problems import ProblemError, invalid, unavailable
from broker.api.questions import read_question
from broker.api.tokens import ASK, FILE, READ, Token
from broker.errors import Unavailable
from schemas.catalogue import Catalogue
from schemas.jsonform import Problem

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WHOLE = re.compile(r"[0-9]{1,6}")


def create_app(
    door: Doorway, book: TokenBook, limits: Limits, version: str, annexes: Sequence[Annex] = ()
) -> FastAPI:
    """The application. It holds nothing of its own but the rates of tokens."""
    entrance = Entrance(book, limits)
    routes = Routes(door, entrance)
    # No page of documentation: such pages load their scripts from elsewhere.
    app = FastAPI(
        title="Qianbei front door", version=version, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    openapi = document(door.forms.catalogue, version, limits, annexes)
    app.openapi = lambda: openapi  # type: ignore[method-assign]
    for subject in subjects_to_file(door.forms.catalogue):
        app.add_api_route(f"/v1/filings/{subject}", routes.filer(subject), methods=["POST"])
    app.add_api_route("/v1/filings:batch", routes.file_batch, methods=["POST"])
    app.add_api_route("/v1/decisions/{event_id}", routes.decision, methods=["GET"])
    app.add_api_route("/v1/eligibility", routes.eligibility, methods=["POST"])
    app.add_api_route("/healthz", routes.health, methods=["GET"])
    for annex in annexes:
        annex.mount(app, entrance)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)
    return app


class Routes:
    """What each route does."""

    def __init__(self, door: Doorway, entrance: Entrance) -> None:
        self._door = door
        self._entrance = entrance
        self._limits = entrance.limits

    def filer(self, subject: str) -> Callable[[Request], Awaitable[Response]]:
        """The route of one subject."""

        async def file(request: Request) -> Response:
            token = self._entrance.enter(request, FILE, subject)
            seconds = wait_s(request, DEFAULT_WAIT_MS)
            event = await read_json(request, self._limits.body_bytes, self._limits.body_s)
            self._require_room(1)
            filing = self._door.forms.filing(token, subject, event)
            return (await submit(self._door, filing, seconds)).response()

        return file

    async def file_batch(self, request: Request) -> Response:
        token = self._entrance.enter(request, FILE)
        seconds = wait_s(request, DEFAULT_WAIT_MS)
        body = await read_json(request, self._limits.batch_bytes, self._limits.batch_s)
        _require_batch(body, self._door.forms.catalogue, self._limits.batch_items)
        self._entrance.rates.take(token.token_id, len(body) - 1)
        self._require_room(len(body))
        # A long batch would hold up everybody else for as long as it takes to check.
        items = await asyncio.to_thread(lambda: [self._item(token, item) for item in body])
        filings = [item for item in items if isinstance(item, Filing)]
        replies = iter(await submit_all(self._door, filings, seconds))
        results = [next(replies) if isinstance(item, Filing) else item for item in items]
        return Response(
            answers.as_json([{"status": r.status, "body": r.body} for r in results]),
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    def _item(self, token: Token, item: Any) -> Filing | Reply:
        try:
            return self._door.forms.filing(token, item["subject"], item["filing"])
        except ProblemError as problem:
            return answers.of_problem(problem)

    async def decision(self, request: Request, event_id: str) -> Response:
        token = self._entrance.enter(request, READ)
        seconds = wait_s(request, 0)
        found = None
        if _UUID.fullmatch(event_id):
            self._require_room(1)
            key = (token.principal, event_id)
            found = await self._door.look(key)
            if found is None and seconds:
                found = await self._door.wait(key, seconds)
        if found is None:
            raise ProblemError(
                "not-found",
                "no decision on an event of yours with this id",
                "ask again in a moment if it was answered 202; ids are UUIDs in lower case",
            )
        return Reply(200, self._door.read(found)).response()

    async def eligibility(self, request: Request) -> Response:
        request.scope[AUDITED] = True
        token = self._entrance.enter(request, ASK)
        form = read_question(await read_json(request, self._limits.body_bytes, self._limits.body_s))
        require(token, ASK, form.subject)
        return answers.judged(await self._door.judge(form.question(token.principal), token)).response()

    async def health(self) -> Response:
        if self._door.healthy:
            return Reply(200, {"status": "ok"}).response()
        return Response(answers.as_json({"status": "unavailable"}), 503, media_type="application/json")

    def _require_room(self, count: int) -> None:
        if self._door.waiting + count > self._limits.waiting:
            raise unavailable("too many filings wait for their decision")


def _require_batch(body: Any, catalogue: Catalogue, most: int) -> None:
    """The form of the whole; each filing in it is judged by itself. Raises ProblemError 422: then nothing is written."""
    if not isinstance(body, list) or not 1 <= len(body) <= most:
        how = f"send a list of 1 to {most} objects with subject and filing"
        raise invalid([Problem("", "no list of filings, or one of a wrong length", how)])
    subjects = subjects_to_file(catalogue)
    wrong = [n for n, item in enumerate(body) if not _is_item(item, subjects)]
    if wrong:
        how = f"send subject, one of {', '.join(subjects)}, and filing, an object"
        raise invalid(Problem(f"[{n}]", "no object of subject and filing", how) for n in wrong)


def _is_item(item: Any, subjects: Collection[str]) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() == {"subject", "filing"}
        and isinstance(item["subject"], str)
        and item["subject"] in subjects
        and isinstance(item["filing"], dict)
    )


def wait_s(request: Request, default_ms: int) -> float:
    """How long to wait, in seconds. Raises ProblemError 422."""
    given = request.query_params.getlist("wait_ms")
    text = given[-1] if given else str(default_ms)
    if len(given) > 1 or not _WHOLE.fullmatch(text) or int(text) > MAX_WAIT_MS:
        raise invalid(
            [Problem("wait_ms", "no number of milliseconds", f"write a number from 0 to {MAX_WAIT_MS}")]
        )
    return int(text) / 1000


async def _on_problem(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ProblemError)
    return problem.response()


async def _on_unavailable(_request: Request, _error: Exception) -> Response:
    # The error names servers and users, which are not for a client.
    return unavailable("a server of the exchange does not answer").response()


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == 405:
        return ProblemError(
            "method-not-allowed", "another method is needed here", "see /openapi.json", headers=headers
        ).response()
    return ProblemError(
        "not-found", "there is no such address", "see /openapi.json for all", headers=headers
    ).response()


async def _on_failure(_request: Request, _error: Exception) -> Response:
    # It is raised again after this answer, and logged at the edge.
    return failed().response()
