"""From a decision to an HTTP answer: its status, and its body as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from broker.admission.eligibility import Judgement
from broker.admission.reasons import REASONS, Reason
from broker.api.filing import Filing
from broker.api.problems import MEDIA_TYPE, NO_STORE, ProblemError

FIELD_STAGE = 3
"""The stage of a decision that judges values alone: what it refuses is wrong wherever and whenever it is sent."""

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is written."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        media = MEDIA_TYPE if self.status >= 400 else _JSON
        return Response(as_json(self.body), self.status, {**NO_STORE, **self.headers}, media)


def as_json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def decided(filing: Filing, sha256: str, decision: Mapping[str, Any], *, duplicate: bool) -> Reply:
    """The answer to a filing on whose event id this decision stands: 200, or a problem of 409 or 422."""
    if sha256 != filing.sha256:
        return of_problem(
            ProblemError(
                "event-id-reused",
                "event_id stands for a filing with other content, which was decided first",
                "give each event an id of its own; to send one again, send exactly the same content",
                decision=decision,
            )
        )
    if decision["outcome"] != "REFUSED":
        return Reply(200, {**decision, "duplicate": duplicate})
    refusing = [r["code"] for r in decision["reasons"] if r["severity"] == "REFUSE"]
    in_fields = all(code in REASONS and REASONS[code].stage == FIELD_STAGE for code in refusing)
    return of_problem(
        ProblemError(
            "invalid" if in_fields else "conflict",
            f"refused: {', '.join(refusing)}",
            "decision.reasons says why and by which law; a mended filing has a new event_id",
            decision=decision,
            duplicate=duplicate,
        )
    )


def pending(event_id: str) -> Reply:
    """The filing is safe in the intake, and its decision has not come in time."""
    where = {"Location": f"/v1/decisions/{event_id}", "Retry-After": "1"}
    return Reply(202, {"event_id": event_id, "outcome": "PENDING"}, where)


def judged(judgement: Judgement) -> Reply:
    """The answer to a question of eligibility."""
    return Reply(
        200,
        {
            "eligible": judgement.eligible,
            "reasons": [_reason(item) for item in judgement.reasons],
            "warnings": [_reason(item) for item in judgement.warnings],
            "as_of": judgement.as_of.isoformat().replace("+00:00", "Z"),
        },
    )


def of_problem(problem: ProblemError) -> Reply:
    return Reply(problem.status, problem.document(), problem.headers)


def _reason(item: Reason) -> dict[str, Any]:
    return {
        "code": item.code,
        "severity": item.severity.value,
        "zh": item.zh,
        "en": item.en,
        "legal_basis": item.legal_basis,
        "field": item.field,
        "evidence": [
            {"subject": e.subject, "entity_id": e.entity_id, "revision": e.revision} for e in item.evidence
        ],
        "rule_version": item.rule_version,
    }
