"""More than filings on the same application: an annex brings routes of its own and its part of the one document."""

from typing import Any, Protocol

from fastapi import FastAPI
from starlette.requests import Request

from broker.api.access import TokenBook, require
from broker.api.edge import ASKER
from broker.api.limits import Limits, RateLimiter
from broker.api.tokens import Token


class Entrance:
    """What every request passes before anything of its body is read."""

    def __init__(self, book: TokenBook, limits: Limits) -> None:
        self.limits = limits
        self.rates = RateLimiter(limits)
        self._book = book

    def known(self, request: Request) -> Token:
        """Whose token it is. Raises ProblemError 401 or 429."""
        token = self._book.owner(request.headers.get("authorization"))
        request.scope[ASKER] = token.token_id
        self.rates.take(token.token_id)
        return token

    def enter(self, request: Request, action: str, subject: str | None = None) -> Token:
        """A token that allows the action. Raises ProblemError 401, 403 or 429."""
        token = self.known(request)
        require(token, action, subject)
        return token


class Annex(Protocol):
    """Routes, and what the OpenAPI document says of them."""

    def mount(self, app: FastAPI, entrance: Entrance) -> None:
        """Add the routes."""

    def paths(self) -> dict[str, Any]:
        """The path items by path."""

    def schemas(self) -> dict[str, Any]:
        """Components by name: names that no other part of the document has."""

    def security_schemes(self) -> dict[str, Any]:
        """Ways of showing who asks, by name, beside the token."""
