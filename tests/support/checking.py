"""Right records to spoil, and the codes that the field checks find in them."""

import copy
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from broker.admission.checks import Check, compile_checks
from broker.admission.reasons import Reason
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
NOW = datetime(2030, 1, 1, tzinfo=UTC)

Record = dict[str, Any]


@cache
def checks_of(subject: str) -> Check:
    """The compiled checks of a subject's newest schema."""
    return compile_checks(load_schema(subject, latest_version(subject)))


@cache
def _example(subject: str, name: str) -> Record:
    text = (EXAMPLES / subject / "v1" / f"{name}.json").read_text(encoding="utf-8")
    record: Record = from_json(load_schema(subject, latest_version(subject)), json.loads(text))
    return record


def good(subject: str, name: str, **changes: Any) -> Record:
    """A golden example, with fields changed; it shares nothing with other calls."""
    return copy.deepcopy(_example(subject, name)) | changes


def problems(subject: str, record: Record, now: datetime | None = NOW) -> list[Reason]:
    """What the checks find."""
    return checks_of(subject)(record, now)


def codes(subject: str, record: Record, now: datetime | None = NOW) -> list[tuple[str, str | None]]:
    """The code and the field of each reason."""
    return [(found.code, found.field) for found in problems(subject, record, now)]
