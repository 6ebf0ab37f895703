"""The document says what the door does: its schemas take our examples, and its problems are all there are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import schemas
from broker.api.limits import Limits
from broker.api.openapi import document, subjects_to_file
from broker.api.problems import TITLES, URN, ProblemError, invalid, unavailable
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema
from schemas.jsonform import Problem, from_json, to_json

EXAMPLES = Path(schemas.__file__).with_name("examples")
CATALOGUE = load_catalogue()
DOCUMENT = document(CATALOGUE, "1", Limits())
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "post")


def validator(name: str) -> Any:
    whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole)


def every(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from every(one)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        yield from ((path, item[method]) for method in METHODS if method in item)


def test_it_is_json_and_every_reference_leads_somewhere() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT
    references = {one["$ref"] for one in every(DOCUMENT) if isinstance(one, dict) and "$ref" in one}
    assert references <= {f"#/components/schemas/{name}" for name in SCHEMAS}
    for name in SCHEMAS:
        validator(name)


@pytest.mark.parametrize("subject", subjects_to_file(CATALOGUE))
def test_a_filing_schema_takes_the_examples_and_nothing_that_the_exchange_fills(subject: str) -> None:
    check = validator(f"{subject}_filing")
    examples = DOCUMENT["paths"][f"/v1/filings/{subject}"]["post"]["requestBody"]["content"][
        "application/json"
    ]["examples"]
    assert examples
    for one in examples.values():
        check.validate(one["value"])
        assert not check.is_valid(one["value"] | {"revision": 1})
        parties = one["value"].get("parties")
        if parties:
            assert not check.is_valid(one["value"] | {"parties": [parties[0] | {"party_ref": "x"}]})
        assert not check.is_valid(one["value"] | {"event_id": "x"})
        assert not check.is_valid({k: v for k, v in one["value"].items() if k != "event_id"})


def answered(decision: dict[str, Any]) -> dict[str, Any]:
    """As the door answers it: with every field."""
    schema = load_schema("decision", latest_version("decision"))
    return to_json(schema, from_json(schema, decision))


def test_a_decision_schema_takes_the_examples() -> None:
    for path in EXAMPLES.glob("decision/v2/*.json"):
        decision = answered(json.loads(path.read_text(encoding="utf-8")))
        validator("decision").validate(decision)
        validator("answer").validate(decision | {"duplicate": False})


def test_every_kind_of_problem_is_documented_and_fits_its_schema() -> None:
    check = validator("problem")
    for kind, (status, title) in TITLES.items():
        document_ = ProblemError(kind, "what", "how").document()
        check.validate(document_)
        assert document_ == {
            "type": URN + kind,
            "title": title,
            "status": status,
            "detail": "what",
            "mend": "how",
        }
    check.validate(invalid([Problem("a", "b", "c")]).document())
    check.validate(unavailable("x").document())


def test_what_needs_a_token_says_401_403_and_429_and_only_health_needs_none() -> None:
    for path, operation in operations():
        answers = operation["responses"]
        if path == "/healthz":
            assert operation["security"] == []
        else:
            assert {"401", "403", "429", "503"} <= answers.keys(), path
        assert not {"500", "default"} & answers.keys()
        for status, answer in answers.items():
            media = set(answer["content"])
            assert media == ({"application/problem+json"} if status >= "4" and path != "/healthz" else media)


def test_many_problems_are_counted_and_only_the_first_are_listed() -> None:
    found = invalid(Problem(str(n), "x", "y") for n in range(200)).document()
    assert found["detail"] == "200 fields are wrong"
    assert len(found["problems"]) == 50


def test_a_problem_is_answered_as_its_media_type_and_is_not_kept() -> None:
    answer = unavailable("x").response()
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "1"
