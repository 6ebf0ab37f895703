"""The OpenAPI document. Filings and decisions are generated from the Avro schemas, so they cannot say anything else."""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.api.annex import Annex
from broker.api.limits import Limits
from broker.api.openapi_paths import paths
from broker.api.problems import TITLES, URN
from broker.api.questions import QuestionForm
from schemas.catalogue import INTERNAL, Catalogue
from schemas.codelists import code_list
from schemas.files import Schema, latest_version, load_schema
from schemas.jsonvalues import ENVELOPE

Json = dict[str, Any]

_ENUM_LIMIT = 60
_LEAVES: Mapping[str, Json] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(1 << 31), "maximum": (1 << 31) - 1},
    "long": {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "date": {"type": "string", "format": "date"},
    "timestamp-micros": {"type": "string", "format": "date-time"},
}


def subjects_to_file(catalogue: Catalogue) -> list[str]:
    """The subjects that some principal may send."""
    sent = {s for p in catalogue.principals.values() if p.name != INTERNAL for s in p.sends}
    return [subject for subject in catalogue.subjects if subject in sent]


def document(catalogue: Catalogue, version: str, limits: Limits, annexes: Iterable[Annex] = ()) -> Json:
    """The whole document, as JSON types."""
    annexes = list(annexes)
    subjects = subjects_to_file(catalogue)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Qianbei front door 签备",
            "version": version,
            "description": "File an event of a housing contract and get its decision at once; ask before signing. "
            "报送房屋网签备案事件并即时取得决定；签约前查询资格。",
        },
        "security": [{"token": []}],
        "paths": paths(catalogue, subjects, limits.batch_items)
        | {path: item for annex in annexes for path, item in annex.paths().items()},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}
            | {name: scheme for annex in annexes for name, scheme in annex.security_schemes().items()},
            "schemas": _components(catalogue, subjects, limits)
            | {name: schema for annex in annexes for name, schema in annex.schemas().items()},
        },
    }


def _components(catalogue: Catalogue, subjects: Iterable[str], limits: Limits) -> Json:
    filings = {f"{subject}_filing": filing_schema(catalogue, subject) for subject in subjects}
    decision = _record(load_schema("decision", latest_version("decision")), answered=True)
    reason = decision["properties"]["reasons"]["items"]
    question = QuestionForm.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        **filings,
        **question.pop("$defs", {}),
        "question": question,
        "decision": decision,
        "answer": {
            **decision,
            "properties": {**decision["properties"], "duplicate": {"type": "boolean"}},
            "required": [*decision["required"], "duplicate"],
        },
        "judgement": _judgement(reason),
        "pending": _pending(),
        "problem": _problem(decision),
        "batch": _batch(subjects, limits),
        "batch_answer": _batch_answer(),
        "health": object_of({"status": {"type": "string", "enum": ["ok", "unavailable"]}}),
    }


# --- from Avro ------------------------------------------------------------------------------------------------------


def filing_schema(catalogue: Catalogue, subject: str) -> Json:
    """The JSON Schema of a filing: the fields that a source fills."""
    found = _record(load_schema(subject, latest_version(subject)), answered=False)
    words = catalogue.subject(subject)
    found["title"] = f"{words.zh} {words.en}"
    found["properties"]["event_type"]["enum"] = list(words.source_event_types)
    found["properties"]["event_id"]["pattern"] = (
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    )
    # The token says who sends; who writes it all the same may write no other.
    found["properties"]["source"]["enum"] = [name for name in catalogue.principals if name != INTERNAL]
    found["required"].remove("source")
    return found


def _record(schema: Schema, *, answered: bool) -> Json:
    named: dict[str, Json] = {}
    return _named_record(schema, named, answered=answered)


def _named_record(schema: Schema, named: dict[str, Json], *, answered: bool) -> Json:
    fields = [f for f in schema["fields"] if answered or f.get("owner") != "exchange"]
    if tuple(f["name"] for f in schema["fields"]) == ENVELOPE:
        found: Json = {"type": "string"}
    else:
        found = {
            "type": "object",
            "additionalProperties": False,
            "properties": {f["name"]: _field(f, named, answered=answered) for f in fields},
            # What is answered holds every field; of what is sent, those with a default may be left out.
            "required": [f["name"] for f in fields if answered or "default" not in f],
        }
    named[schema["name"].rpartition(".")[2]] = found
    return found


