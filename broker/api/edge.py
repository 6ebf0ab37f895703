"""The outermost layer: counts every request, and lets no error out but as a problem document.

A failure is logged by its class and place. Its message and the variables around it are not: they may hold personal data.
For the audit two more are logged, with the token's id: who was turned away, and who asked about eligibility, answered or not,
since the access log has answers alone. Filings are kept by their decisions.
"""

import time
from typing import Any

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.problems import ProblemError
from broker.metrics import ServiceMetrics

ASKER = "qianbei.token_id"
"""Where a request's scope holds the id of its token, once that is known."""

AUDITED = "qianbei.audited"
"""Set in the scope of a request that is logged whatever its answer."""

_TURNED_AWAY = frozenset({401, 403, 429})


class Edge:
    """An ASGI application around another one."""

    def __init__(
        self, app: ASGIApp, metrics: ServiceMetrics, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics
        self._seconds = Histogram(
            "qianbei_request_seconds",
            "Time from the end of a request's headers to its answer",
            ["route", "status"],
            buckets=(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=metrics.registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun, status = time.monotonic(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - a service's edge: one request's failure is not everybody's
            # Starlette answers before it raises again; what failed before that is answered here.
            self._log.error(
                "request failed", kind=type(error).__name__, place=_place(error), route=_route(scope)
            )
            if not status:
                await failed().response()(scope, receive, sending)
        self._note(scope, status, time.monotonic() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._seconds.labels(route, str(status)).observe(seconds)
        self._metrics.handled(str(status))
        if status in _TURNED_AWAY or AUDITED in scope:
            client = scope.get("client") or ("unknown",)
            self._log.info("audit", route=route, status=status, token=scope.get(ASKER), client=str(client[0]))


def failed() -> ProblemError:
    """What is said of any failure of our own."""
    return ProblemError("failed", "an error of the exchange", "try again, then report it")


def _route(scope: Scope) -> str:
    """The route's pattern, never the path itself, which holds ids."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "none"))


def _place(error: BaseException) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "unknown" if at is None else f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
