"""The paths of the OpenAPI document: what is asked, and every status that may come back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from broker.api.problems import MEDIA_TYPE, TITLES
from broker.protected import party_lists
from schemas.catalogue import Catalogue
from schemas.files import FOLDER, latest_version, load_schema

Json = dict[str, Any]

EXAMPLES = FOLDER.with_name("examples")
DEFAULT_WAIT_MS, MAX_WAIT_MS = 5_000, 30_000

BODY_STATUSES = (400, 401, 403, 408, 413, 415, 422, 429, 503)


def paths(catalogue: Catalogue, subjects: Iterable[str], batch_items: int) -> Json:
    """All paths."""
    return {
        **{f"/v1/filings/{subject}": {"post": _file(catalogue, subject)} for subject in subjects},
        "/v1/filings:batch": {"post": _batch(batch_items)},
        "/v1/decisions/{event_id}": {"get": _decision()},
        "/v1/eligibility": {"post": _eligibility()},
        "/healthz": {"get": _health()},
    }


def _file(catalogue: Catalogue, subject: str) -> Json:
    words = catalogue.subject(subject)
    return {
        "operationId": f"file_{subject}",
        "summary": f"File: {words.en} 报送：{words.zh}",
        "parameters": [_wait(DEFAULT_WAIT_MS)],
        "requestBody": request_body(f"{subject}_filing", _examples(catalogue, subject)),
        "responses": {
            "200": json_answer("answer", "Accepted, now or before (duplicate)."),
            "202": {
                **json_answer("pending", "Safe in the intake and not decided yet: ask at Location."),
                "headers": _headers("Location", "Retry-After"),
            },
            **problems(*BODY_STATUSES, 409),
        },
    }


def _batch(most: int) -> Json:
    return {
        "operationId": "file_batch",
        "summary": f"File up to {most} events, in their order; one result each, in the same order 批量报送",
        "parameters": [_wait(DEFAULT_WAIT_MS)],
        "requestBody": request_body("batch"),
        "responses": {"200": json_answer("batch_answer", "One result an item."), **problems(*BODY_STATUSES)},
    }


def _decision() -> Json:
    event_id = {"name": "event_id", "in": "path", "required": True}
    return {
        "operationId": "decision",
        "summary": "The decision on an event of one's own 查询决定",
        "parameters": [{**event_id, "schema": {"type": "string", "format": "uuid"}}, _wait(0)],
        "responses": {
            "200": json_answer("decision", "The decision."),
            **problems(400, 401, 403, 404, 422, 429, 503),
        },
    }


def _eligibility() -> Json:
    return {
        "operationId": "eligibility",
        "summary": "Ask before signing what the rules would hold against a contract 签约前资格查询",
        "requestBody": request_body("question"),
        "responses": {
            "200": json_answer("judgement", "As of this moment, without effect."),
            **problems(*BODY_STATUSES),
        },
    }


def _health() -> Json:
    return {
        "operationId": "health",
        "summary": "Whether the front door and its servers answer",
        "security": [],
        "responses": {
            "200": json_answer("health", "They do."),
            "503": json_answer("health", "One of them does not."),
        },
    }


def _wait(default: int) -> Json:
    schema = {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_MS, "default": default}
    return {
        "name": "wait_ms",
        "in": "query",
        "description": "How long to wait for the decision, in milliseconds.",
        "schema": schema,
    }


def request_body(name: str, examples: Json | None = None) -> Json:
    """A required JSON body of a component schema."""
    content = {"schema": _ref(name)} | ({"examples": examples} if examples else {})
    return {"required": True, "content": {"application/json": content}}


def _examples(catalogue: Catalogue, subject: str) -> Json:
    """The golden examples of a subject that a source may send, without what the exchange fills."""
    schema = load_schema(subject, latest_version(subject))
    owned = {f["name"] for f in schema["fields"] if f.get("owner") == "exchange"}
    parties = party_lists(schema)
    found: Json = {}
    for path in sorted(EXAMPLES.glob(f"{subject}/v*/*.json")):
        example = json.loads(path.read_text(encoding="utf-8"))
        if example["event_type"] in catalogue.subject(subject).source_event_types:
            value = {name: given for name, given in example.items() if name not in owned}
            unnamed = {name: [_without_ref(p) for p in value[name]] for name in parties if value.get(name)}
            found[path.stem] = {"value": value | unnamed}
    return found


def _without_ref(party: Json) -> Json:
    return {name: given for name, given in party.items() if name != "party_ref"}


def json_answer(name: str, description: str) -> Json:
    """An answer of a component schema."""
    return {"description": description, "content": {"application/json": {"schema": _ref(name)}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def problems(*statuses: int) -> Json:
    """The problem documents of these statuses."""
    return {str(status): _problem(status) for status in sorted(statuses)}


def _problem(status: int) -> Json:
    titles = [title for code, title in TITLES.values() if code == status]
    found: Json = {
        "description": "; ".join(titles),
        "content": {MEDIA_TYPE: {"schema": _ref("problem")}},
    }
    needed: Mapping[int, str] = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    return found | ({"headers": _headers(needed[status])} if status in needed else {})


def _headers(*names: str) -> Json:
    return {name: {"required": True, "schema": {"type": "string"}} for name in names}
