"""What operators sent in again (``intake.redrive``) is answered as its original source's, and takes effect once.

* The outcome of a redriven record lies in the topics of the principal that its headers name as its origin.
* Its decision states what the headers state: whose record it was, what it was, who sent it in again and why.
* What was sent in again had been quarantined, with the digest that is stated.
* Of the redrives of one quarantined record at most one was accepted.

A record there that does not say whose it is has one outcome too: quarantine, in ``quarantine.redrive``.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from qianbei.verify.avro import Record
from qianbei.verify.outcome import ACCEPTED, QUARANTINED, REDRIVE, Outcome, may_hold
from qianbei.verify.report import Findings, place_of
from qianbei.verify.window import Window
from schemas.said import said

_PREFIX = "qb_redrive_"
_PLACE = re.compile(r"(intake\.[^/]+)/(\d+)/(\d+)")
_BAD_PROVENANCE = "BAD_PROVENANCE"

Place = tuple[str, int, int]


class Origin(NamedTuple):
    """What a redriven record says of itself. ``place`` is what was sent in again, as text."""

    topic: str
    partition: int
    offset: int
    sha256: str
    place: str
    operator: str
    reason: str

    @property
    def record(self) -> Place:
        return self[:3]

    @property
    def principal(self) -> str:
        return self.topic.partition(".")[2]


class Sent(NamedTuple):
    """A record of ``intake.redrive``. ``origin`` None: it does not say where it comes from."""

    place: Place
    sha256: str
    origin: Origin | None


class Answered(NamedTuple):
    """Its outcome, with the provenance that a decision states and the reason that a quarantine record gives."""

    outcome: Outcome
    stated: Record | None
    reason: str | None


class Redrives:
    """Feed it every record of ``intake.redrive`` and every outcome, in any order, then ask."""

    def __init__(self, window: Window, findings: Findings) -> None:
        self._window = window
        self._findings = findings
        self._sent: dict[Place, Sent] = {}
        self._answered: dict[Place, Answered] = {}
        self._quarantined: dict[Place, str] = {}
        self._origins: list[tuple[str, Origin]] = []
        self._accepted: dict[Place, str] = {}

    def add_intake(
        self, partition: int, offset: int, sha256: str, headers: Iterable[tuple[str, bytes | None]]
    ) -> None:
        """A record of ``intake.redrive``, with the digest of its bytes."""
        sent = Sent((REDRIVE, partition, offset), sha256, origin_of(headers))
        if sent.origin is not None and self._window.required(*sent.place):
            self._origins.append((place_of(*sent.place), sent.origin))
        answered = self._answered.pop(sent.place, None)
        if answered is None:
            self._sent[sent.place] = sent
        else:
            self._meet(sent, answered)

    def add_outcome(self, outcome: Outcome, record: Record) -> None:
        """Any decision or quarantine record."""
        place = (outcome.intake_topic, outcome.intake_partition, outcome.intake_offset)
        stated = record.get("redriven")
        if outcome.kind == QUARANTINED:
            self._quarantined[place] = outcome.sha256
        if outcome.intake_topic != REDRIVE:
            if stated is not None:
                self._findings.add(
                    "WRONG_PROVENANCE", outcome.place, said("says of a source's record it was redriven")
                )
            return
        if outcome.kind == ACCEPTED and stated is not None:
            self._accept(
                outcome, (stated["intake_topic"], stated["intake_partition"], stated["intake_offset"])
            )
        answered = Answered(outcome, stated, record.get("reason"))
        sent = self._sent.pop(place, None)
        if sent is None:
            self._answered[place] = answered
        else:
            self._meet(sent, answered)

    def finish(self) -> None:
        """Note what was sent in again without ever having been quarantined."""
        for place, origin in self._origins:
            self._check_quarantined(place, origin.record, origin.sha256)
            if (again := _parsed(origin.place)) is not None and again != origin.record:
                self._check_quarantined(place, again, None)

    # -- one record ---------------------------------------------------------------------------------------------------

    def _accept(self, outcome: Outcome, origin: Place) -> None:
        first = self._accepted.setdefault(origin, outcome.place)
        if first != outcome.place:
            self._findings.add(
                "REDRIVEN_TWICE", outcome.place, said("the same record was accepted by {first}", first=first)
            )

    def _meet(self, sent: Sent, answered: Answered) -> None:
        self._findings.counts["redriven"] += 1
        outcome, origin = answered.outcome, sent.origin
        unclaimed = answered.reason == _BAD_PROVENANCE and outcome.topic == "quarantine.redrive"
        if outcome.topic.partition(".")[2] != (origin.principal if origin and not unclaimed else "redrive"):
            self._findings.add(
                "WRONG_TOPIC",
                outcome.place,
                said("answers what {value} redrives", value=place_of(*sent.place)),
            )
        elif outcome.kind != QUARANTINED and not (origin and _states(answered.stated, origin, sent.sha256)):
            self._findings.add(
                "WRONG_PROVENANCE",
                outcome.place,
                said("does not state what {value} says of itself", value=place_of(*sent.place)),
            )

    def _check_quarantined(self, place: str, redriven: Place, sha256: str | None) -> None:
        topic, partition, offset = redriven
        found = self._quarantined.get(redriven)
        if found is None:
            holders = [p for p in self._window.begins if p[1] == partition and may_hold(p[0], topic)]
            if not self._window.expired(topic, partition, offset) and not self._window.cut(holders):
                self._findings.add(
                    "NOT_QUARANTINED",
                    place,
                    said("redrives {value}, which never was", value=place_of(*redriven)),
                )
        elif sha256 not in (None, found):
            self._findings.add(
                "WRONG_PROVENANCE",
                place,
                said("states another SHA-256 of {value}", value=place_of(*redriven)),
            )


def _states(stated: Record | None, origin: Origin, sha256: str) -> bool:
    """Whether a decision states this origin, and rightly that the bytes with this digest are edited or are not."""
    return stated is not None and (
        Origin(
            stated["intake_topic"],
            stated["intake_partition"],
            stated["intake_offset"],
            stated["intake_sha256"],
            stated["place"],
            stated["operator"],
            stated["reason"],
        )
        == origin
        and stated["edited"] == (sha256 != origin.sha256)
    )


def origin_of(headers: Iterable[tuple[str, bytes | None]]) -> Origin | None:
    """What the headers of a record say of its origin; None if they do not."""
    texts = {
        name.removeprefix(_PREFIX): (value or b"").decode(errors="replace")
        for name, value in headers
        if name.startswith(_PREFIX)
    }
    record = _parsed(texts.get("origin", ""))
    if record is None or not {"sha256", "place", "operator", "reason"} <= texts.keys():
        return None
    return Origin(*record, texts["sha256"], texts["place"], texts["operator"], texts["reason"])


def _parsed(text: str) -> Place | None:
    found = _PLACE.fullmatch(text)
    return None if found is None else (found[1], int(found[2]), int(found[3]))
