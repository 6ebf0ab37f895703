"""What the OpenAPI document says of the citizens' channel."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from broker.api.openapi import object_of
from broker.api.openapi_paths import BODY_STATUSES, json_answer, problems, request_body
from broker.gov.receipts import HEADER
from broker.query.definition import Offer
from broker.query.openapi import answer_schema
from schemas.derive import Schema

Json = dict[str, Any]

RECEIPT = "/v1/gov/receipts/{receipt_id}"
CATALOGUE = "/v1/gov/catalogue"
"""Of what there was first, the contracts; of each question at ``/v1/gov/catalogue/<name>``."""
SECURITY: Json = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "签名请求 signed requests: QIANBEI-HMAC-SM3 key=…, time=…, nonce=…, signature=…",
    }
}

_SIGNED: list[Json] = [{"signature": []}]
_REF = "#/components/schemas/{model}"


def path_of(offer: Offer) -> str:
    """Where a question of the platform is asked."""
    return f"/v1/gov/{offer.query.name}"


def paths(offers: Iterable[Offer]) -> Json:
    """Those of the questions, of receipts and of the catalogue."""
    asked = {path_of(offer): {"post": _operation(offer)} for offer in offers}
    items = {
        f"{CATALOGUE}/{offer.query.name}": _item(f"gov_catalogue_{offer.query.name}") for offer in offers
    }
    return {**asked, RECEIPT: {"get": _receipt()}, CATALOGUE: _item("gov_catalogue"), **items}


def _operation(offer: Offer) -> Json:
    query, name = offer.query, f"gov_{offer.query.name}"
    answer = json_answer(f"{name}_answer", query.purpose.zh)
    receipt = {
        "required": True,
        "schema": {"type": "string"},
        "description": "回执 the receipt of this answer",
    }
    return {
        "operationId": name,
        "tags": ["gov"],
        "security": _SIGNED,
        "summary": f"{query.purpose.zh} {query.purpose.en}",
        "description": f"依据：{query.legal_basis}。\n\nLegal basis: {query.legal_basis}.",
        "requestBody": request_body(f"{name}_call"),
        "responses": {
            "200": {**answer, "headers": {HEADER: receipt}},
            **problems(*BODY_STATUSES),
        },
    }


def _receipt() -> Json:
    return {
        "operationId": "gov_receipt",
        "tags": ["gov"],
        "security": _SIGNED,
        "summary": "再取回执 A receipt again",
        "parameters": [{"name": "receipt_id", "in": "path", "required": True, "schema": _text("uuid")}],
        "responses": {
            "200": json_answer("gov_receipt", "回执 the receipt"),
            **problems(400, 401, 404, 408, 413, 429, 503),
        },
    }


def _item(name: str) -> Json:
    return {
        "get": {
            "operationId": name,
            "tags": ["gov"],
            "security": [],
            "summary": "数据资源目录项 The catalogue item of this resource",
            "responses": {"200": json_answer("gov_catalogue", "目录项 the item")},
        }
    }


def components(offers: Iterable[Offer], call: type[BaseModel], schemas: Mapping[str, Schema]) -> Json:
    """The requests, the answers, and what they refer to."""
    content = {name: _text() for name in ("key", "algorithm", "business_no", "digest")}
    content |= {"receipt_id": _text("uuid"), "answered_at": _text("date-time")}
    found: Json = {
        "gov_receipt": object_of({"receipt": _text(), "content": object_of(content)}),
        "gov_catalogue": _catalogue(),
    }
    for offer in offers:
        name, purpose = f"gov_{offer.query.name}", offer.query.purpose
        frame = call.model_json_schema(ref_template=_REF)
        found |= frame.pop("$defs", {})
        frame["properties"]["purpose"] = {"const": purpose.code, "description": purpose.zh}
        found |= {f"{name}_call": frame, f"{name}_answer": answer_schema(offer, schemas)}
    return found


def _catalogue() -> Json:
    names = ("code", "name", "name_en", "department", "department_en", "summary", "summary_en")
    more = ("legal_basis", "sharing", "sharing_condition", "frequency", "format")
    flag = {"type": "boolean"}
    field = {name: _text() for name in ("name", "zh", "description", "type", "sharing")} | {"masked": flag}
    method = {name: _text() for name in ("kind", "protocol", "path", "signature")}
    return object_of(
        {
            **{name: _text() for name in (*names, *more)},
            "region": object_of({"code": _text(), "name": _text()}),
            "method": object_of(method),
            "input": {"type": "array", "items": object_of({"name": _text()})},
            "fields": {"type": "array", "items": object_of(field)},
        }
    )


def _text(form: str | None = None) -> Json:
    return {"type": "string"} | ({"format": form} if form else {})
