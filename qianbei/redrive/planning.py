"""What would be sent for a quarantined record, and what admission's pure checks say to it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from broker.admission import stages
from broker.admission.decide import Law
from broker.admission.intake import read
from broker.admission.model import Candidate, Place, Redriven
from broker.admission.reasons import Reason, Severity
from broker.admission.redriven import PREFIX, headers_of
from broker.admission.requests import request_key
from broker.admission.workspace import Workspace
from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import Header, Outgoing, Record
from broker.slots import slot_key, slot_of
from broker.topics import REDRIVE, intake_topic
from qianbei.inspect.quarantine import Quarantined
from qianbei.redrive.cases import Case
from schemas.catalogue import INTERNAL


class Act(NamedTuple):
    """Who sends in again, why and when."""

    operator: str
    reason: str
    at: datetime


class Unfit(NamedTuple):
    """Why a record would only be quarantined again."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent. ``candidate`` is what admission would read; ``foreseen`` what its checks of identity and fields
    say; what needs a look at other records is not foreseen."""

    case: Case
    held: Quarantined
    message: Outgoing
    edited: bool
    candidate: Candidate | None
    unfit: Unfit | None
    foreseen: Sequence[Reason]

    @property
    def key(self) -> str:
        return "" if self.message.key is None else self.message.key.decode(errors="backslashreplace")

    @property
    def refused(self) -> bool:
        """Whether it is foreseen to be refused."""
        return any(one.severity is Severity.REFUSE for one in self.foreseen)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans as admission would read and check what is sent."""

    decoder: Decoder
    law: Law
    slots: int

    def plan(self, case: Case, held: Quarantined, act: Act, edit: bytes | None = None) -> Plan:
        """What would be sent of this quarantine record, or these bytes in its place."""
        value = held.value if edit is None else edit
        place = Place.parse(held.place)
        assert place is not None, "a case holds records of well-formed places only"
        redriven = Redriven(case.origin, case.sha256, place, *act)
        key = self._key(case.principal, value) or held.key
        # Without a key of its own there is nothing to go by, and admission will say so: it is never sent.
        slot = place.partition if key is None else slot_of(key.decode(errors="replace"), self.slots)
        message = Outgoing(intake_topic(REDRIVE), slot, key, value, (*_others(held), *headers_of(redriven)))
        sha256 = hashlib.sha256(value or b"").hexdigest()
        if edit is None and sha256 != held.sha256:
            found: Candidate | Unfit = Unfit(
                "WRONG_BYTES", "the quarantine record holds other bytes than it states"
            )
        else:
            found = self._as_admission_reads(message)
        candidate, unfit = (found, None) if isinstance(found, Candidate) else (None, found)
        foreseen = self._foreseen(candidate, act.at) if candidate else ()
        return Plan(case, held, message, sha256 != case.sha256, candidate, unfit, foreseen)

    def _as_admission_reads(self, message: Outgoing) -> Candidate | Unfit:
        record = Record(message.topic, message.partition, 0, 0, message.key, message.value, message.headers)
        found = read(record, self.decoder, self.law.catalogue, self.slots)
        return found if isinstance(found, Candidate) else Unfit(found.reason, found.detail)

    def _key(self, principal: str, value: bytes | None) -> bytes | None:
        try:
            subject, body = self.decoder.decode(value)
        except DecodeError:
            return None
        key_of = request_key if principal == INTERNAL else slot_key
        return key_of(self.law.catalogue, subject, body).encode()

    def _foreseen(self, candidate: Candidate, at: datetime) -> Sequence[Reason]:
        if candidate.principal == INTERNAL:
            return ()
        draft = self.law.draft(candidate, Workspace(), at)
        return stages.identity(candidate, draft, self.law.catalogue) or self.law.checks(candidate, at)


def _others(held: Quarantined) -> tuple[Header, ...]:
    """The headers that the record came with, but for what an earlier redrive, or a source, says of a redrive."""
    return tuple((name, value or b"") for name, value in held.headers if not name.startswith(PREFIX))
