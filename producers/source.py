"""What all sources share: from a source's own fields to an event, and to the exchange's decision on it.

``fields`` are always the whole state of the entity after the event, in JSON form, without the envelope. ``version``
counts the events that the source has sent about this entity, refused ones included (but not stale ones and gaps).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import uuid4

from broker.settings import Settings
from producers.publisher import Decision, Publisher
from schemas.catalogue import load_catalogue

Fields = Mapping[str, Any]

ID_FIELDS = {
    "project": "project_id",
    "unit": "house_code",
    "sale": "contract_no",
    "lease": "contract_no",
    "mortgage": "contract_no",
    "seizure": "seizure_id",
}
"""The field that is the entity's id, in subjects that have one of their own; the others give ``entity_id``."""


class Source:
    """One principal and what it can say. Every call waits for the decision and returns it, refused or not.

    Calls raise InvalidEvent for fields that do not fit the schema, NotDecided, or what ``Publisher.send`` raises.
    """

    principal: ClassVar[str] = ""

    def __init__(
        self, publisher: Publisher, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._publisher = publisher
        self._now = now

    @classmethod
    @contextmanager
    def connected(cls, settings: Settings) -> Iterator[Self]:
        """The source on its live servers. ``settings`` are those of the principal's own Kafka user."""
        with Publisher(settings, cls.principal) as publisher:
            yield cls(publisher)

    def tell(self, subject: str, event_type: str, fields: Fields, version: int = 1) -> Decision:
        """Publish one event of any kind and wait for its decision."""
        return self._publisher.publish(subject, self.event(subject, event_type, fields, version))

    def event(self, subject: str, event_type: str, fields: Fields, version: int) -> dict[str, Any]:
        """The event in JSON form: ``fields`` in an envelope with a new event id, happening now unless they say when."""
        envelope: dict[str, Any] = {
            "event_id": str(uuid4()),
            "event_type": event_type,
            "entity_id": fields.get(ID_FIELDS.get(subject, "entity_id")),
            "version": version,
            "source": self._publisher.principal,
            "occurred_at": self._now().isoformat(),
        }
        if subject in ("sale", "lease", "mortgage"):
            envelope["contract_status"] = load_catalogue().transition(subject, event_type).to
        return {**envelope, **fields}

    def report(self, kind: str, feedback: Fields, version: int = 1) -> Decision:
        """Answer a record of another source; every principal may. ``kind`` is of the code list ``feedback_kind``."""
        return self.tell("feedback", "REPORTED", {"feedback_kind": kind, **feedback}, version)

    def report_correction(self, feedback: Fields) -> Decision:
        """Say that a field of another source's record is wrong (校核纠错)."""
        return self.report("CORRECTION", feedback)

    def withdraw_feedback(self, feedback: Fields, version: int) -> Decision:
        """Take an answer back."""
        return self.tell("feedback", "WITHDRAWN", feedback, version)


class Mortgagee(Source):
    """A lender that files its own mortgages."""

    def sign_mortgage(self, mortgage: Fields, version: int = 1) -> Decision:
        """网签."""
        return self.tell("mortgage", "SIGNED", mortgage, version)

    def file_mortgage(self, mortgage: Fields, version: int = 2) -> Decision:
        """备案: from now on the lender is interested in the sale that ``sale_contract_no`` names."""
        return self.tell("mortgage", "FILED", mortgage, version)

    def amend_mortgage(self, mortgage: Fields, version: int) -> Decision:
        """变更, under the same filing number."""
        return self.tell("mortgage", "AMENDED", mortgage, version)

    def cancel_mortgage(self, mortgage: Fields, version: int) -> Decision:
        """注销: the debt is paid."""
        return self.tell("mortgage", "CANCELLED", mortgage, version)

    def void_mortgage(self, mortgage: Fields, version: int) -> Decision:
        """作废: signed and never filed."""
        return self.tell("mortgage", "VOIDED", mortgage, version)
