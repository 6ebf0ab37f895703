"""What the OpenAPI document says of queries: made from the entitlements and the Avro schemas, as answers are."""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.api.openapi import object_of, type_schema
from broker.api.openapi_paths import BODY_STATUSES, json_answer, problems, request_body
from broker.query.calls import FRAMES
from broker.query.cutting import selection
from broker.query.definition import Offer
from schemas.derive import Leaf, Pick, Schema, named_types
from schemas.entitlements import newest_schemas
from schemas.queries import Figure, FigureKind, Query, Records

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_FIGURES: Mapping[FigureKind, Json] = {
    FigureKind.BOOLEAN: {"type": ["boolean", "null"]},
    FigureKind.INTEGER: {"type": ["integer", "null"]},
    FigureKind.DECIMAL: {"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    FigureKind.TEXT: {"type": ["string", "null"]},
    FigureKind.TEXTS: {"type": ["array", "null"], "items": {"type": "string"}},
    FigureKind.DATE: {"type": ["string", "null"], "format": "date"},
    FigureKind.TIME: {"type": ["string", "null"], "format": "date-time"},
}


def path_of(group: str, query: Query) -> str:
    """Where a query is asked."""
    return f"/v1/query/{group}/{query.name}"


def paths(offers: Iterable[Offer]) -> Json:
    """One path a query."""
    return {path_of(offer.group, offer.query): {"post": _operation(offer)} for offer in offers}


def _operation(offer: Offer) -> Json:
    query, name = offer.query, _name(offer)
    return {
        "operationId": name,
        "tags": [offer.group],
        "summary": f"{query.purpose.zh} {query.purpose.en}",
        "description": f"依据：{query.legal_basis}。用途代码 {query.purpose.code}。仅限 {'、'.join(offer.departments)}，"
        f"每次调用均记入访问日志。\n\nLegal basis: {query.legal_basis}. Purpose {query.purpose.code}. "
        f"For {', '.join(offer.departments)} alone; every call is written to the access log.",
        "requestBody": request_body(name),
        "responses": {
            "200": json_answer(f"{name}_answer", "What stands now, cut to the purpose 按用途裁剪的当前结果"),
            **problems(*BODY_STATUSES),
        },
    }


def components(offers: Iterable[Offer]) -> Json:
    """A request and an answer a query, and what they refer to."""
    found: Json = {}
    schemas = newest_schemas()
    for offer in offers:
        asked = offer.definition.asked.model_json_schema(ref_template=_REF)
        frame = FRAMES[offer.query.number].model_json_schema(ref_template=_REF)
        found |= asked.pop("$defs", {}) | frame.pop("$defs", {})
        frame["properties"] |= {
            "asked": asked,
            "purpose": {"const": offer.query.purpose.code, "description": offer.query.purpose.zh},
        }
        found[_name(offer)] = frame
        found[f"{_name(offer)}_answer"] = answer_schema(offer, schemas)
    return found


def _name(offer: Offer) -> str:
    return f"query_{offer.group}_{offer.query.name}"


def answer_schema(offer: Offer, schemas: Mapping[str, Schema]) -> Json:
    """The body of an answer: the frame, and what the entitlement declares."""
    text = {"type": "string"}
    return object_of(
        {
            "query": {"const": offer.label},
            "purpose": {"const": offer.query.purpose.code},
            "as_of": {
                **text,
                "format": "date-time",
                "description": "查询时点 the instant that it is true of",
            },
            "access_id": {**text, "format": "uuid", "description": "访问日志编号 its row in the access log"},
            "answer": _content(offer.query, schemas),
        }
    )


def _content(query: Query, schemas: Mapping[str, Schema]) -> Json:
    properties: Json = {}
    for name, records in query.records.items():
        properties[name] = _list(_record(records, schemas[records.subject]))
    for path, figure in query.figures.items():
        head, _, inner = path.partition(".")
        if not inner:
            properties[head] = _figure(figure)
            continue
        item = properties.setdefault(head, _list(object_of({})))["items"]
        item["properties"][inner] = _figure(figure)
        item["required"].append(inner)
    return object_of(properties)


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _figure(figure: Figure) -> Json:
    return {**_FIGURES[figure.kind], "description": f"{figure.zh} {figure.en}"}


def _record(records: Records, schema: Schema) -> Json:
    by_name = {field["name"]: field for field in schema["fields"]}
    named: Json = {}
    for record in named_types(schema).values():
        type_schema(record, named, answered=True)
    return object_of({pick.name: _pick(pick, by_name, named) for pick in selection(records, schema)})


def _pick(pick: Pick, fields: Mapping[str, Schema], named: Json) -> Json:
    if not isinstance(pick, Leaf):
        inner = {field["name"]: field for field in pick.item["fields"]}
        item = object_of({one.name: _pick(one, inner, named) for one in pick.picks})
        found = _list(item) if pick.many else {**item, "type": ["object", "null"]}
        return {**found, "description": pick.field.get("doc", "")}
    field = fields[pick.source]
    if pick.protected or pick.mask:
        found = {"type": ["string", "null"]}
    else:
        found = dict(type_schema(["null", _plain(field["type"])], named, answered=True))
    masked = "（已遮盖）" if pick.mask else ""
    return {**found, "description": f"{field.get('doc', '')}{masked}"}


def _plain(kind: Any) -> Any:
    return next(branch for branch in kind if branch != "null") if isinstance(kind, list) else kind
