"""From events that were sent to what stands decided of them: for sources that remember what they have sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.errors import Unavailable
from producers.first_decisions import FirstDecisions
from producers.jsonlines import Channel
from producers.publisher import Decision, Sent
from schemas.said import said

_DECISIONS_S = 120.0
NOT_COUNTED = frozenset(
    {"EVENT_ID_REUSED", "SOURCE_MISMATCH", "EVENT_NOT_PERMITTED", "FOREIGN_ENTITY", "STILL_HELD", "REKEY"}
    | {"UNIT_CHANGED", "STALE", "VERSION_GAP", "DUPLICATE", "ALREADY_REDRIVEN"}
)
"""Refusals that leave the version of the entity to be used: those before the fields are looked at."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reason of a refusal, as a reject file shows it."""

    code: str
    field: str | None
    text: str


def settle(channel: Channel, firsts: FirstDecisions, sent: Sequence[Sent]) -> list[Decision]:
    """The decisions that stand on these events, in their order. Raises Unavailable if one does not come.

    A duplicate was decided by a run that did not live to write it down: what counts is the decision that stands.
    """
    found = channel.decided(sent, timeout_s=_DECISIONS_S)
    if len(found) < len(sent):
        raise Unavailable(
            said(
                "{count} events were sent and not decided within {decisions_s:g} s. They are not "
                "lost: see with `qianbei status` that admission runs, then begin again",
                count=len(sent) - len(found),
                decisions_s=_DECISIONS_S,
            )
        )
    standing = firsts.of(found.values())
    return [standing[found[one.place].decision_id] for one in sent]


def told(decision: Decision) -> tuple[Told, ...]:
    """Why an event was refused."""
    if decision.outcome == "DUPLICATE":
        return (Told("DUPLICATE", None, "a duplicate of an event whose decision is not to be found"),)
    return tuple(Told(r.code, r.field, f"{r.zh} {r.en}") for r in decision.reasons if r.severity == "REFUSE")


def used_version(decision: Decision) -> int:
    """The version of its entity that a refused event has used up; 0 if none."""
    return 0 if NOT_COUNTED & {one.code for one in told(decision)} else decision.version
