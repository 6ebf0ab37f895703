"""The headers by which a record that an operator sends in again says where it comes from: what ``intake.redrive`` holds.

    qb_redrive_origin    where its source's own record lies, such as intake.bureau/2/118
    qb_redrive_sha256    the digest of that record's bytes; where those of this one differ, it was edited
    qb_redrive_place     what was sent in again: the origin, or a place in intake.redrive if that was quarantined too
    qb_redrive_operator  who did it
    qb_redrive_reason    why
    qb_redrive_at        when, ISO 8601 in UTC

The right to write to the topic is the operators' alone, so these are believed if they are well-formed; whether what they
name lies in quarantine is looked at by the tool before, and by ``qianbei verify`` afterwards.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from broker.admission.model import Place, Redriven
from broker.errors import DecodeError
from broker.kafka import Header
from broker.topics import REDRIVE, intake_topic, principal_of
from schemas.catalogue import INTERNAL, Catalogue
from schemas.said import said

PREFIX = "qb_redrive_"
TEXT_LIMITS = {"operator": 120, "reason": 500}
"""Characters that the texts may have. They have at least one that is seen, and none that steers a terminal."""

_NAMES = ("origin", "sha256", "place", "operator", "reason", "at")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def headers_of(redriven: Redriven) -> tuple[Header, ...]:
    """What ``redriven_of`` reads again."""
    values = {
        "origin": str(redriven.origin),
        "sha256": redriven.sha256,
        "place": str(redriven.place),
        "operator": redriven.operator,
        "reason": redriven.reason,
        "at": redriven.at.isoformat(),
    }
    return tuple((PREFIX + name, values[name].encode()) for name in _NAMES)


def redriven_of(headers: Iterable[Header], sha256: str, catalogue: Catalogue) -> Redriven:
    """Where a record of ``intake.redrive`` with this digest comes from. Raises DecodeError BAD_PROVENANCE."""
    texts = _texts(headers)
    for name, limit in TEXT_LIMITS.items():
        if not fit_text(texts[name], limit):
            raise _bad(name, f"is empty, longer than {limit} or holds a control character")
    if not _SHA256.fullmatch(texts["sha256"]):
        raise _bad("sha256", "is no SHA-256 in hexadecimal")
    origin, place = _place("origin", texts), _place("place", texts)
    principal = principal_of(origin.topic)
    if not origin.topic.startswith("intake.") or principal not in catalogue.principals:
        raise _bad("origin", "is no place in the intake of a principal")
    if place not in (origin, place._replace(topic=intake_topic(REDRIVE))):
        raise _bad("place", "is neither the origin nor a place in intake.redrive")
    if principal == INTERNAL and sha256 != texts["sha256"]:
        raise _bad("sha256", "what the exchange asks of itself must not be edited")
    return Redriven(origin, texts["sha256"], place, texts["operator"], texts["reason"], _moment(texts))


def fit_text(text: str, limit: int) -> bool:
    """Whether a text may be an operator's name or reason."""
    return bool(text.strip()) and len(text) <= limit and text.isprintable()


def _texts(headers: Iterable[Header]) -> dict[str, str]:
    """The text of each of our headers, once."""
    given = [(name.removeprefix(PREFIX), value) for name, value in headers if name.startswith(PREFIX)]
    found = dict(given)
    for name in _NAMES:
        if found.get(name) is None:
            raise _bad(name, "is missing")
    if len(given) != len(_NAMES):
        raise DecodeError(
            "BAD_PROVENANCE",
            said(
                "there are {count} headers {prefix}…, not {count2}",
                count=len(given),
                prefix=PREFIX,
                count2=len(_NAMES),
            ),
        )
    try:
        return {name: found[name].decode() for name in _NAMES}
    except UnicodeDecodeError:
        raise DecodeError("BAD_PROVENANCE", said("a header {prefix}… is no UTF-8", prefix=PREFIX)) from None


def _place(name: str, texts: dict[str, str]) -> Place:
    place = Place.parse(texts[name])
    if place is None:
        raise _bad(name, "is no place: topic/partition/offset")
    return place


def _moment(texts: dict[str, str]) -> datetime:
    try:
        moment = datetime.fromisoformat(texts["at"])
    except ValueError:
        raise _bad("at", "is no time in ISO 8601") from None
    if moment.utcoffset() != timedelta(0):
        raise _bad("at", "is not in UTC")
    return moment.astimezone(UTC)


def _bad(name: str, detail: str) -> DecodeError:
    return DecodeError(
        "BAD_PROVENANCE", said("the header {prefix}{name} {detail}", prefix=PREFIX, name=name, detail=detail)
    )
