"""What the OpenAPI document says of the citizens' channel."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from broker.api.openapi import object_of
from broker.api.openapi_paths import BODY_STATUSES, json_answer, problems, request_body
from broker.gov.receipts import HEADER
from broker.query.definition import Offer
from broker.query.openapi import answer_schema
from schemas.derive import Schema

Json = dict[str, Any]

CONTRACTS = "/v1/gov/own_contracts"
RECEIPT = "/v1/gov/receipts/{receipt_id}"
CATALOGUE = "/v1/gov/catalogue"
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


def paths(offer: Offer) -> Json:
    """The three paths."""
    query = offer.query
    answer = json_answer("gov_answer", "本人合同 the citizen's own contracts")
    receipt = {
        "required": True,
        "schema": {"type": "string"},
        "description": "回执 the receipt of this answer",
    }
    return {
        CONTRACTS: {
            "post": {
                "operationId": "gov_own_contracts",
                "tags": ["gov"],
                "security": _SIGNED,
                "summary": f"{query.purpose.zh} {query.purpose.en}",
                "description": f"依据：{query.legal_basis}。\n\nLegal basis: {query.legal_basis}.",
                "requestBody": request_body("gov_call"),
                "responses": {
                    "200": {**answer, "headers": {HEADER: receipt}},
                    **problems(*BODY_STATUSES),
                },
            }
        },
        RECEIPT: {
            "get": {
                "operationId": "gov_receipt",
                "tags": ["gov"],
                "security": _SIGNED,
                "summary": "再取回执 A receipt again",
                "parameters": [
                    {"name": "receipt_id", "in": "path", "required": True, "schema": _text("uuid")}
                ],
                "responses": {
                    "200": json_answer("gov_receipt", "回执 the receipt"),
                    **problems(400, 401, 404, 408, 413, 429, 503),
                },
            }
        },
        CATALOGUE: {
            "get": {
                "operationId": "gov_catalogue",
                "tags": ["gov"],
                "security": [],
                "summary": "数据资源目录项 The catalogue item of this resource",
                "responses": {"200": json_answer("gov_catalogue", "目录项 the item")},
            }
        },
    }


def components(offer: Offer, call: type[BaseModel], schemas: Mapping[str, Schema]) -> Json:
    """The request, the answers, and what they refer to."""
    frame = call.model_json_schema(ref_template=_REF)
    defined = frame.pop("$defs", {})
    frame["properties"]["purpose"] = {
        "const": offer.query.purpose.code,
        "description": offer.query.purpose.zh,
    }
    content = object_of(
        {
            "receipt_id": _text("uuid"),
            "key": _text(),
            "algorithm": _text(),
            "business_no": _text(),
            "digest": _text(),
            "answered_at": _text("date-time"),
        }
    )
    return {
        **defined,
        "gov_call": frame,
        "gov_answer": answer_schema(offer, schemas),
        "gov_receipt": object_of({"receipt": _text(), "content": content}),
        "gov_catalogue": _catalogue(),
    }


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