def _field(field: Schema, named: dict[str, Json], *, answered: bool) -> Json:
    found = dict(type_schema(field["type"], named, answered=answered))
    if "doc" in field:
        found["description"] = field["doc"]
    if not answered:
        _limit(found, field)
        if "default" in field:
            found["default"] = field["default"]
    return found


def _limit(found: Json, field: Schema) -> None:
    kinds = found.get("type")
    target = found["items"] if kinds == "array" or (isinstance(kinds, list) and "array" in kinds) else found
    is_text = "string" in (target.get("type") or ()) and "pattern" not in target
    if is_text:
        target |= {
            out: field[name]
            for name, out in (("min_length", "minLength"), ("max_length", "maxLength"))
            if name in field
        }
    found |= {
        out: field[name]
        for name, out in (("min_items", "minItems"), ("max_items", "maxItems"))
        if name in field
    }
    if "code_list" in field and len(code_list(field["code_list"])) <= _ENUM_LIMIT:
        codes = sorted(code_list(field["code_list"]).codes)
        target["enum"] = [*codes, None] if isinstance(target.get("type"), list) else codes


def type_schema(kind: Any, named: dict[str, Json], *, answered: bool) -> Json:
    """The JSON Schema of an Avro type; ``named`` holds the records that were met before."""
    if isinstance(kind, list):
        inner = dict(type_schema(next(k for k in kind if k != "null"), named, answered=answered))
        inner["type"] = [inner["type"], "null"]
        return inner
    if isinstance(kind, str):
        return dict(_LEAVES.get(kind) or named[kind.rpartition(".")[2]])
    if kind["type"] == "record":
        return _named_record(kind, named, answered=answered)
    if kind["type"] == "array":
        return {"type": "array", "items": dict(type_schema(kind["items"], named, answered=answered))}
    if kind.get("logicalType") == "decimal":
        whole, scale = kind["precision"] - kind["scale"], kind["scale"]
        return {"type": "string", "pattern": rf"^-?[0-9]{{1,{whole}}}(\.[0-9]{{1,{scale}}})?$"}
    return dict(_LEAVES[kind.get("logicalType", kind["type"])])


# --- the front door's own -------------------------------------------------------------------------------------------


def object_of(properties: Json, required: Iterable[str] | None = None, *, more: bool = False) -> Json:
    """The schema of an object, all of whose properties are required unless it is said which."""
    return {
        "type": "object",
        "additionalProperties": more,
        "properties": properties,
        "required": list(properties if required is None else required),
    }


def _judgement(reason: Json) -> Json:
    reasons = {"type": "array", "items": reason}
    return object_of(
        {
            "eligible": {"type": "boolean"},
            "reasons": reasons,
            "warnings": reasons,
            "as_of": {"type": "string", "format": "date-time"},
        }
    )


def _pending() -> Json:
    return object_of({"event_id": {"type": "string", "format": "uuid"}, "outcome": {"const": "PENDING"}})


def _problem(decision: Json) -> Json:
    text = {"type": "string"}
    own = {
        "type": {"type": "string", "enum": [URN + kind for kind in TITLES]},
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "mend": {"type": "string", "description": "How to mend it."},
    }
    more = {
        "problems": {"type": "array", "items": object_of({"path": text, "what": text, "how": text})},
        "decision": decision,
        "duplicate": {"type": "boolean"},
    }
    return object_of(own | more, own)


def _batch(subjects: Iterable[str], limits: Limits) -> Json:
    # One schema for all: of a wrong filing only itself is refused, so a filing's form is not that of the batch.
    item = object_of(
        {
            "subject": {"type": "string", "enum": list(subjects)},
            "filing": {"type": "object", "description": "As POST /v1/filings/{subject} takes it."},
        }
    )
    return {"type": "array", "minItems": 1, "maxItems": limits.batch_items, "items": item}


def _batch_answer() -> Json:
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in ("answer", "pending", "problem")]
    item = object_of({"status": {"type": "integer"}, "body": {"anyOf": refs}})
    return {"type": "array", "items": item}
