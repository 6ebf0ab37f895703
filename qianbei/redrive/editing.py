"""A quarantined record to be edited, and the edited one: as an event in JSON form, or as bytes."""

from pathlib import Path
from typing import Any

from broker.codec import Decoder
from broker.errors import ConfigError, DecodeError
from broker.registry import Registry
from broker.released import encode_newest, intake_subject
from producers.events import InvalidEvent, checked_record
from producers.jsonlines import parsed_line
from qianbei.inspect.quarantine import Quarantined
from schemas.catalogue import INTERNAL, Catalogue
from schemas.files import latest_version, load_schema
from schemas.jsonform import Problem, to_json
from schemas.said import said


def as_event(one: Quarantined, decoder: Decoder) -> dict[str, Any]:
    """The record as an event with its subject, as ``qianbei publish`` takes it. Raises ConfigError if it is none."""
    try:
        subject, body = decoder.decode(one.value)
    except DecodeError as error:
        raise ConfigError(
            said(
                "{place} holds no event ({code}): write its bytes to a file with --bytes, or the event anew",
                place=one.place,
                code=error.code,
            )
        ) from None
    return {"subject": subject} | to_json(load_schema(subject, latest_version(subject)), body)


def edited_bytes(path: Path, principal: str, catalogue: Catalogue, registry: Registry) -> bytes:
    """What to send for an edited file: bytes as they are, an event in JSON form encoded by its newest schema.

    Raises ConfigError for a file that cannot be read, InvalidEvent with all problems of an event.
    """
    if principal == INTERNAL:
        raise ConfigError(said("what the exchange asks of itself is redriven as it is, or not at all"))
    given = _read(path)
    if not given.lstrip().startswith(b"{"):
        return given
    event = parsed_line(given)
    subject = event.pop("subject", None)
    if not isinstance(subject, str):
        raise InvalidEvent(
            [Problem("subject", "missing", said("give it as `qianbei quarantine show --event` does"))]
        )
    record = checked_record(catalogue, principal, subject, event)
    return encode_newest(registry, intake_subject(subject))(record)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            said("{path} cannot be read: {strerror}", path=path, strerror=error.strerror)
        ) from None
