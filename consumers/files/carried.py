"""The schemas that a batch carries: of each topic the newest, and all by which its records were written.

A file of kind ``schema`` is called ``<topic>.schema-<registry id>.avsc``; the last one of a topic is its newest.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.batches import BadBatch, OpenBatch
from broker.batches.errors import MAKE_ANEW
from schemas.said import said

Schema = dict[str, Any]
_NAME = re.compile(r"(?P<topic>.+)\.schema-(?P<id>[0-9]{1,10})\.avsc")


def file_name(topic: str, schema_id: int) -> str:
    """The name of a schema's file."""
    return f"{topic}.schema-{schema_id}.avsc"


@dataclass(frozen=True, slots=True)
class Carried:
    """Schemas by topic and registry id."""

    by_topic: Mapping[str, dict[int, Schema]] = field(default_factory=dict)

    @property
    def newest(self) -> dict[str, Schema]:
        """The newest schema of each topic."""
        return {topic: list(known.values())[-1] for topic, known in self.by_topic.items()}

    def schema(self, schema_id: int, /) -> Schema | None:
        """The schema of an id, whichever topic's it is; None if the batch carries none."""
        return next((known[schema_id] for known in self.by_topic.values() if schema_id in known), None)


def carried(batch: OpenBatch) -> Carried:
    """The schemas of a batch. Raises BadBatch for a file that is none."""
    found: dict[str, dict[int, Schema]] = {}
    for entry in batch.manifest.files:
        if entry.kind != "schema":
            continue
        where = f"{batch.path.name}/{entry.name}"
        match = _NAME.fullmatch(entry.name)
        if match is None or match["topic"] != entry.topic:
            raise BadBatch(
                "BAD_RECORD", where, said("its name is not <topic>.schema-<id>.avsc of its topic"), MAKE_ANEW
            )
        found.setdefault(match["topic"], {})[int(match["id"])] = _schema(batch.content(entry), where)
    return Carried(found)


def _schema(content: bytes, where: str) -> Schema:
    try:
        found = json.loads(content)
        if isinstance(found, dict) and found.get("type") == "record" and not _holds_itself(found, ()):
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BadBatch("BAD_RECORD", where, said("is no Avro schema of a record"), MAKE_ANEW)


def _holds_itself(type_: Any, within: tuple[str, ...]) -> bool:
    """Whether a type is defined by itself: a few bytes could then make a decoder descend without end."""
    if isinstance(type_, list):
        return any(_holds_itself(one, within) for one in type_)
    if isinstance(type_, str):
        return type_.rsplit(".", 1)[-1] in within
    if type_["type"] == "record":
        inner = (*within, str(type_["name"]).rsplit(".", 1)[-1])
        return any(_holds_itself(one["type"], inner) for one in type_["fields"])
    return _holds_itself(type_["items"] if type_["type"] == "array" else type_["type"], within)
