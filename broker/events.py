"""What a source may send: an event in JSON form, checked against its schema and the catalogue before it is written."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from broker.errors import ConfigError, QianbeiError
from broker.protected import party_lists
from schemas.catalogue import Catalogue, UnknownNameError
from schemas.files import latest_version, load_schema
from schemas.jsonform import JsonFormError, Problem, from_json
from schemas.said import joined, said

_SHOWN = 20


class InvalidEvent(QianbeiError):
    """An event that must not be sent. ``problems`` says where, what and how to mend it; never a personal value."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        left = len(self.problems) - _SHOWN
        more = [said("and {left} more", left=left)] if left > 0 else []
        super().__init__(joined("\n", [*self.problems[:_SHOWN], *more]))


def checked_record(
    catalogue: Catalogue, principal: str, subject: str, event: Mapping[str, Any]
) -> dict[str, Any]:
    """The record of an event in JSON form. Raises InvalidEvent with all problems of its first wrong stage."""
    sends = sendable(catalogue, principal)
    if subject not in sends:
        raise InvalidEvent(
            [
                Problem(
                    "subject",
                    said("{principal} sends no {subject}", principal=principal, subject=subject),
                    said("it may send {sends}", sends=", ".join(sorted(sends))),
                )
            ]
        )
    schema = load_schema(subject, latest_version(subject))
    try:
        record = from_json(schema, {"source": principal, **event})
    except JsonFormError as error:
        raise InvalidEvent(error.problems) from None
    problems = [*_envelope_problems(principal, sends[subject], record), *_owned_problems(subject, record)]
    problems += _status_problems(catalogue, subject, record)
    if problems:
        raise InvalidEvent(problems)
    return record


def _envelope_problems(
    principal: str, event_types: Iterable[str], record: Mapping[str, Any]
) -> Iterable[Problem]:
    if record["source"] != principal:
        yield Problem(
            "source",
            said("another source than the one that sends"),
            said("write {principal}, or leave it out", principal=principal),
        )
    if record["event_type"] not in event_types:
        yield Problem(
            "event_type",
            said("not an event that this source may send"),
            said("use one of {event_types}", event_types=", ".join(sorted(event_types))),
        )
    if not _is_uuid(record["event_id"]):
        yield Problem(
            "event_id",
            said("text that is no UUID"),
            said("write it as 8-4-4-4-12 hexadecimal digits in lower case"),
        )
    if record["version"] < 1:
        yield Problem("version", said("a number below 1"), said("count the events of this entity from 1"))


@cache
def _owned(subject: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a subject that the exchange fills, and its lists of parties, whose references it fills too."""
    schema = load_schema(subject, latest_version(subject))
    fields = tuple(field["name"] for field in schema["fields"] if field.get("owner") == "exchange")
    return fields, party_lists(schema)


def _owned_problems(subject: str, record: Mapping[str, Any]) -> Iterable[Problem]:
    fields, lists = _owned(subject)
    given = [name for name in fields if record[name] is not None]
    for name in lists:
        parties = record[name] or ()
        given += [f"{name}[{n}].party_ref" for n, one in enumerate(parties) if one["party_ref"] is not None]
    for path in given:
        yield Problem(path, said("a field that the exchange fills"), said("leave it out"))


def _status_problems(catalogue: Catalogue, subject: str, record: Mapping[str, Any]) -> Iterable[Problem]:
    if "contract_status" not in record:
        return
    try:
        wanted = catalogue.transition(subject, record["event_type"]).to
    except UnknownNameError:
        return
    if record["contract_status"] != wanted:
        yield Problem(
            "contract_status",
            said("a status that does not go with the event type"),
            said("write {wanted}", wanted=wanted),
        )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def sendable(catalogue: Catalogue, principal: str) -> Mapping[str, frozenset[str]]:
    """The subjects and event types that a principal may send. Raises ConfigError for an unknown one."""
    try:
        return catalogue.principal(principal).sends
    except UnknownNameError as error:
        raise ConfigError(
            said(
                "{error}; one that the site has added is known where QIANBEI_ENTITLEMENTS names a "
                "folder with its file",
                error=error,
            )
        ) from None
