"""What is answered when a request cannot be served: problem documents (RFC 9457) that say what, where and how to mend.

No problem ever holds a value of the request: paths, codes and kinds of value alone.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from broker.errors import QianbeiError
from schemas.jsonform import Problem as FieldProblem

MEDIA_TYPE = "application/problem+json"
URN = "urn:qianbei:problem:"
NO_STORE = {"Cache-Control": "no-store"}
_SHOWN = 50

TITLES: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "unauthorized": (401, "No valid token"),
    "forbidden": (403, "The token does not allow this"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This address does not take this method"),
    "timeout": (408, "The request took too long to arrive"),
    "conflict": (409, "Refused: it does not go with what stands"),
    "event-id-reused": (409, "The event id was used for other content"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The body must be JSON"),
    "invalid": (422, "The content is not as it must be"),
    "too-many-requests": (429, "Too many requests"),
    "headers-too-large": (431, "The request's headers are too large"),
    "failed": (500, "An error of the exchange"),
    "unavailable": (503, "The exchange cannot answer now"),
}
"""Every kind of problem, with its status and title. Kinds are never renamed."""


class ProblemError(QianbeiError):
    """A request that ends with a problem document. ``more`` holds members of its own, such as the decision."""

    def __init__(
        self,
        kind: str,
        detail: str,
        mend: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.kind = kind
        self.status, self.title = TITLES[kind]
        self.detail = detail
        self.mend = mend
        self.headers = dict(headers or {})
        self.more = more
        super().__init__(f"{self.status} {kind}: {detail}")

    def document(self) -> dict[str, Any]:
        """The problem as a JSON object."""
        return {
            "type": URN + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "mend": self.mend,
        } | self.more

    def response(self) -> Response:
        """The problem as an HTTP answer."""
        body = json.dumps(self.document(), ensure_ascii=False).encode()
        return Response(body, self.status, {**NO_STORE, **self.headers}, MEDIA_TYPE)


def invalid(problems: Iterable[FieldProblem]) -> ProblemError:
    """A body whose fields are wrong, each with its path and how to mend it."""
    found = list(problems)
    listed = [{"path": p.path, "what": p.what, "how": p.how} for p in found[:_SHOWN]]
    return ProblemError(
        "invalid", f"{len(found)} fields are wrong", "mend the fields that are listed", problems=listed
    )


def unavailable(what: str, *, retry_after_s: int = 1) -> ProblemError:
    """Something that the answer needs does not work now; the same request may be sent again."""
    return ProblemError(
        "unavailable",
        what,
        "send it again; a filing keeps its event_id and is never decided twice, a signed request is signed anew",
        headers={"Retry-After": str(retry_after_s)},
    )
